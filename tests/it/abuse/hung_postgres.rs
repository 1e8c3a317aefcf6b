//! PostgreSQL that hangs: its processes are stopped, or commits wait for a synchronous standby that is away. Every call is
//! answered while the hang lasts, and says truthfully whether something was written.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use procedures::{Access, NoInput};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use clusterdesk::{
    db::{DbConnection, migrations::Migrations},
    error::Result,
    kernel::{Audited, Call, Router},
};
use diesel::{RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::Text};

use crate::support::{
    Backend, Builder, Client, Failure, Frozen, PATIENCE, Postgres, Process, SECRET, Sql, TestApp, TestDatabase, claims,
    eventually, hs256,
};

/// Waits for a synchronous standby, besides the observer.
const WAITING: &str = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = 'app'";

/// A server on `postgres` with two threads for reads, two for writes and two for groups of writes, whose calls may take
/// `seconds`.
async fn on(postgres: &Postgres, seconds: u64) -> TestApp {
    postgres.create("app", "template0");
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase { backend: Backend::Postgres, url: postgres.url("app"), folder };
    Migrations::open(&database.address()).unwrap().up(usize::MAX).unwrap();
    let builder = Builder::with_database(database).router(limits());
    builder.limits(|limits| limits.call_timeout = Duration::from_secs(seconds)).start().await
}

async fn create(client: &Client) -> Result<Value, Failure> {
    let created = client.try_call("k8s.create", json!({"name": "a", "location": "eu"}));
    timeout(PATIENCE, created).await.expect("no answer while PostgreSQL hangs")
}

fn is_unknown(failure: &Failure) -> bool {
    let outcome = failure.0["data"].get("outcome");
    if outcome.is_some() {
        assert_eq!((failure.code(), outcome), ("SERVICE_UNAVAILABLE", Some(&json!("unknown"))), "{failure:?}");
        assert_eq!(failure.0["data"].get("retryAfterMs"), None, "{failure:?}");
    }
    outcome.is_some()
}

