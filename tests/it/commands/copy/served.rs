//! A copy is made while servers use the source, and serves like it.

use serde_json::{Value, json};

use super::{WAYS, copy, filled, target};
use crate::support::{Builder, Sql, TestApp, TestDatabase, Watcher};

/// The greatest ids of the tables that number their rows.
fn greatest(database: &TestDatabase) -> Vec<i64> {
    ["k8s_cluster_configs", "customers", "api_tokens", "audit_log", "audit_events", "cluster_events"]
        .map(|table| database.connect().number(&format!("SELECT max(id) FROM {table}")))
        .to_vec()
}

/// What callers see. The first admin of the sample may look at everything.
async fn seen(app: &TestApp) -> Vec<Value> {
    let (user, admin) = (app.user("user_sample_000006"), app.user("user_sample_000001"));
    let mut seen = Vec::new();
    for (client, name, input) in [
        (&user, "user.me", Value::Null),
        (&user, "k8s.list", Value::Null),
        (&user, "k8s.count", Value::Null),
        (&user, "k8s.listDeleted", json!({"limit": 10})),
        (&user, "customer.get", Value::Null),
        (&user, "auth.mySubscription", Value::Null),
        (&admin, "admin.getStats", Value::Null),
        (&admin, "admin.listUsers", json!({"limit": 50})),
        (&admin, "admin.listClusters", json!({"plan": "PRO"})),
        (&admin, "admin.auditLog", json!({"limit": 50})),
        (&admin, "user.summary", json!({"userId": "user_sample_000009"})),
    ] {
        seen.push(client.call(name, input).await);
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_copy_serves_like_its_source() {
    for (from, to) in WAYS {
        let source = Builder::with_database(filled(from)).start().await;
        let ann = source.user("ann");
        let deleted = ann.create("gone", "FREE").await;
        ann.call("k8s.delete", json!({"id": deleted})).await;
        let last = ann.create("kept", "FREE").await;
        // The row with the greatest id is gone, and its number must not come back.
        let root = source.user("user_sample_000001");
        source.user("bob").create("last", "FREE").await;
        root.call("user.delete", json!({"userId": "bob"})).await;
        source.execute("DELETE FROM k8s_cluster_configs WHERE auth_user_id IS NULL AND name = 'last'");
        let before = seen(&source).await;

        let database = target(to);
        copy(&source.database, &database);
        let (old, numbered) = (greatest(&source.database), greatest(&database));
        assert_eq!(old, numbered, "{from:?} to {to:?}");
        let app = Builder::with_database(database).start().await;
        assert_eq!(seen(&app).await, before, "{from:?} to {to:?}");

        // One who watched the source goes on with the copy, and misses nothing.
        let admin = app.user("user_sample_000001");
        let event = app.connect().number("SELECT max(id) FROM cluster_events WHERE name = 'kept'");
        let mut watcher = Watcher::open(&admin, json!({"lastEventId": event.to_string()})).await;
        let ann = app.user("ann");
        ann.call("k8s.delete", json!({"id": last})).await;
        ann.call("k8s.restore", json!({"id": last})).await;
        let created = app.user("carol").create("new", "FREE").await;
        assert!(created > last + 1, "{created} was the number of a cluster that is gone");
        let told = watcher.told(5).await;
        assert_eq!(told, ["created last", "deleted last", "deleted kept", "restored kept", "created new"]);
        app.user("carol").call("customer.create", Value::Null).await;
        app.user("bob").fail("UNAUTHORIZED", "user.me", Value::Null).await;
        admin.call("admin.setRole", json!({"userId": "carol", "role": "ADMIN"})).await;
        assert!(greatest(&app.database).iter().zip(&old).all(|(new, old)| new >= old));
        let stats = admin.call("admin.getStats", Value::Null).await;
        assert_eq!(stats["totalUsers"].as_i64(), before[6]["totalUsers"].as_i64().map(|users| users + 1));
        let refused = app.connect().refusal("DELETE FROM audit_log").unwrap();
        assert!(refused.contains("audit_log is append-only"), "the triggers are on again: {refused}");
    }
}
