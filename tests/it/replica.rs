//! A read replica: queries go there, callers and writes stay with the primary.

use diesel::RunQueryDsl;
use serde_json::json;

use crate::support::{Backend, Builder, TestApp};

/// A server whose "replica" is another database, so that one can see who is asked.
async fn with_replica() -> Option<(TestApp, TestApp)> {
    if !Backend::Postgres.is_available() {
        return None;
    }
    let replica = Builder::new(Backend::Postgres).start().await;
    let primary = Builder::new(Backend::Postgres).flag("database-replica-url", &replica.database.url).start().await;
    Some((primary, replica))
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_answered_by_the_replica_and_writes_by_the_primary() {
    let Some((primary, replica)) = with_replica().await else { return };
    replica.user("user_1").call("k8s.create", json!({"name": "there", "location": "eu"})).await;
    let user = primary.user("user_1");
    assert_eq!(user.call("k8s.list", json!({})).await[0]["name"], "there");
    user.call("k8s.create", json!({"name": "here", "location": "eu"})).await;
    assert_eq!(user.call("k8s.list", json!({})).await[0]["name"], "there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_on_the_primary_counts_before_the_replica_has_it() {
    let Some((primary, replica)) = with_replica().await else { return };
    let user = primary.user("user_1");
    user.call("user.me", json!({})).await;
    replica.user("user_1").call("user.me", json!({})).await;
    diesel::sql_query("UPDATE users SET deleted_at = now()").execute(&mut primary.connect()).unwrap();
    user.fail("UNAUTHORIZED", "user.me", json!({})).await;
}

#[tokio::test]
async fn sqlite_has_no_replicas() {
    let builder = Builder::new(Backend::Sqlite).flag("database-replica-url", "postgres://localhost/x");
    let refused = clusterdesk::server::Server::bind(&builder.settings(), builder.limits, vec![]).await;
    assert!(refused.err().unwrap().to_string().starts_with("DATABASE_REPLICA_URL"));
}
