//! The number of SQL statements of a procedure does not depend on the number of rows.

use std::collections::{BTreeMap, HashMap};

use procedures::{Access, Kind, Procedure};
use serde_json::{Value, json};

use crate::support::{
    Backend, Builder, PRO, StripeStandIn, TestApp, TestDatabase, both_databases, browses, catalogue, hours_ago,
    hours_ahead, literal, runs_one_statement,
};

/// The first id of the tokens and sessions that [`known`] adds.
const KNOWN: i64 = 1_000_001;

/// A valid input, given the ids of a live and of a deleted cluster of the caller.
pub fn input(procedure: &str, live: i64, deleted: i64) -> Value {
    match procedure {
        "k8s.delete" => json!({"id": live}),
        "k8s.update" => json!({"id": live, "name": "db"}),
        "k8s.setStatus" => json!({"id": live, "status": "CREATING"}),
        "k8s.restore" | "admin.restoreCluster" => json!({"id": deleted}),
        "k8s.create" => json!({"name": "web", "location": "eu", "plan": "PRO"}),
        "k8s.listDeleted" | "admin.listUsers" | "admin.auditLog" => json!({"limit": 100}),
        "admin.listClusters" => json!({"limit": 100, "includeDeleted": true}),
        "user.updateName" => json!({"name": "Ada"}),
        "user.delete" | "user.softDelete" => json!({"force": true}),
        "admin.replayWebhook" => json!({"eventId": "evt_1"}),
        "stripe.createSession" => json!({"planId": PRO}),
        "token.create" => json!({"name": "deploy", "scope": "read", "expiresInDays": 1}),
        "token.revoke" => json!({"id": KNOWN}),
        "token.rotate" => json!({"id": KNOWN + 1}),
        "session.revoke" => json!({"id": KNOWN}),
        "admin.getUser" | "admin.reconcileUser" => json!({"userId": "user_1"}),
        "admin.names" => json!({"userIds": ["user_1", "nobody"]}),
        "admin.setRole" => json!({"userId": "user_1", "role": "ADMIN"}),
        _ => example(procedure, live),
    }
}

/// The input of a procedure's first example, about the caller's own cluster.
fn example(procedure: &str, live: i64) -> Value {
    let mut input = catalogue().get(procedure).unwrap().examples[0].input.clone();
    if let Some(id) = input.get_mut("id") {
        *id = json!(live);
    }
    input
}

/// `count` rows in SQL.
fn rows(count: usize, row: impl Fn(usize) -> String) -> Vec<String> {
    (1..=count).map(row).collect()
}

/// Inserts a caller for each procedure, with the procedure's name as id: an admin and customer with one live cluster,
/// `count` deleted clusters, `count` tokens and `count` sessions. Also inserts `count` other users, audit entries and Stripe events.
pub fn populate(app: &TestApp, count: usize, callers: &[&str]) {
    let at = literal(hours_ago(1));
    let user = |id: &str, role: &str| format!("('{id}', '{role}', {at}, {at})");
    let customer = |id: &str| format!("('{id}', 'BUSINESS', {}, {at}, {at})", literal(hours_ahead(1)));
    let live = |id: &str| format!("('web', 'eu', '{id}', 'FREE', 'Default', 'PENDING', {at}, {at}, NULL)");
    let deleted = |id: &str| format!("('web', 'eu', '{id}', 'BUSINESS', 'Default', 'DELETED', {at}, {at}, {at})");
    let entry = |_| format!("({at}, 'root', 'x', 'x', 'x', 'null', 'x')");
    let mut users = rows(count, |n| user(&format!("user_{n}"), "USER"));
    let mut customers = rows(count, |n| customer(&format!("user_{n}")));
    let mut clusters = rows(count, |n| live(&format!("user_{n}")));
    let (mut tokens, mut sessions) = (Vec::new(), Vec::new());
    for id in callers {
        users.push(user(id, "ADMIN"));
        if *id != "customer.create" {
            customers.push(customer(id));
        }
        clusters.push(live(id));
        clusters.extend(rows(count, |_| deleted(id)));
        // Whoever makes one may not have as many that are live.
        let revoked = if *id == "token.create" { at.as_str() } else { "NULL" };
        let token = |n| format!("('{id}', 'script', '{:0>64}', 'read', {at}, {revoked})", format!("{n}{id}"));
        tokens.extend(rows(count, token));
        let end = literal(hours_ahead(1));
        sessions.extend(rows(count, |n| format!("('{id}', '{:0>64}', {at}, {end}, {at})", format!("{n}{id}"))));
    }
    let (users, customers, clusters) = (users.join(", "), customers.join(", "), clusters.join(", "));
    let event = |n| {
        let payload = json!({"id": format!("evt_{n}"), "type": "x", "created": 1, "data": {"object": {}}});
        format!("('evt_{n}', 'x', {at}, {at}, 1, 'x', '{payload}')")
    };
    let events = rows(count, event).join(", ");
    let (tokens, sessions) = (tokens.join(", "), sessions.join(", "));
    let entries = rows(count, entry).join(", ");
    app.execute(&format!(
        "INSERT INTO users (id, role, created_at, updated_at) VALUES {users};
         UPDATE users SET name = 'Name of ' || id;
         INSERT INTO customers (auth_user_id, plan, stripe_current_period_end, created_at, updated_at)
         VALUES {customers};
         INSERT INTO k8s_cluster_configs
             (name, location, auth_user_id, plan, network, status, created_at, updated_at, deleted_at)
         VALUES {clusters};
         INSERT INTO api_tokens (user_id, name, hash, scope, created_at, revoked_at) VALUES {tokens};
         INSERT INTO sessions (user_id, hash, created_at, expires_at, last_used_at) VALUES {sessions};
         INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
         VALUES {entries};
         INSERT INTO stripe_events (id, kind, created_at, received_at, attempts, error, payload) VALUES {events}"
    ));
    known(app, callers);
}

