//! Calls that PostgreSQL's threads run together: everybody gets their own answer, and nobody suffers from another's fault.

use std::time::Duration;

use clusterdesk::models::{api_token::Scope, user::Role};
use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use crate::support::{Backend, Builder, Client, Failure, On, TestApp, eventually};

type Outcome = Result<Value, Failure>;

/// Callers; too few for more than one group on each of two threads.
const CALLERS: usize = 60;
/// Users whose calls stop the threads.
const FIRST: usize = 40;
/// How often calls are made that should share a group: on a busy machine one may run out of time, and then its jobs run alone.
const ATTEMPTS: usize = 8;
/// The advisory lock that every commit with an event takes.
const EVENTS: &str = "BEGIN; SELECT pg_advisory_xact_lock(203227139)";

/// The number of transactions in which callers have changed something.
const TRANSACTIONS: &str = "SELECT count(DISTINCT xmin::text) || '' AS line FROM audit_log WHERE actor_id LIKE 'user%'";

async fn on_postgres() -> TestApp {
    let app = TestApp::on(Backend::Postgres).await;
    (0..CALLERS).for_each(|number| app.provision(&name(number), Role::User));
    app
}

fn name(number: usize) -> String {
    format!("user_{number}")
}

/// The value of a metric.
async fn metric(client: &Client, name: &str) -> usize {
    let page = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

/// Sends a call of each user, all of which wait for the same thread's turn. `hold` is SQL that stops the threads.
async fn queue_up(app: &TestApp, hold: &str, queue: &str, calls: Vec<(Client, &'static str, Value)>) -> Vec<Outcome> {
    let client = app.anonymous();
    let first: Vec<_> = (0..FIRST).map(|number| app.member(&format!("first_{number}"))).collect();
    let mut held = app.connect();
    held.batch_execute(hold).unwrap();
    let stopped: Vec<_> = first.into_iter().map(|user| spawn(user, method_of(queue), input_of(queue))).collect();
    let here = "(SELECT oid FROM pg_database WHERE datname = current_database())";
    let waiting = format!("pg_locks WHERE NOT granted AND database = {here}");
    eventually(async || app.count(&waiting) >= 2).await;
    let before = metric(&client, queue).await;
    let all = before + calls.len();
    let calls: Vec<_> = calls.into_iter().map(|(user, method, input)| spawn(user, method, input)).collect();
    eventually(async || metric(&client, queue).await >= all).await;
    held.batch_execute("ROLLBACK").unwrap();
    join_all(stopped).await;
    join_all(calls).await.into_iter().map(Result::unwrap).collect()
}

fn method_of(queue: &str) -> &'static str {
    if queue.ends_with("reads") { "user.me" } else { "user.updateName" }
}

fn input_of(queue: &str) -> Value {
    if queue.ends_with("reads") { json!({}) } else { json!({"name": "First"}) }
}

fn spawn(user: Client, method: &'static str, input: Value) -> JoinHandle<Outcome> {
    tokio::spawn(async move { user.try_call(method, input).await })
}

async fn write_together(app: &TestApp, calls: Vec<(Client, &'static str, Value)>) -> Vec<Outcome> {
    queue_up(app, EVENTS, "clusterdesk_queued_writes", calls).await
}

fn cluster(name: &str) -> Value {
    json!({"name": name, "location": "eu"})
}

/// Every caller creates a cluster; `named` gives the name of each.
fn creations(app: &TestApp, named: impl Fn(usize) -> String) -> Vec<(Client, &'static str, Value)> {
    (0..CALLERS).map(|number| (app.user(&name(number)), "k8s.create", cluster(&named(number)))).collect()
}

fn codes(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(Failure::code, |_| "OK")).collect()
}

/// Asserts that exactly the clusters of `owners` exist, each with one audit entry and one event.
fn assert_created(app: &TestApp, owners: impl Iterator<Item = usize>) {
    let mut expected: Vec<_> = owners.map(|number| format!("{} {}", name(number), name(number))).collect();
    expected.sort();
    let created = "SELECT cluster.auth_user_id || ' ' || entry.actor_id AS line FROM k8s_cluster_configs AS cluster
        JOIN audit_log AS entry ON entry.entity_id = cluster.id::text AND entry.procedure = 'k8s.create'
        JOIN audit_events AS told ON told.audit_id = entry.id
        JOIN cluster_events AS event ON event.cluster_id = cluster.id AND event.kind = 'created'";
    let mut found = app.lines(created);
    found.sort();
    assert_eq!(found, expected);
}

/// Makes an insert of a cluster with this name do something.
fn when_created(app: &TestApp, name: &str, does: &str, deferred: &str) {
    app.execute(&format!(
        "CREATE FUNCTION probe() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER probe AFTER INSERT ON k8s_cluster_configs {deferred}
         FOR EACH ROW WHEN (NEW.name = '{name}') EXECUTE FUNCTION probe()"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn writes_of_different_users_share_a_transaction() {
    let app = on_postgres().await;
    let before = metric(&app.anonymous(), "clusterdesk_grouped_jobs_total").await;
    let outcomes = write_together(&app, creations(&app, |number| format!("web-{number}"))).await;
    let ids: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap()["id"].as_i64().unwrap()).collect();
    // Counted after the answers.
    eventually(async || metric(&app.anonymous(), "clusterdesk_grouped_jobs_total").await >= before + CALLERS / 2).await;
    assert_created(&app, 0..CALLERS);
    let transactions = app.lines(TRANSACTIONS);
    assert!(transactions[0].parse::<usize>().unwrap() < CALLERS / 2, "{transactions:?}");
    for (number, id) in ids.iter().enumerate() {
        let got = app.user(&name(number)).call("k8s.get", json!({"id": id})).await;
        assert_eq!(got["name"], format!("web-{number}"));
    }

    // All kinds of steps and of refusals in one group.
    let calls = ids.iter().enumerate().map(|(number, id)| match number % 6 {
        0 => ("k8s.delete", json!({"id": id})),
        1 => ("k8s.update", json!({"id": id, "name": "renamed"})),
        2 => ("k8s.delete", json!({"id": ids[0]})),
        3 => ("k8s.create", cluster("again")),
        4 => ("k8s.update", json!({"id": id})),
        _ => ("user.updateName", json!({"name": "Ann"})),
    });
    let calls = calls.enumerate().map(|(number, (method, input))| (app.user(&name(number)), method, input)).collect();
    let outcomes = write_together(&app, calls).await;
    let expected = ["OK", "OK", "NOT_FOUND", "CONFLICT", "BAD_REQUEST", "OK"];
    for (number, outcome) in outcomes.iter().enumerate() {
        let code = outcome.as_ref().map_or_else(Failure::code, |_| "OK");
        assert_eq!(code, expected[number % 6], "{outcome:?}");
        if let Err(failure) = outcome
            && code == "CONFLICT"
        {
            assert_eq!(failure.conflicting_id(), ids[number]);
        }
    }
    let count = |rows: &str| usize::try_from(app.count(rows)).unwrap();
    assert_eq!(count("k8s_cluster_configs WHERE deleted_at IS NOT NULL AND status = 'DELETED'"), CALLERS / 6);
    assert_eq!(count("k8s_cluster_configs WHERE name = 'renamed' AND location = 'eu'"), CALLERS / 6);
    assert_eq!(count("users WHERE name = 'Ann'"), CALLERS / 6);
    for procedure in ["k8s.delete", "k8s.update", "user.updateName"] {
        assert_eq!(
            count(&format!("audit_log WHERE procedure = '{procedure}' AND actor_id LIKE 'user%'")),
            CALLERS / 6,
            "{procedure}"
        );
    }
    assert_eq!(count("audit_log WHERE procedure = 'k8s.delete' AND entity_id <> ''"), CALLERS / 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_job_that_fails_disturbs_no_other() {
    let app = on_postgres().await;
    when_created(&app, "poison", "RAISE EXCEPTION 'poison'", "");
    let named = |number| if number == 7 { "poison" } else { "web" }.to_owned();
    let outcomes = write_together(&app, creations(&app, named)).await;
    for (number, code) in codes(&outcomes).into_iter().enumerate() {
        assert_eq!(code, if number == 7 { "INTERNAL_SERVER_ERROR" } else { "OK" }, "{number}");
    }
    assert_created(&app, (0..CALLERS).filter(|number| *number != 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn refused_jobs_do_not_undo_their_group() {
    let app = on_postgres().await;
    let mut calls = Vec::new();
    for number in 0..CALLERS {
        let (user, input) = match number % 4 {
            0 => (app.user(&name(number)), json!({"name": "Ann", "userId": "somebody_else"})),
            1 => (app.scripted(&name(number), Scope::Read), json!({"name": "Ann"})),
            _ => (app.user(&name(number)), json!({"name": "Ann"})),
        };
        // The server learns whose token it is.
        user.call("user.me", json!({})).await;
        calls.push((user, "user.updateName", input));
    }
    let outcomes = write_together(&app, calls).await;
    for (number, code) in codes(&outcomes).into_iter().enumerate() {
        assert_eq!(code, if number % 4 < 2 { "FORBIDDEN" } else { "OK" }, "{number}");
    }
    let transactions = app.lines(TRANSACTIONS).remove(0);
    assert!(transactions.parse::<usize>().unwrap() < CALLERS / 4, "{transactions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_shared_statement_counts_for_every_call() {
    let app = on_postgres().await;
    let mut calls = Vec::new();
    for number in 0..CALLERS {
        let user = app.user(&name(number));
        let id = user.create("web", "FREE").await;
        calls.push((user, "k8s.delete", json!({"id": id})));
    }
    let outcomes = write_together(&app, calls).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let statements = metric(&app.anonymous(), "clusterdesk_statements_total{procedure=\"k8s.delete\"}").await;
    // The callers, the deletions, the audit entries. A call that runs alone has one more.
    assert!(statements >= 3 * CALLERS, "{statements}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_slow_job_leaves_its_group() {
    let app = on_postgres().await;
    // Longer than a group may take.
    when_created(&app, "slow", "PERFORM pg_sleep(3.5)", "");
    let named = |number| if number == 7 { "slow" } else { "web" }.to_owned();
    let outcomes = write_together(&app, creations(&app, named)).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_created(&app, 0..CALLERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_user_whom_a_stranger_has_locked_waits_alone() {
    let app = on_postgres().await;
    let mut stranger = app.connect();
    stranger.batch_execute("BEGIN; SELECT 1 FROM users WHERE id = 'user_7' FOR UPDATE").unwrap();
    let mut calls = creations(&app, |_| "web".to_owned());
    let (user, method, input) = calls.remove(7);
    let locked = spawn(user, method, input);
    let outcomes = write_together(&app, calls).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(!locked.is_finished());
    stranger.batch_execute("ROLLBACK").unwrap();
    assert!(locked.await.unwrap().is_ok());
    assert_created(&app, 0..CALLERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_user_who_writes_faster_than_the_database_fills_no_more_than_the_queue() {
    const QUEUED: usize = 16;
    // One group, of which this user has one job, and what waits beside it for the next ones.
    const GROUPS: usize = 2 * 64;
    let app = Builder::new(Backend::Postgres).limits(|limits| limits.queued_jobs = QUEUED).start().await;
    app.execute(
        "CREATE FUNCTION probe() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER probe AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION probe()",
    );
    let (user, client) = (app.member("user_0"), app.anonymous());
    let mut calls = Vec::new();
    for _ in 0..250 {
        eventually(async || metric(&client, "clusterdesk_queued_writes").await < QUEUED).await;
        calls.push(spawn(user.clone(), "user.updateName", json!({"name": "Fast"})));
    }
    let waiting = calls.iter().filter(|call| !call.is_finished()).count();
    assert!(waiting <= QUEUED + GROUPS, "{waiting} calls wait");
    let outcomes = join_all(calls).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    assert!(codes(&outcomes).iter().all(|code| ["OK", "SERVICE_UNAVAILABLE"].contains(code)), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_connection_lost_at_the_commit_leaves_the_outcomes_of_its_group_unknown() {
    let app = on_postgres().await;
    let lose = "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10)";
    when_created(&app, "lost", lose, "DEFERRABLE INITIALLY DEFERRED");
    // So many that hardly any group has none of them.
    let is_lost = |number: usize| number.is_multiple_of(2);
    let named = |number| if is_lost(number) { "lost" } else { "web" }.to_owned();
    let outcomes = write_together(&app, creations(&app, named)).await;
    let is_known = |number: &usize| outcomes[*number].is_ok();
    assert!((0..CALLERS).all(|number| !is_lost(number) || !is_known(&number)), "{outcomes:?}");
    assert!((0..CALLERS).any(|number| !is_lost(number) && !is_known(&number)), "no group of several: {outcomes:?}");
    let unknown = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    for failure in unknown {
        assert_eq!((failure.code(), &failure.0["data"]["outcome"]), ("SERVICE_UNAVAILABLE", &json!("unknown")));
    }
    // Nothing of the group is run again; here nothing of it was committed.
    assert_created(&app, (0..CALLERS).filter(is_known));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn reads_of_different_users_share_their_statements() {
    let app = on_postgres().await;
    for number in 0..CALLERS {
        app.user(&name(number)).create(&format!("web-{number}"), "FREE").await;
    }
    app.execute("UPDATE users SET deleted_at = now(), email = 'gone' WHERE id = 'user_7'");
    let calls = || {
        let call = |number| match number % 4 {
            0 => ("user.summary", json!({})),
            1 => ("admin.getStats", json!({})),
            _ => ("k8s.list", json!({})),
        };
        (0..CALLERS).map(|number| (app.user(&name(number)), call(number).0, call(number).1)).collect()
    };
    let hold = "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE";
    let mut outcomes = Vec::new();
    for attempt in 1..=ATTEMPTS {
        let before = metric(&app.anonymous(), "clusterdesk_grouped_jobs_total").await;
        outcomes = queue_up(&app, hold, "clusterdesk_queued_reads", calls()).await;
        // Counted after the answers.
        let enough = before + CALLERS / 2;
        let grouped = eventually(async || metric(&app.anonymous(), "clusterdesk_grouped_jobs_total").await >= enough);
        match attempt {
            ATTEMPTS => grouped.await,
            _ if timeout(Duration::from_secs(5), grouped).await.is_ok() => break,
            _ => {}
        }
    }
    for (number, outcome) in outcomes.iter().enumerate() {
        let code = outcome.as_ref().map_or_else(Failure::code, |_| "OK");
        match (number, number % 4) {
            (7, _) => assert_eq!(code, "UNAUTHORIZED"),
            (_, 1) => assert_eq!(code, "FORBIDDEN"),
            (_, 0) => {
                let summary = outcome.as_ref().unwrap();
                assert_eq!((&summary["user"]["id"], &summary["activeClusters"]), (&json!(name(number)), &json!(1)));
                assert_eq!(summary["clusters"][0]["name"], format!("web-{number}"));
            }
            _ => {
                let list = outcome.as_ref().unwrap().as_array().unwrap();
                assert_eq!((list.len(), &list[0]["name"]), (1, &json!(format!("web-{number}"))));
            }
        }
    }
}
