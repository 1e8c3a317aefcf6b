//! A read replica that is behind, hangs or is away: callers notice nothing.

use std::time::Duration;

use clusterdesk::{
    config::Limits,
    db::migrations::Migrations,
    error::{Error, Result},
    kernel::{Call, Router},
};
use diesel::{RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::Bool};
use procedures::{Access, NoInput};
use serde_json::{Value, json};

use crate::{
    console::Browser,
    support::{Backend, Builder, Client, Postgres, Sql, TestApp, TestDatabase, eventually},
};

fn is_replica(call: &mut Call<'_>, _: NoInput) -> Result<bool> {
    Ok(sql::<Bool>("SELECT pg_is_in_recovery()").get_result(call.conn)?)
}

/// Says where it ran, by an error as of a procedure that lacks a setting.
fn refuse(call: &mut Call<'_>, _: NoInput) -> Result<bool> {
    let place = if is_replica(call, NoInput {})? { "replica" } else { "primary" };
    Err(Error::unavailable(place))
}

/// Slower than a replica may be with the answer whether it is behind.
fn slow(call: &mut Call<'_>, _: NoInput) -> Result<bool> {
    call.conn.run("SELECT pg_sleep(1)");
    is_replica(call, NoInput {})
}

/// Slower than a query on a replica may be, but not on the primary.
fn too_slow(call: &mut Call<'_>, _: NoInput) -> Result<bool> {
    let is_replica = is_replica(call, NoInput {})?;
    if is_replica {
        call.conn.batch_execute("SELECT pg_sleep(60)")?;
    }
    Ok(is_replica)
}

/// A primary, its standby, and a server that uses both, whatever the standby lacks. Its procedures `probe.inSnapshot` and
/// `probe.once` say whether they run on the standby.
async fn with_standby() -> (Postgres, Postgres, TestApp) {
    with_staleness(Duration::from_secs(3600)).await
}

/// The same, with answers of the standby that are as old as `staleness` at most.
async fn with_staleness(staleness: Duration) -> (Postgres, Postgres, TestApp) {
    let primary = Postgres::primary();
    primary.create("app", "template0");
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase { backend: Backend::Postgres, url: primary.url("app"), folder };
    Migrations::open(&database.address()).unwrap().up(usize::MAX).unwrap();
    let standby = primary.standby();
    let probes = Router::new("probe")
        .query("inSnapshot", Access::Public, "Whether it runs on the replica.", is_replica)
        .query("once", Access::Public, "Whether it runs on the replica.", is_replica)
        .one_statement()
        .query("refuse", Access::Public, "Fails.", refuse)
        .query("slow", Access::Public, "Takes a second.", slow)
        .query("tooSlow", Access::Public, "Takes a minute on the replica.", too_slow);
    let builder = Builder::with_database(database).router(probes).flag("database-replica-url", &standby.url("app"));
    let change = |limits: &mut Limits| (limits.call_timeout, limits.staleness) = (Duration::from_secs(10), staleness);
    let app = builder.limits(change).start().await;
    (primary, standby, app)
}