/// `/health/ready`: its status, and the reason if there is one.
async fn ready(app: &TestApp) -> (u16, Value) {
    let page = app.anonymous().http.get(format!("{}health/ready", app.url)).send();
    let page = timeout(PATIENCE, page).await.expect("no answer while PostgreSQL hangs").unwrap();
    let status = page.status().as_u16();
    (status, serde_json::from_str::<Value>(&page.text().await.unwrap()).unwrap()["reason"].take())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_answered_while_all_processes_of_postgres_hang() {
    let Some(postgres) = Postgres::private() else { return };
    let app = on(&postgres, 1).await;
    let users: Vec<_> = (0..8).map(|number| app.member(&format!("user_{number}"))).collect();
    // Every thread that writes has a connection: those of groups and those of single jobs.
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'app' AND query = 'COMMIT'";
    let guest = app.anonymous();
    eventually(async || {
        join_all(users.iter().map(|user| user.call("user.updateName", json!({"name": "Ann"})))).await;
        join_all((0..4).map(|_| guest.try_call("probe.linger", Value::Null))).await;
        app.connect().number(connections) == 4
    })
    .await;
    let frozen = postgres.freeze();
    let writes = join_all(users.iter().map(create));
    let reads = join_all(users.iter().map(|user| timeout(PATIENCE, user.try_call("k8s.list", Value::Null))));
    let (writes, reads) = tokio::join!(writes, reads);
    let failures: Vec<_> = writes.into_iter().map(Result::unwrap_err).collect();
    for read in reads {
        let failure = read.expect("no answer while PostgreSQL hangs").unwrap_err();
        assert!(["TIMEOUT", "SERVICE_UNAVAILABLE"].contains(&failure.code()) && !is_unknown(&failure), "{failure:?}");
    }
    // A thread had begun at least one of the writes. Those that only waited for a thread were withdrawn.
    assert!(failures.iter().any(is_unknown), "{failures:?}");
    assert!(failures.iter().all(|failure| is_unknown(failure) || failure.code() == "TIMEOUT"), "{failures:?}");
    assert_eq!(ready(&app).await.0, 503);
    drop(frozen);
    eventually(async || create(&app.member("bob")).await.is_ok()).await;
    eventually(async || ready(&app).await.0 == 200).await;
    let owners = app.connect().texts("SELECT auth_user_id FROM k8s_cluster_configs");
    assert_eq!(owners, ["bob"], "answered as not written, or given up before the commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_process_of_postgres_holds_up_only_its_own_call() {
    let Some(postgres) = Postgres::private() else { return };
    let app = on(&postgres, 1).await;
    let (ann, bob) = (app.member("ann"), app.member("bob"));
    ann.call("user.updateName", json!({"name": "Ann"})).await;
    let writer = "SELECT pid::text FROM pg_stat_activity WHERE datname = 'app' AND query = 'COMMIT'";
    let pid = app.connect().texts(writer)[0].parse().unwrap();
    let frozen = Frozen::new(vec![pid]);
    // The other thread takes the next write, unless the hanging one gets it.
    let outcomes = [create(&ann).await, create(&bob).await];
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(is_unknown), "{outcomes:?}");
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    drop(frozen);
    // Its connection is not used again: the process is terminated.
    let is_there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    if outcomes.iter().any(Result::is_err) {
        eventually(async || app.connect().number(&is_there) == 0).await;
    }
    for number in 0..4 {
        create(&app.member(&format!("user_{number}"))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_waits_for_an_absent_standby_has_an_unknown_outcome() {
    let Some(postgres) = Postgres::primary() else { return };
    let app = on(&postgres, 2).await;
    let users: Vec<_> = (0..4).map(|number| app.member(&format!("user_{number}"))).collect();
    join_all(users.iter().map(|user| user.call("user.updateName", json!({"name": "Ann"})))).await;
    postgres.require_absent_standby();
    // The processes reload their configuration one by one.
    eventually(async || ready(&app).await == (503, json!("the database does not finish writes"))).await;
    eventually(async || app.connect().number(&format!("SELECT count(*) {WAITING}")) == 0).await;

    let failures: Vec<_> = join_all(users.iter().map(create)).await.into_iter().map(Result::unwrap_err).collect();
    let unknown = failures.iter().filter(|failure| is_unknown(failure)).count();
    assert!(unknown > 0, "at least those of one group: {failures:?}");
    assert!(failures.iter().all(|failure| is_unknown(failure) || failure.code() == "TIMEOUT"), "{failures:?}");
    // Nobody waits for those commits any more, and their threads are free.
    eventually(async || app.connect().number(&format!("SELECT count(*) {WAITING}")) == 0).await;
    // PostgreSQL has committed before it waited. The second commit waited for a lock of the first one.
    let lists = join_all(users.iter().map(|user| user.call("k8s.list", Value::Null))).await;
    let written = |list: &Value| list.as_array().unwrap().len();
    for (failure, list) in failures.iter().zip(&lists) {
        assert!(written(list) <= usize::from(is_unknown(failure)), "{failure:?}, {list}");
    }
    let written = lists.iter().map(written).sum::<usize>();
    assert!(written > 0, "{lists:?}");
    postgres.require_no_standby();
    eventually(async || create(&app.member("bob")).await.is_ok()).await;
    eventually(async || ready(&app).await.0 == 200).await;
    let created = app.connect().number("SELECT count(*) FROM k8s_cluster_configs");
    assert_eq!(usize::try_from(created), Ok(written + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_connection_is_lost_during_the_commit_is_not_repeated() {
    let Some(postgres) = Postgres::primary() else { return };
    let app = on(&postgres, 60).await;
    let ann = app.member("ann");
    postgres.require_absent_standby();
    let rename = tokio::spawn(async move { ann.try_call("user.updateName", json!({"name": "Ann"})).await });
    let stop = format!("SELECT pg_terminate_backend(pid)::text {WAITING}");
    eventually(async || !app.connect().texts(&stop).is_empty()).await;
    let failure = timeout(PATIENCE, rename).await.unwrap().unwrap().unwrap_err();
    assert!(is_unknown(&failure), "{failure:?}");
    postgres.require_no_standby();
    let renamed = "SELECT count(*) FROM audit_log WHERE procedure = 'user.updateName'";
    assert_eq!(app.connect().number(renamed), 1);
    eventually(async || create(&app.member("bob")).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_in_the_log_with_the_request_and_its_cause() {
    let Some(postgres) = Postgres::primary() else { return };
    let app = on(&postgres, 1).await;
    app.member("ann").call("user.me", Value::Null).await;
    let settings = [("DATABASE_URL", app.database.url.as_str()), ("JWT_SECRET", SECRET), ("BOOTSTRAP_ADMIN", "off")];
    let server = Process::serve(app.database.folder.path(), &settings);
    let ann = server.client(&hs256(&claims("ann")));
    postgres.require_absent_standby();
    let rename = tokio::spawn(async move { ann.try_call("user.updateName", json!({"name": "Ann"})).await });
    let stop = format!("SELECT pg_terminate_backend(pid)::text {WAITING}");
    eventually(async || !app.connect().texts(&stop).is_empty()).await;
    let failure = timeout(PATIENCE, rename).await.unwrap().unwrap().unwrap_err();
    assert!(is_unknown(&failure), "{failure:?}");
    postgres.require_no_standby();
    let request = failure.0["data"]["requestId"].as_str().unwrap();
    let is_reported = |line: &str| line.contains("ERROR") && line.contains("during a commit") && line.contains(request);
    eventually(async || server.log().lines().any(is_reported)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_stopped_even_when_its_caller_has_gone_away() {
    let Some(postgres) = Postgres::primary() else { return };
    let app = on(&postgres, 1).await;
    let ann = app.member("ann");
    postgres.require_absent_standby();
    let waiting = format!("SELECT count(*) {WAITING}");
    let rename = tokio::spawn(async move { ann.try_call("user.updateName", json!({"name": "Ann"})).await });
    eventually(async || app.connect().number(&waiting) == 1).await;
    rename.abort();
    assert!(rename.await.is_err());
    eventually(async || app.connect().number(&waiting) == 0).await;
    postgres.require_no_standby();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_readiness_probe_at_a_time_waits_for_the_database() {
    let Some(postgres) = Postgres::primary() else { return };
    let app = on(&postgres, 30).await;
    postgres.require_absent_standby();
    eventually(async || ready(&app).await.0 == 503).await;
    let waiting = format!("SELECT count(*) {WAITING}");
    eventually(async || app.connect().number(&waiting) == 0).await;
    let asked = join_all((0..20).map(|_| ready(&app)));
    let watched = async {
        let mut most = 0;
        while most == 0 || app.connect().number(&waiting) > 0 {
            most = most.max(app.connect().number(&waiting));
            // Lets the requests be sent.
            sleep(Duration::from_millis(5)).await;
        }
        most
    };
    let (answers, most) = tokio::join!(asked, watched);
    assert!(answers.iter().all(|answer| answer.0 == 503), "{answers:?}");
    assert_eq!(most, 1);
    postgres.require_no_standby();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_readiness_probe_outlives_its_request_and_a_success_is_shared() {
    let Some(postgres) = Postgres::primary() else { return };
    let app = Arc::new(on(&postgres, 30).await);
    // The last commit on each connection of the server.
    let commits =
        "SELECT coalesce(max(query_start)::text, '') FROM pg_stat_activity WHERE datname = 'app' AND query = 'COMMIT'";
    // Two requests within a second share one probe.
    let shared = async || {
        let first = (ready(&app).await.0, app.connect().texts(commits));
        let second = (ready(&app).await.0, app.connect().texts(commits));
        assert_eq!((first.0, second.0), (200, 200));
        first.1 == second.1
    };
    eventually(shared).await;

    postgres.require_absent_standby();
    eventually(async || ready(&app).await.0 == 503).await;
    let waiting = format!("SELECT count(*) {WAITING}");
    eventually(async || app.connect().number(&waiting) == 0).await;
    let ask = || {
        let app = Arc::clone(&app);
        tokio::spawn(async move { ready(&app).await.0 })
    };
    let first = ask();
    eventually(async || app.connect().number(&waiting) == 1).await;
    first.abort();
    let second = ask();
    while !second.is_finished() {
        assert!(app.connect().number(&waiting) <= 1);
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(second.await.unwrap(), 503);
    postgres.require_no_standby();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_has_a_reason_of_its_own() {
    if !Backend::Postgres.is_available() {
        return;
    }
    let builder = Builder::new(Backend::Postgres).router(limits()).flag("database-threads", "1");
    let app = builder.limits(|limits| limits.queued_jobs = 1).start().await;
    let mut holder = app.connect();
    holder.run("BEGIN; SELECT pg_advisory_xact_lock(77)");
    let wait = || {
        let client = app.anonymous();
        tokio::spawn(async move { client.try_call("probe.waitAndWrite", Value::Null).await })
    };
    let mut calls = Vec::new();
    let is_busy = async || {
        // In the end one runs, and one waits for it.
        calls.push(wait());
        ready(&app).await == (503, json!("too many writes wait for the database"))
    };
    eventually(is_busy).await;
    holder.run("COMMIT");
    for call in calls {
        drop(call.await.unwrap());
    }
    eventually(async || ready(&app).await.0 == 200).await;
}

/// Whether the database `app` takes connections. Does not wait for a standby.
fn allow_connections(postgres: &Postgres, allowed: bool) {
    let alter = format!("ALTER DATABASE app WITH ALLOW_CONNECTIONS {allowed}");
    postgres.administer(&["SET synchronous_commit = local", &alter]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_stopped_later_when_the_server_takes_no_connections() {
    let Some(postgres) = Postgres::primary() else { return };
    let app = on(&postgres, 1).await;
    let ann = app.member("ann");
    let mut observer = app.connect();
    let waiting = format!("SELECT count(*) {WAITING}");
    postgres.require_absent_standby();
    let rename = tokio::spawn(async move { ann.try_call("user.updateName", json!({"name": "Ann"})).await });
    eventually(async || observer.number(&waiting) == 1).await;
    allow_connections(&postgres, false);
    assert!(is_unknown(&timeout(PATIENCE, rename).await.unwrap().unwrap().unwrap_err()));
    assert_eq!(observer.number(&waiting), 1);
    allow_connections(&postgres, true);
    eventually(async || observer.number(&waiting) == 0).await;
    postgres.require_no_standby();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_caller_gave_up_is_not_used_again() {
    let Some(postgres) = Postgres::primary() else { return };
    let app = on(&postgres, 1).await;
    let ann = app.member("ann");
    let mut observer = app.connect();
    postgres.require_absent_standby();
    let rename = tokio::spawn(async move { ann.try_call("user.updateName", json!({"name": "Ann"})).await });
    eventually(async || observer.number(&format!("SELECT count(*) {WAITING}")) == 1).await;
    let pid = observer.number(&format!("SELECT pid::bigint {WAITING}"));
    allow_connections(&postgres, false);
    assert!(is_unknown(&timeout(PATIENCE, rename).await.unwrap().unwrap().unwrap_err()));
    // The commit ends, while nobody can terminate its process.
    postgres.require_no_standby();
    let is_there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    eventually(async || observer.number(&is_there) == 0).await;
    allow_connections(&postgres, true);
    eventually(async || create(&app.member("bob")).await.is_ok()).await;
}

fn statement_timeout(conn: &mut DbConnection) -> Result<String> {
    Ok(sql::<Text>("SELECT current_setting('statement_timeout')").get_result(conn)?)
}

fn wait_for_the_lock(call: &mut Call<'_>, _: NoInput) -> Result<Audited<bool>> {
    call.conn.batch_execute("SELECT pg_advisory_xact_lock(77)")?;
    Ok(Audited::unchanged(true))
}

fn linger(call: &mut Call<'_>, _: NoInput) -> Result<Audited<bool>> {
    call.conn.batch_execute("SELECT pg_sleep(0.05)")?;
    Ok(Audited::unchanged(true))
}

fn hold_the_reader(call: &mut Call<'_>, _: NoInput) -> Result<bool> {
    call.conn.batch_execute("SELECT pg_advisory_xact_lock(77)")?;
    Ok(true)
}

/// Procedures that wait for a lock, and some that return their statement timeout.
fn limits() -> Router {
    Router::new("probe")
        .mutation("waitAndWrite", Access::Public, "Waits.", wait_for_the_lock)
        .mutation("linger", Access::Public, "Takes a while.", linger)
        .query("waitAndRead", Access::Public, "Waits.", hold_the_reader)
        .mutation("write", Access::Public, "Its limit.", |call: &mut Call<'_>, _: NoInput| {
            Ok(Audited::unchanged(statement_timeout(call.conn)?))
        })
        .query("read", Access::Public, "Its limit.", |call: &mut Call<'_>, _: NoInput| statement_timeout(call.conn))
        .query("readOnce", Access::Public, "Its limit.", |call: &mut Call<'_>, _: NoInput| statement_timeout(call.conn))
        .one_statement()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_a_late_call_gets_the_time_that_is_left() {
    if !Backend::Postgres.is_available() {
        return;
    }
    let builder = Builder::new(Backend::Postgres).router(limits()).flag("database-threads", "1");
    let app = builder.limits(|limits| limits.call_timeout = Duration::from_secs(20)).start().await;
    let limits = ["probe.write", "probe.read", "probe.readOnce"];
    for limit in limits {
        assert_eq!(app.anonymous().call(limit, Value::Null).await, "20s", "{limit}");
    }
    let mut holder = app.connect();
    holder.run("BEGIN; SELECT pg_advisory_xact_lock(77)");
    let spawn = |procedure: &'static str| {
        let client = app.anonymous();
        tokio::spawn(async move { client.call(procedure, Value::Null).await })
    };
    let holders = ["probe.waitAndWrite", "probe.waitAndRead"].map(spawn);
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database here ON here.oid = database
                   WHERE datname = current_database() AND locktype = 'advisory' AND objid = 77 AND NOT granted";
    eventually(async || app.connect().number(waiting) == 2).await;
    let late = limits.map(spawn);
    let queued = async || {
        let page = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
        page.contains("clusterdesk_queued_reads 2\n") && page.contains("clusterdesk_queued_writes 1\n")
    };
    eventually(queued).await;
    // This is how late they are.
    sleep(Duration::from_millis(500)).await;
    holder.run("COMMIT");
    for (limit, name) in late.into_iter().zip(limits) {
        let limit = limit.await.unwrap();
        let milliseconds: u64 = limit.as_str().unwrap().strip_suffix("ms").expect(name).parse().unwrap();
        assert!(milliseconds <= 19_500, "{name}: {limit}");
    }
    for holder in holders {
        assert_eq!(holder.await.unwrap(), true);
    }
    for limit in limits {
        assert_eq!(app.anonymous().call(limit, Value::Null).await, "20s", "{limit}");
    }
}
