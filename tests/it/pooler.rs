//! PgBouncer between the server and PostgreSQL. In transaction mode each transaction may meet another session, which the
//! clients of the pooler share.

use std::time::Duration;

use clusterdesk::db::DbConnection;
use diesel::{Connection, PgConnection};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Backend, Builder, PATIENCE, Pooler, Process, Sql, TestDatabase, Watcher, eventually};

/// An interval that no test reaches.
const NEVER: Duration = Duration::from_secs(3600);

/// A server behind a pooler in transaction mode. Its tests arrange and check things without the pooler.
fn pooled(pooler: &Pooler) -> Builder {
    let direct = Backend::Postgres.database();
    let url = through(pooler, &direct);
    Builder::with_database(direct).flag("database-url", &url).flag("database-pooler", "transaction")
}

/// The URL of a database through a pooler.
fn through(pooler: &Pooler, database: &TestDatabase) -> String {
    let name = database.url.strip_prefix("postgres:///").unwrap().split('?').next().unwrap();
    pooler.url(name)
}

#[cfg_attr(not(all(installed = "postgresql", installed = "pgbouncer")), ignore = "needs PostgreSQL and PgBouncer")]
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_share_sessions_get_their_own_answers() {
    let pooler = Pooler::start("transaction");
    let app = &pooled(&pooler).start().await;
    let done = join_all((0..12).map(async |number| {
        let user = app.member(&format!("user_{number}"));
        for round in 0..5 {
            let name = format!("web-{number}-{round}");
            let id = user.create(&name, "FREE").await;
            assert_eq!(user.call("k8s.get", json!({"id": id})).await["name"], name);
            assert_eq!(user.call("k8s.list", json!({})).await.as_array().unwrap().len(), 1);
            let summary = user.call("user.summary", Value::Null).await;
            assert_eq!(summary["activeClusters"], 1, "{summary}");
            user.call("k8s.delete", json!({"id": id})).await;
            assert_eq!(user.call("k8s.count", json!({})).await, json!({"active": 0, "deleted": round + 1}));
        }
    }));
    done.await;
    let stats = app.admin().call("admin.getStats", Value::Null).await;
    assert_eq!(stats["totalUsers"], 13, "{stats}");
    // Another client of the pooler meets the same sessions, and nothing of ours.
    let mut other = DbConnection::Postgres(PgConnection::establish(&through(&pooler, &app.database)).unwrap());
    for (setting, default) in [("statement_timeout", "0"), ("lock_timeout", "0"), ("plan_cache_mode", "auto")] {
        assert_eq!(other.texts(&format!("SELECT current_setting('{setting}')")), [default], "{setting}");
    }
    assert_eq!(other.number("SELECT count(*) FROM pg_prepared_statements"), 0);
}

#[cfg_attr(not(all(installed = "postgresql", installed = "pgbouncer")), ignore = "needs PostgreSQL and PgBouncer")]
#[tokio::test(flavor = "multi_thread")]
async fn statements_have_their_time_limit() {
    let pooler = Pooler::start("transaction");
    let app = pooled(&pooler).limits(|limits| limits.call_timeout = Duration::from_secs(3)).start().await;
    let ann = app.member("ann");
    let mut holder = app.connect();
    holder.run("BEGIN; LOCK TABLE k8s_cluster_configs IN ACCESS EXCLUSIVE MODE");
    ann.fail("TIMEOUT", "k8s.list", json!({})).await;
    ann.fail("TIMEOUT", "k8s.create", json!({"name": "web", "location": "eu"})).await;
    // The holder is alone: the statements that waited for it have ended.
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'k8s_cluster_configs'::regclass";
    eventually(async || holder.number(waiting) == 0).await;
    holder.run("ROLLBACK");
    assert_eq!(ann.call("k8s.list", json!({})).await, json!([]));
}

#[cfg_attr(not(all(installed = "postgresql", installed = "pgbouncer")), ignore = "needs PostgreSQL and PgBouncer")]
#[tokio::test(flavor = "multi_thread")]
async fn servers_count_limits_together_through_a_pooler() {
    let pooler = Pooler::start("transaction");
    let counting = |builder: Builder| {
        let builder = builder.flag("rate-limit-store", "postgres").flag("rate-limit-write-max-requests", "2");
        builder.limits(|limits| limits.store_patience = PATIENCE)
    };
    let one = counting(pooled(&pooler)).start().await;
    let through = through(&pooler, &one.database);
    let two =
        counting(one.beside().flag("database-url", &through).flag("database-pooler", "transaction")).start().await;
    let (ann, again) = (one.member("ann"), two.user("ann"));
    ann.call("user.updateName", json!({"name": "Ann"})).await;
    again.call("user.updateName", json!({"name": "Anna"})).await;
    for client in [ann, again] {
        client.fail("TOO_MANY_REQUESTS", "user.updateName", json!({"name": "Anne"})).await;
    }
}

#[cfg_attr(not(all(installed = "postgresql", installed = "pgbouncer")), ignore = "needs PostgreSQL and PgBouncer")]
#[tokio::test(flavor = "multi_thread")]
async fn a_listener_goes_past_the_pooler() {
    let pooler = Pooler::start("transaction");
    let builder = pooled(&pooler);
    let url = builder.database.url.clone();
    // No change is found by polling.
    let builder = builder.flag("database-listen-url", &url).limits(|limits| limits.feed_interval = NEVER);
    let app = builder.start().await;
    let other = app.beside().start().await;
    let (ann, mut watcher) = (other.member("ann"), Watcher::open(&app.user("ann"), json!({})).await);
    let listener = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'clusterdesk listener'
        AND datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'";
    eventually(async || other.connect().number(listener) == 1).await;
    ann.create("web", "FREE").await;
    assert_eq!(watcher.told(1).await, ["created web"]);
}

