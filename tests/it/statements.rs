//! No procedure's number of SQL statements grows with the rows it looks at.

use std::collections::BTreeMap;

use clusterdesk::{
    models::user::Role,
    routers,
    rpc::{Registry, procedure::Procedure},
};
use serde_json::{Value, json};

use crate::support::{Backend, Builder, TestApp, TestDatabase, both_databases, hours_ago, literal};

/// An input that succeeds, given the ids of a live and of a deleted cluster of the caller's.
fn input(procedure: &str, live: i64, deleted: i64) -> Value {
    match procedure {
        "hello.hello" => json!({"text": "you"}),
        "k8s.get" | "k8s.delete" => json!({"id": live}),
        "k8s.update" => json!({"id": live, "name": "db"}),
        "k8s.setStatus" => json!({"id": live, "status": "CREATING"}),
        "k8s.restore" => json!({"id": deleted}),
        "k8s.create" => json!({"name": "web", "location": "eu", "plan": "PRO"}),
        "k8s.listDeleted" | "admin.listUsers" | "admin.auditLog" => json!({"limit": 100}),
        "admin.listClusters" => json!({"limit": 100, "includeDeleted": true}),
        "user.updateName" => json!({"name": "Ada"}),
        "user.delete" | "user.softDelete" => json!({"force": true}),
        "admin.setRole" => json!({"userId": "other", "role": "ADMIN"}),
        "auth.mySubscription"
        | "k8s.list"
        | "k8s.count"
        | "customer.get"
        | "customer.create"
        | "user.me"
        | "user.summary"
        | "admin.getStats" => Value::Null,
        new => panic!("{new} is new: say here how to call it"),
    }
}

/// So many SQL rows, joined for an INSERT.
fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
    (1..=count).map(row).collect::<Vec<_>>().join(", ")
}

/// `count` of everything that belongs to nobody in particular.
fn populate(app: &TestApp, count: usize) {
    app.provision("other", Role::User);
    let at = literal(hours_ago(1));
    let users = rows(count, |n| format!("('user_{n}', 'USER', {at}, {at})"));
    let customers = rows(count, |n| format!("('user_{n}', 'PRO', {at}, {at}, {at})"));
    let clusters = rows(count, |n| format!("('web', 'eu', 'user_{n}', 'FREE', 'Default', 'PENDING', {at}, {at})"));
    let entries = rows(count, |_| format!("({at}, 'root', 'x', 'x', 'x', 'null', 'x')"));
    app.execute(&format!(
        "INSERT INTO users (id, role, created_at, updated_at) VALUES {users};
         INSERT INTO customers (auth_user_id, plan, stripe_current_period_end, created_at, updated_at) VALUES {customers};
         INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, network, status, created_at, updated_at)
         VALUES {clusters};
         INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id) VALUES {entries}"
    ));
}

/// A fresh admin with a customer, a live cluster, `count` deleted ones and as many tokens. Returns the clusters' ids.
fn populate_caller(app: &TestApp, id: &str, count: usize) -> (i64, i64) {
    app.rich(id);
    let at = literal(hours_ago(1));
    let clusters =
        rows(count, |_| format!("('web', 'eu', '{id}', 'BUSINESS', 'Default', 'DELETED', {at}, {at}, {at})"));
    let tokens = rows(count, |n| format!("('{id}', 'script', '{:0>64}', 'read', {at})", format!("{n}{id}")));
    app.execute(&format!(
        "UPDATE users SET role = 'ADMIN' WHERE id = '{id}';
         INSERT INTO k8s_cluster_configs
             (name, location, auth_user_id, plan, network, status, created_at, updated_at, deleted_at)
         VALUES ('web', 'eu', '{id}', 'FREE', 'Default', 'PENDING', {at}, {at}, NULL), {clusters};
         INSERT INTO api_tokens (user_id, name, hash, scope, created_at) VALUES {tokens}"
    ));
    let first = |state: &str| {
        let sql =
            format!("SELECT min(id) || '' AS line FROM k8s_cluster_configs WHERE auth_user_id = '{id}' AND {state}");
        app.lines(&sql)[0].parse().unwrap()
    };
    (first("deleted_at IS NULL"), first("deleted_at IS NOT NULL"))
}

/// What the server has counted for a procedure so far.
async fn counted(app: &TestApp, procedure: &str) -> u64 {
    let response = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap();
    let prefix = format!("clusterdesk_statements_total{{procedure=\"{procedure}\"}} ");
    let metrics = response.text().await.unwrap();
    metrics.lines().find_map(|line| line.strip_prefix(prefix.as_str())).map_or(0, |count| count.parse().unwrap())
}

/// The statements of one call of each procedure.
async fn count_all(backend: Backend, rows: usize, chosen: fn(&Procedure) -> bool) -> BTreeMap<&'static str, u64> {
    let app = Builder::new(backend).start().await;
    populate(&app, rows);
    let registry = Registry::new(routers::all()).unwrap();
    let mut counts = BTreeMap::new();
    for procedure in registry.procedures().filter(|procedure| chosen(procedure)) {
        let (name, caller) = (procedure.name, format!("caller of {}", procedure.name));
        let (live, deleted) = populate_caller(&app, &caller, rows);
        if name == "customer.create" {
            app.execute(&format!("DELETE FROM customers WHERE auth_user_id = '{caller}'"));
        }
        app.user(&caller).call(name, input(name, live, deleted)).await;
        counts.insert(name, counted(&app, name).await);
    }
    counts
}

both_databases! {
    async fn no_procedure_runs_more_statements_for_more_rows(database: TestDatabase) {
        let few = count_all(database.backend, 1, |_| true).await;
        assert!(few.len() > 20 && few.values().all(|count| *count > 0), "{few:?}");
        assert_eq!(count_all(database.backend, 100, |_| true).await, few);
    }

    async fn a_procedure_of_one_statement_runs_one_besides_finding_the_caller(database: TestDatabase) {
        let counts = count_all(database.backend, 1, |procedure| procedure.one_statement).await;
        assert!(counts.len() > 5 && counts.values().all(|count| *count <= 2), "{counts:?}");
    }
}
