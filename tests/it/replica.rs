//! A read replica: queries run on it; callers are looked up on the primary, and writes run there.

use diesel::RunQueryDsl;
use serde_json::json;

use crate::support::{Backend, Builder, TestApp};

/// A primary and its "replica", a separate database, so that a test can tell which of the two was used.
async fn with_replica() -> (TestApp, TestApp) {
    let replica = Builder::new(Backend::Postgres).start().await;
    let primary = Builder::new(Backend::Postgres).flag("database-replica-url", &replica.database.url).start().await;
    (primary, replica)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn queries_run_on_the_replica_and_writes_on_the_primary() {
    let (primary, replica) = with_replica().await;
    replica.user("user_1").call("k8s.create", json!({"name": "there", "location": "eu"})).await;
    let user = primary.user("user_1");
    assert_eq!(user.call("k8s.list", json!({})).await[0]["name"], "there");
    user.call("k8s.create", json!({"name": "here", "location": "eu"})).await;
    assert_eq!(user.call("k8s.list", json!({})).await[0]["name"], "there");
    let names = |app: &TestApp| app.lines("SELECT name AS line FROM k8s_cluster_configs");
    assert_eq!((names(&primary), names(&replica)), (vec!["here".to_owned()], vec!["there".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_user_deleted_on_the_primary_is_refused_before_the_replica_knows() {
    let (primary, replica) = with_replica().await;
    let user = primary.user("user_1");
    user.call("user.me", json!({})).await;
    replica.user("user_1").call("user.me", json!({})).await;
    diesel::sql_query("UPDATE users SET deleted_at = now()").execute(&mut primary.connect()).unwrap();
    user.fail("UNAUTHORIZED", "user.me", json!({})).await;
}

#[tokio::test]
async fn a_replica_of_sqlite_is_refused() {
    let builder = Builder::new(Backend::Sqlite).flag("database-replica-url", "postgres://localhost/x");
    let refused = clusterdesk::server::Server::bind(&builder.settings(), builder.limits, vec![]).await;
    assert!(refused.err().unwrap().to_string().starts_with("DATABASE_REPLICA_URL"));
}
