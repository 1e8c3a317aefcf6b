//! Order, sorting and totals of the lists for admins.

use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, all, both_databases, hours_ago, literal};

const LISTS: [&str; 4] = ["admin.listUsers", "admin.listClusters", "admin.auditLog", "admin.webhookEvents"];
/// More rows than a total counts.
const MANY: usize = 1003;

/// The ids of all pages.
async fn walk(caller: &Client, list: &str, mut input: Value) -> Vec<Value> {
    let mut ids = Vec::new();
    loop {
        let page = caller.call(list, input.clone()).await;
        ids.extend(all(&page["items"], "id").into_iter().cloned());
        input["cursor"] = page["nextCursor"].clone();
        if input["cursor"].is_null() {
            return ids;
        }
        assert!(ids.len() < 100, "{list} does not end");
    }
}

async fn total(admin: &Client, list: &str, mut input: Value) -> Value {
    input["total"] = json!(true);
    input["limit"] = json!(1);
    admin.call(list, input).await.get("total").cloned().unwrap_or_default()
}

fn exact(count: i64) -> Value {
    json!({"count": count, "more": false})
}

/// Values of SQL, one for each number.
fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
    (0..count).map(row).collect::<Vec<_>>().join(", ")
}

fn name(app: &TestApp, id: &str, name: Option<&str>) {
    app.provision(id, Role::User);
    let name = name.map_or("NULL".to_owned(), |name| format!("'{name}'"));
    app.execute(&format!("UPDATE users SET name = {name} WHERE id = '{id}'"));
}

/// A few rows in each list, some of them from the same time.
async fn populate(app: &TestApp) -> Client {
    let admin = app.admin();
    for (number, hours) in [(1, 3), (2, 3), (3, 2)] {
        let at = literal(hours_ago(hours));
        name(app, &format!("user_{number}"), None);
        app.execute(&format!(
            "UPDATE users SET created_at = {at} WHERE id = 'user_{number}';
             INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, status, created_at, updated_at)
             VALUES ('web', 'eu', 'user_{number}', 'FREE', 'RUNNING', {at}, {at});
             INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
             VALUES ({at}, 'root', 'k8s.create', 'cluster', '{number}', 'null', 'id');
             INSERT INTO stripe_events (id, kind, created_at, received_at, attempts, error, payload)
             VALUES ('evt_{number}', 'x', {at}, {at}, 1, 'x', '{{}}')"
        ));
    }
    admin
}