/// What the health page says of the replica, which never makes the server less ready.
async fn health(app: &TestApp) -> String {
    let page = app.anonymous().http.get(format!("{}health/ready", app.url)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let body: Value = serde_json::from_str(&page.text().await.unwrap()).unwrap();
    assert_eq!(body["dependencies"]["database"]["status"], "ready", "{body}");
    body["dependencies"]["replica"]["status"].as_str().unwrap().to_owned()
}

/// The same, and what a check has found of it, as admins are told.
async fn told(app: &TestApp) -> (Value, Value) {
    let health = app.user("root").call("admin.health", Value::Null).await;
    let found = health["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "replica").unwrap();
    (health["replica"].clone(), found["detail"].clone())
}

/// The value of a sample of the metrics.
async fn metric(app: &TestApp, sample: &str) -> u64 {
    let page = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
    page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')).unwrap().parse().unwrap()
}

/// How many queries had this outcome.
async fn queries(app: &TestApp, outcome: &str) -> u64 {
    metric(app, &format!("clusterdesk_replica_queries_total{{outcome=\"{outcome}\"}}")).await
}

/// Waits until queries run on the replica.
async fn used(app: &TestApp) {
    for probe in ["probe.inSnapshot", "probe.once"] {
        eventually(async || app.anonymous().call(probe, Value::Null).await == true).await;
    }
}

/// How many statements the primary has run for `probe.once`.
async fn statements(app: &TestApp) -> u64 {
    metric(app, "clusterdesk_statements_total{procedure=\"probe.once\"}").await
}

/// Creates a cluster and asserts that every query from then on sees it.
async fn create_and_list(app: &TestApp, user: &str) -> Client {
    let client = app.member(user);
    client.call("k8s.create", json!({"name": user, "location": "eu"})).await;
    for _ in 0..10 {
        assert_eq!(client.call("k8s.list", Value::Null).await[0]["name"], user);
        assert_eq!(client.call("k8s.count", Value::Null).await["active"], 1);
    }
    client
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_replica_that_is_behind_hangs_or_is_away_changes_nothing_for_writers() {
    let (_primary, standby, app) = with_standby().await;
    used(&app).await;
    create_and_list(&app, "ann").await;
    used(&app).await;

    standby.administer(&["SELECT pg_wal_replay_pause()"]);
    create_and_list(&app, "behind").await;
    standby.administer(&["SELECT pg_wal_replay_resume()"]);
    used(&app).await;
    eventually(async || health(&app).await == "ready").await;

    let frozen = standby.freeze();
    create_and_list(&app, "hung").await;
    drop(frozen);
    used(&app).await;

    standby.crash();
    create_and_list(&app, "away").await;
    eventually(async || health(&app).await == "unavailable").await;
    assert_eq!(metric(&app, "clusterdesk_replica_ready").await, 0);
    let away = queries(&app, "away").await;
    assert!(queries(&app, "failed").await > 0 && away > 0);
    standby.launch();
    used(&app).await;
    eventually(async || health(&app).await == "ready").await;
    assert_eq!(metric(&app, "clusterdesk_replica_ready").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_writer_reads_their_own_write_and_others_an_older_state() {
    let (_primary, standby, app) = with_standby().await;
    let other = app.beside().flag("database-replica-url", &standby.url("app"));
    let other = other.limits(|limits| limits.staleness = Duration::from_secs(3600)).start().await;
    let (root, ann) = (app.admin(), app.member("ann"));
    used(&app).await;
    // The first position of the primary that this server knows lies before the write, too.
    eventually(async || {
        other.user("ann").call("k8s.list", Value::Null).await;
        queries(&other, "answered").await > 0
    })
    .await;
    standby.administer(&["SELECT pg_wal_replay_pause()"]);

    ann.create("web", "FREE").await;
    let (mine, all) = (
        async || ann.call("k8s.list", Value::Null).await,
        async || root.call("admin.listClusters", Value::Null).await["items"].as_array().unwrap().len(),
    );
    // A standby that was slow once is left alone for a while, and the primary knows the cluster.
    eventually(async || all().await == 0).await;
    for _ in 0..10 {
        assert_eq!(mine().await[0]["name"], "web");
    }
    assert!(queries(&app, "own_write").await >= 10 && queries(&app, "answered").await > 0);
    // It is not too far behind.
    eventually(async || health(&app).await == "ready").await;
    // Another server does not know of the write.
    eventually(async || other.user("ann").call("k8s.list", Value::Null).await == json!([])).await;

    standby.administer(&["SELECT pg_wal_replay_resume()"]);
    eventually(async || all().await == 1).await;
    eventually(async || {
        let answered = queries(&app, "answered").await;
        assert_eq!(mine().await[0]["name"], "web");
        queries(&app, "answered").await > answered
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_browser_that_signs_in_or_out_is_found_by_the_next_queries() {
    let (_primary, standby, app) = with_standby().await;
    app.member("ann");
    used(&app).await;
    standby.administer(&["SELECT pg_wal_replay_pause()"]);
    // The replica knows the user, and none of these sessions.
    let first = Browser::sign_in(&app, "ann").await;
    let sessions = async |browser: &Browser| browser.call("session.list", json!({})).await.as_array().unwrap().len();
    for _ in 0..10 {
        assert_eq!(sessions(&first).await, 1);
    }
    let second = Browser::sign_in(&app, "ann").await;
    assert_eq!((sessions(&first).await, sessions(&second).await), (2, 2));
    second.sign_out(&second.own()).await;
    for _ in 0..10 {
        assert_eq!(sessions(&first).await, 1);
    }
    assert!(queries(&app, "own_write").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_replica_that_is_too_far_behind_is_left_alone_and_said_to_be() {
    let (_primary, standby, app) = with_staleness(Duration::from_millis(100)).await;
    used(&app).await;
    app.admin();
    eventually(async || told(&app).await == (json!("ready"), json!("it answers queries"))).await;
    standby.administer(&["SELECT pg_wal_replay_pause()"]);
    create_and_list(&app, "ann").await;
    eventually(async || {
        let is_replica = app.anonymous().call("probe.once", Value::Null).await;
        health(&app).await == "behind" && is_replica == false
    })
    .await;
    let behind = "it is too far behind; the primary database answers";
    eventually(async || told(&app).await == (json!("behind"), json!(behind))).await;
    assert!(queries(&app, "behind").await > 0);
    assert_eq!(metric(&app, "clusterdesk_replica_ready").await, 0);
    standby.administer(&["SELECT pg_wal_replay_resume()"]);
    used(&app).await;
    eventually(async || health(&app).await == "ready").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn queries_do_not_wait_one_by_one_for_a_replica_that_hangs() {
    let (_primary, standby, app) = with_standby().await;
    used(&app).await;
    let frozen = standby.freeze();
    while app.anonymous().call("probe.once", Value::Null).await == true {}
    let before = statements(&app).await;
    for _ in 0..20 {
        assert_eq!(app.anonymous().call("probe.once", Value::Null).await, false);
    }
    // A query that tries the replica asks the primary for its position in the log. One may, after the pause.
    let run = statements(&app).await - before;
    assert!(run <= 22, "{run} statements of 20 queries");
    drop(frozen);
    used(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_replica_is_not_blamed_for_errors_and_slowness_of_a_query() {
    let (_primary, _standby, app) = with_standby().await;
    used(&app).await;
    // Each of these would fail for as long as it is tried if its answer came from the primary, or the replica were avoided.
    let refused = async || {
        let failure = app.anonymous().fail("SERVICE_UNAVAILABLE", "probe.refuse", Value::Null).await;
        failure.message() == "replica" && app.anonymous().call("probe.once", Value::Null).await == true
    };
    eventually(refused).await;
    eventually(async || app.anonymous().call("probe.slow", Value::Null).await == true).await;
    let too_slow = async || {
        assert_eq!(app.anonymous().call("probe.tooSlow", Value::Null).await, false);
        app.anonymous().call("probe.once", Value::Null).await == true
    };
    eventually(too_slow).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_replica_that_never_answered_changes_nothing_for_callers() {
    let nowhere = "postgres://127.0.0.1:1/app?user=postgres";
    let app = Builder::new(Backend::Postgres).flag("database-replica-url", nowhere).start().await;
    create_and_list(&app, "ann").await;
}