#[cfg_attr(not(all(installed = "postgresql", installed = "pgbouncer")), ignore = "needs PostgreSQL and PgBouncer")]
#[tokio::test(flavor = "multi_thread")]
async fn without_a_listener_changes_are_polled() {
    let pooler = Pooler::start("transaction");
    let app = pooled(&pooler).start().await;
    let other = app.beside().start().await;
    let (ann, mut watcher) = (other.member("ann"), Watcher::open(&app.user("ann"), json!({})).await);
    ann.create("web", "FREE").await;
    assert_eq!(watcher.told(1).await, ["created web"]);
    let listeners = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
    assert_eq!(other.connect().number(listeners), 0, "nobody watches through the other server");
}

#[cfg_attr(not(all(installed = "postgresql", installed = "pgbouncer")), ignore = "needs PostgreSQL and PgBouncer")]
#[test]
fn a_pooler_that_is_not_declared_is_named_before_anything_is_changed() {
    let pooler = Pooler::start("transaction");
    let direct = Backend::Postgres.empty_database();
    let url = through(&pooler, &direct);
    let folder = tempfile::tempdir().unwrap();
    for arguments in [["serve"].as_slice(), &["migrate", "up"], &["migrate", "status"], &["seed"], &["token", "list"]] {
        let output = Process::run(folder.path(), arguments, &[("DATABASE_URL", &url)]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(text.contains("set DATABASE_POOLER=transaction"), "{arguments:?}: {text}");
    }
    let doctor = Process::run(folder.path(), &["doctor"], &[("DATABASE_URL", &url)]);
    let text = String::from_utf8(doctor.stdout).unwrap();
    assert!(text.contains("database: PROBLEM: DATABASE_URL leads to a pooler"), "{text}");
    assert_eq!(direct.connect().tables(), Vec::<String>::new());
}

#[cfg_attr(not(all(installed = "postgresql", installed = "pgbouncer")), ignore = "needs PostgreSQL and PgBouncer")]
#[tokio::test(flavor = "multi_thread")]
async fn commands_work_through_a_declared_pooler() {
    let pooler = Pooler::start("transaction");
    let direct = Backend::Postgres.empty_database();
    let url = through(&pooler, &direct);
    let folder = tempfile::tempdir().unwrap();
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_POOLER", "transaction")];
    let server = Process::serve(folder.path(), &settings);
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    for arguments in [["migrate", "status"].as_slice(), &["seed", "--force"], &["user", "list"], &["doctor"]] {
        let output = Process::run(folder.path(), arguments, &settings);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    assert_ne!(server.client(token.trim()).call("admin.getStats", Value::Null).await["totalUsers"], 1);
}

#[cfg_attr(not(all(installed = "postgresql", installed = "pgbouncer")), ignore = "needs PostgreSQL and PgBouncer")]
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_needs_no_setting() {
    let pooler = Pooler::start("session");
    let direct = Backend::Postgres.empty_database();
    let folder = tempfile::tempdir().unwrap();
    let settings = [("DATABASE_URL", through(&pooler, &direct)), ("DATABASE_THREADS", "1".to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let output = Process::run(folder.path(), &["migrate", "up"], &settings);
    assert!(output.status.success(), "{output:?}");
    let output = Process::run(folder.path(), &["user", "list"], &settings);
    assert!(output.status.success(), "{output:?}");
}

#[cfg_attr(not(all(installed = "postgresql", installed = "pgbouncer")), ignore = "needs PostgreSQL and PgBouncer")]
#[test]
fn a_replica_or_listener_behind_such_a_pooler_is_refused_by_its_name() {
    let pooler = Pooler::start("transaction");
    let direct = Backend::Postgres.empty_database();
    let url = through(&pooler, &direct);
    let folder = tempfile::tempdir().unwrap();
    for (name, settings) in [
        ("DATABASE_REPLICA_URL", [("DATABASE_URL", direct.url.as_str()), ("DATABASE_POOLER", "none")]),
        ("DATABASE_LISTEN_URL", [("DATABASE_URL", url.as_str()), ("DATABASE_POOLER", "transaction")]),
    ] {
        let settings = [settings.as_slice(), &[(name, url.as_str())]].concat();
        let output = Process::run(folder.path(), &["serve"], &settings);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(&format!("error: {name} leads to a pooler in transaction mode; it needs")), "{text}");
        assert_eq!(direct.connect().tables(), Vec::<String>::new());
    }
    let settings = [("DATABASE_URL", direct.url.as_str()), ("DATABASE_REPLICA_URL", url.as_str())];
    let doctor = Process::run(folder.path(), &["doctor"], &settings);
    let text = String::from_utf8(doctor.stdout).unwrap();
    assert!(text.contains("replica: PROBLEM: DATABASE_REPLICA_URL leads to a pooler"), "{text}");
}

// A pooler can be too busy to be recognised. What it does to a statement then is raised here by a trigger.
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
#[test]
fn an_error_about_prepared_statements_comes_with_a_hint() {
    let database = Backend::Postgres.database();
    database.connect().run(
        "INSERT INTO users (id, role, created_at, updated_at) VALUES ('ann', 'USER', now(), now());
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'prepared statement \"__diesel_stmt_0\" does not exist'; END $$;
         CREATE TRIGGER fail BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION fail()",
    );
    let settings = [("DATABASE_URL", database.url.as_str())];
    let output = Process::run(database.folder.path(), &["user", "promote", "ann"], &settings);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("prepared statement \"__diesel_stmt_0\" does not exist\n"), "{text}");
    assert!(text.ends_with("Then set DATABASE_POOLER=transaction.\n"), "{text}");
}