both_databases! {
    async fn an_ascending_list_is_the_descending_one_from_its_end(app: TestApp) {
        let admin = populate(&app).await;
        for list in LISTS {
            let mut expected = walk(&admin, list, json!({})).await;
            assert_eq!(expected, walk(&admin, list, json!({"order": "desc"})).await, "{list}");
            assert!(expected.len() >= 3, "{list}");
            expected.reverse();
            for limit in [1, 2, 100] {
                let ascending = walk(&admin, list, json!({"order": "asc", "limit": limit})).await;
                assert_eq!(ascending, expected, "{list} by {limit}");
            }
        }
        let owned = json!({"userId": "user_1", "order": "asc", "limit": 1});
        app.rich("user_1").create("shop", "PRO").await;
        assert_eq!(json!(walk(&admin, "admin.listClusters", owned).await), json!([1, 4]));
    }

    async fn a_cursor_fits_only_its_own_order(app: TestApp) {
        let admin = populate(&app).await;
        let mut ways = vec![json!({"order": "asc"}), json!({"order": "desc"})];
        for list in LISTS {
            if list == "admin.listUsers" {
                ways.extend([json!({"sort": "name", "order": "asc"}), json!({"sort": "name"})]);
            }
            for (one, way) in ways.iter().enumerate() {
                let mut first = way.clone();
                first["limit"] = json!(1);
                let cursor = admin.call(list, first.clone()).await["nextCursor"].clone();
                for (other, way) in ways.iter().enumerate() {
                    let mut next = way.clone();
                    next["cursor"] = cursor.clone();
                    if one == other {
                        admin.call(list, next).await;
                    } else {
                        let failure = admin.fail("BAD_REQUEST", list, next.clone()).await;
                        assert_eq!(failure.issues(), ["cursor: invalid_value"], "{list} {first} {next}");
                    }
                }
            }
            ways.truncate(2);
        }
    }

    async fn users_are_sorted_by_name_or_by_id_without_one(app: TestApp) {
        let admin = app.admin();
        for (id, text) in [("u1", Some("bob")), ("u2", Some("Alice")), ("b_nameless", None), ("u3", Some("Bob")), ("u4", Some("carol.x"))] {
            name(&app, id, text);
        }
        app.execute("UPDATE users SET name = 'Zed' WHERE id = 'root'");
        let expected = json!(["u2", "b_nameless", "u1", "u3", "u4", "root"]);
        for limit in [1, 2, 6, 7] {
            let sorted = walk(&admin, "admin.listUsers", json!({"sort": "name", "order": "asc", "limit": limit})).await;
            assert_eq!(json!(sorted), expected, "by {limit}");
        }
        let mut back = walk(&admin, "admin.listUsers", json!({"sort": "name", "limit": 1})).await;
        back.reverse();
        assert_eq!(json!(back), expected);
        let found = walk(&admin, "admin.listUsers", json!({"sort": "name", "order": "asc", "search": "BO", "limit": 1})).await;
        assert_eq!(json!(found), json!(["u1", "u3"]));
    }

    async fn the_longest_names_and_ids_fit_into_a_cursor(app: TestApp) {
        let admin = app.admin();
        for last in ["𝒳", "𝒴"] {
            let (id, at) = (format!("{}{last}", "𝒵".repeat(254)), literal(hours_ago(1)));
            app.execute(&format!(
                "INSERT INTO users (id, name, created_at, updated_at) VALUES ('{id}', '{}', {at}, {at})",
                "𝒵".repeat(100)
            ));
        }
        let sorted = walk(&admin, "admin.listUsers", json!({"sort": "name", "order": "asc", "limit": 1})).await;
        assert_eq!(sorted.len(), 3);
        app.execute("UPDATE users SET name = NULL");
        assert_eq!(walk(&admin, "admin.listUsers", json!({"sort": "name", "limit": 1})).await.len(), 3);
    }

    async fn users_are_filtered_by_role(app: TestApp) {
        let admin = populate(&app).await;
        app.provision("admin_2", Role::Admin);
        app.provision("gone", Role::Admin);
        app.user("gone").call("user.softDelete", Value::Null).await;
        let admins = json!({"role": "ADMIN", "sort": "name", "order": "asc"});
        assert_eq!(json!(walk(&admin, "admin.listUsers", admins).await), json!(["admin_2", "root"]));
        let users = json!({"role": "USER", "sort": "name", "order": "asc"});
        assert_eq!(json!(walk(&admin, "admin.listUsers", users).await), json!(["user_1", "user_2", "user_3"]));
        assert_eq!(total(&admin, "admin.listUsers", json!({"role": "ADMIN"})).await, exact(2));
        assert_eq!(total(&admin, "admin.listUsers", json!({"role": "ADMIN", "includeDeleted": true})).await, exact(3));
        assert_eq!(total(&admin, "admin.listUsers", json!({"role": "USER"})).await, exact(3));
        let failure = admin.fail("BAD_REQUEST", "admin.listUsers", json!({"role": "ROOT", "sort": "email", "order": "up"})).await;
        assert_eq!(failure.issues(), ["order: invalid_value", "role: invalid_value", "sort: invalid_value"]);
    }

    async fn totals_count_what_is_listed(app: TestApp) {
        let admin = populate(&app).await;
        app.user("user_3").call("k8s.delete", json!({"id": 3})).await;
        app.user("user_2").call("user.softDelete", Value::Null).await;
        for (list, filter) in [
            ("admin.listUsers", json!({})),
            ("admin.listUsers", json!({"includeDeleted": true})),
            ("admin.listClusters", json!({})),
            ("admin.listClusters", json!({"includeDeleted": true})),
            ("admin.listClusters", json!({"status": "RUNNING"})),
            ("admin.listClusters", json!({"status": "DELETED"})),
            ("admin.listClusters", json!({"status": "DELETED", "includeDeleted": true})),
            ("admin.listClusters", json!({"plan": "FREE"})),
            ("admin.listClusters", json!({"plan": "FREE", "includeDeleted": true})),
            ("admin.listClusters", json!({"userId": "user_1"})),
            ("admin.listClusters", json!({"userId": "user_1", "plan": "PRO"})),
            ("admin.listClusters", json!({"userId": "user_2", "includeDeleted": true})),
            ("admin.auditLog", json!({})),
            ("admin.auditLog", json!({"actorId": "root"})),
            ("admin.auditLog", json!({"procedure": "k8s.create"})),
            ("admin.auditLog", json!({"entity": "cluster"})),
            ("admin.auditLog", json!({"entityId": "3"})),
            ("admin.auditLog", json!({"entity": "cluster", "entityId": "3"})),
            ("admin.auditLog", json!({"since": hours_ago(1).to_string()})),
            ("admin.auditLog", json!({"entity": "cluster", "until": hours_ago(1).to_string()})),
            ("admin.webhookEvents", json!({})),
            ("admin.webhookEvents", json!({"failed": true})),
        ] {
            let listed = walk(&admin, list, filter.clone()).await.len();
            assert_eq!(total(&admin, list, filter.clone()).await, exact(listed as i64), "{list} {filter}");
        }
        let page = admin.call("admin.listUsers", json!({"total": false})).await;
        assert!(page.get("total").is_none());
    }

    async fn a_total_stops_at_a_thousand_or_is_left_out(app: TestApp) {
        let admin = app.admin();
        let at = literal(hours_ago(1));
        let entries = rows(MANY, |_| format!("({at}, 'root', 'k8s.create', 'cluster', '7', 'null', 'id')"));
        let events = rows(MANY, |n| format!("('evt_{n}', 'x', {at}, {at}, 1, 'x', '{{}}')"));
        let users = rows(MANY, |n| format!("('user_{n}', {at}, {at})"));
        let clusters = rows(MANY, |n| format!("('web', 'eu', 'user_{n}', 'PRO', 'RUNNING', {at}, {at})"));
        app.execute(&format!(
            "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id) VALUES {entries};
             INSERT INTO stripe_events (id, kind, created_at, received_at, attempts, error, payload) VALUES {events};
             INSERT INTO users (id, created_at, updated_at) VALUES {users};
             INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, status, created_at, updated_at) VALUES {clusters}"
        ));
        let many = json!({"count": 1000, "more": true});
        for (list, filter, expected) in [
            // Counters have no bound.
            ("admin.listUsers", json!({}), exact(1004)),
            ("admin.listUsers", json!({"role": "USER"}), exact(1003)),
            ("admin.listUsers", json!({"search": "user_"}), Value::Null),
            ("admin.listUsers", json!({"search": "root"}), exact(1)),
            ("admin.listUsers", json!({"search": "nobody"}), exact(0)),
            ("admin.listUsers", json!({"role": "USER", "includeDeleted": true}), Value::Null),
            ("admin.listClusters", json!({}), exact(1003)),
            ("admin.listClusters", json!({"status": "RUNNING"}), many.clone()),
            ("admin.listClusters", json!({"plan": "PRO"}), many.clone()),
            ("admin.listClusters", json!({"plan": "PRO", "status": "RUNNING"}), Value::Null),
            ("admin.listClusters", json!({"plan": "FREE", "status": "RUNNING"}), exact(0)),
            ("admin.auditLog", json!({}), many.clone()),
            ("admin.auditLog", json!({"entityId": "7"}), many.clone()),
            ("admin.auditLog", json!({"actorId": "root"}), many.clone()),
            ("admin.auditLog", json!({"actorId": "root", "procedure": "k8s.create"}), Value::Null),
            ("admin.webhookEvents", json!({}), many.clone()),
        ] {
            assert_eq!(total(&admin, list, filter.clone()).await, expected, "{list} {filter}");
        }
        // Also on a later page.
        let cursor = admin.call("admin.listUsers", json!({})).await["nextCursor"].clone();
        assert_eq!(total(&admin, "admin.listUsers", json!({"cursor": cursor})).await, exact(1004));
    }
}