/// Gives the callers that act on a token or a session of their own one with a known id, beyond those that the database gives.
fn known(app: &TestApp, callers: &[&str]) {
    let at = literal(hours_ago(1));
    for (name, id) in [("token.revoke", KNOWN), ("token.rotate", KNOWN + 1), ("session.revoke", KNOWN)] {
        if callers.contains(&name) {
            let hash = format!("{:0>64}", format!("{id}{name}"));
            app.execute(&match name {
                "session.revoke" => format!(
                    "INSERT INTO sessions (id, user_id, hash, created_at, expires_at, last_used_at)
                     VALUES ({id}, '{name}', '{hash}', {at}, {at}, {at})"
                ),
                _ => format!(
                    "INSERT INTO api_tokens (id, user_id, name, hash, scope, created_at)
                     VALUES ({id}, '{name}', 'own', '{hash}', 'read', {at})"
                ),
            });
        }
    }
}

/// The ids of the live cluster and of a deleted cluster, by caller.
pub fn clusters(app: &TestApp) -> HashMap<String, (i64, i64)> {
    let sql = "SELECT auth_user_id || ' ' || min(CASE WHEN deleted_at IS NULL THEN id END) || ' ' || max(id) AS line
               FROM k8s_cluster_configs GROUP BY auth_user_id";
    let read = |line: String| {
        let [owner, live, deleted] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        (owner.to_owned(), (live.parse().unwrap(), deleted.parse().unwrap()))
    };
    app.lines(sql).into_iter().map(read).collect()
}

/// The number of statements that the metrics show for a procedure.
pub async fn counted(app: &TestApp, procedure: &str) -> u64 {
    let response = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap();
    let prefix = format!("clusterdesk_statements_total{{procedure=\"{procedure}\"}} ");
    let metrics = response.text().await.unwrap();
    metrics.lines().find_map(|line| line.strip_prefix(prefix.as_str())).map_or(0, |count| count.parse().unwrap())
}

/// The number of statements of one call, by procedure.
async fn count_all(backend: Backend, rows: usize, chosen: fn(&Procedure) -> bool) -> BTreeMap<&'static str, u64> {
    let stripe = StripeStandIn::start().await;
    let app = Builder::new(backend).with_billing(&stripe).start().await;
    let registry = catalogue();
    let chosen = registry.procedures().filter(|procedure| chosen(procedure));
    let names: Vec<&'static str> = chosen.map(|procedure| procedure.name).collect();
    populate(&app, rows, &names);
    let clusters = clusters(&app);
    let mut counts = BTreeMap::new();
    for name in names {
        let (live, deleted) = clusters[name];
        app.user(name).call(name, input(name, live, deleted)).await;
        counts.insert(name, counted(&app, name).await);
    }
    counts
}

/// Whether a procedure is called. A subscription runs until it is ended.
fn is_called(procedure: &Procedure) -> bool {
    procedure.kind != Kind::Subscription
}

both_databases! {
    async fn no_procedure_runs_more_statements_for_more_rows(database: TestDatabase) {
        let few = count_all(database.backend, 1, is_called).await;
        // `rpc.discover` needs no database.
        assert!(few.len() > 20 && few.iter().all(|(name, count)| (*count == 0) == (*name == "rpc.discover")), "{few:?}");
        assert_eq!(count_all(database.backend, 100, is_called).await, few);
    }

    async fn a_one_statement_procedure_runs_one_besides_the_caller_look_up(database: TestDatabase) {
        let counts = count_all(database.backend, 1, |procedure| runs_one_statement(procedure.name)).await;
        assert!(counts.len() > 5 && counts.values().all(|count| *count <= 2), "{counts:?}");
    }
}

fn is_page_of_admins(procedure: &Procedure) -> bool {
    let output = procedure.examples[0].output.as_ref();
    matches!(procedure.access, Access::Service | Access::Admin)
        && output.is_some_and(|output| output.get("nextCursor").is_some())
}

/// A page of all users' rows may be filtered by its caller, and needs a plan for the values.
#[test]
fn the_pages_of_admins_browse() {
    let all = catalogue();
    let pages = all.procedures().filter(|procedure| is_page_of_admins(procedure));
    let names: Vec<_> = pages.map(|procedure| procedure.name).collect();
    assert!(names.len() >= 4 && names.iter().all(|name| browses(name)), "{names:?}");
}
