//! Several servers on one database, and the LISTEN connection by which each learns of the others' changes.

use std::time::Duration;

use clusterdesk::models::user::Role;

use serde_json::{Value, json};

use super::{cluster, create_and_delete};
use crate::support::{Backend, Builder, Sql, TestApp, Watcher, both_databases, eventually};

/// An interval that no test reaches.
pub(super) const NEVER: Duration = Duration::from_secs(3600);

const LISTENERS: &str =
    "FROM pg_stat_activity WHERE application_name = 'clusterdesk listener' AND datname = current_database()";

/// The number of LISTEN connections that are ready.
pub(super) fn listeners(app: &TestApp) -> i64 {
    app.connect().number(&format!("SELECT count(*) {LISTENERS} AND query LIKE 'LISTEN%' AND state = 'idle'"))
}

both_databases! {
    async fn a_change_through_one_server_reaches_the_watchers_of_another(app: TestApp) {
        let other = app.beside().start().await;
        let mut watcher = Watcher::open(&other.admin(), json!({})).await;
        app.member("ann").create("web", "FREE").await;
        assert_eq!(watcher.told(1).await, ["created web"]);
    }

    async fn a_change_by_direct_sql_reaches_watchers(app: TestApp) {
        let ann = app.member("ann");
        let mut watcher = Watcher::open(&ann, json!({})).await;
        create_and_delete(&app, "ann", 1);
        assert_eq!(watcher.told(2).await, ["created cluster-0", "deleted cluster-0"]);
    }
}

/// A server on PostgreSQL that never polls for events and depends on notifications.
pub(super) async fn without_polling() -> TestApp {
    Builder::new(Backend::Postgres).limits(|limits| limits.feed_interval = NEVER).start().await
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn postgresql_notifications_make_polling_unnecessary() {
    let app = without_polling().await;
    assert_eq!(listeners(&app), 0, "there is no watcher yet");
    let other = app.beside().limits(|limits| limits.feed_interval = NEVER).start().await;
    let (ann, mut watcher) = (app.member("ann"), Watcher::open(&other.user("ann"), json!({})).await);
    // Until the listener is ready, the read that follows its start may still be due.
    eventually(async || listeners(&app) == 1).await;
    for name in ["a", "b", "c"] {
        let id = ann.create(name, "FREE").await;
        assert_eq!(watcher.told(1).await, [format!("created {name}")]);
        ann.call("k8s.delete", json!({"id": id})).await;
        assert_eq!(watcher.told(1).await, [format!("deleted {name}")]);
    }
    drop(watcher);
    eventually(async || listeners(&app) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_terminated_listener_reconnects_and_misses_nothing() {
    let app = without_polling().await;
    let ann = app.member("ann");
    let mut watcher = Watcher::open(&ann, json!({})).await;
    for round in 0..3 {
        eventually(async || listeners(&app) == 1).await;
        let name = format!("web-{round}");
        let id = ann.create(&name, "FREE").await;
        assert_eq!(watcher.told(1).await, [format!("created {name}")]);
        app.connect().texts(&format!("SELECT pg_terminate_backend(pid)::text {LISTENERS}"));
        // Nobody is listening for this change.
        ann.call("k8s.delete", json!({"id": id})).await;
        assert_eq!(watcher.told(1).await, [format!("deleted {name}")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_commit_that_waits_too_long_is_rolled_back_and_sends_no_event() {
    let app =
        Builder::new(Backend::Postgres).limits(|limits| limits.call_timeout = Duration::from_secs(2)).start().await;
    let ann = app.member("ann");
    let mut watcher = Watcher::open(&ann, json!({})).await;
    let mut holder = app.connect();
    // The lock under which commits with events become visible.
    holder.run("BEGIN; SELECT pg_advisory_xact_lock(203227139)");
    ann.fail("TIMEOUT", "k8s.create", cluster("stuck")).await;
    holder.run("ROLLBACK");
    ann.create("web", "FREE").await;
    assert_eq!(watcher.told(1).await, ["created web"]);
    assert_eq!(ann.call("k8s.count", json!({})).await, json!({"active": 1, "deleted": 0}));
    assert_ne!(app.admin().call("admin.getStats", json!({})).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn no_event_arrives_before_an_older_one() {
    let app = without_polling().await;
    app.provision("ann", Role::User);
    app.provision("bob", Role::User);
    let mut watcher = Watcher::open(&app.admin(), json!({})).await;
    let insert = |owner: &str| {
        format!(
            "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, created_at, updated_at)
            VALUES ('{owner}s', 'eu', '{owner}', 'FREE', now(), now());"
        )
    };
    // The event has its id already, but the commit comes later.
    let mut first = app.connect();
    first.run(&format!("BEGIN; {} SET CONSTRAINTS ALL IMMEDIATE", insert("ann")));
    let (mut second, statement) = (app.connect(), insert("bob"));
    let committed = std::thread::spawn(move || second.run(&statement));
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    eventually(async || app.connect().number(waiting) == 1).await;
    first.run("COMMIT");
    committed.join().unwrap();
    assert_eq!(watcher.told(2).await, ["created anns", "created bobs"]);
}
