//! Duplicates at the same time, and in the groups of PostgreSQL's writers.

use clusterdesk::models::user::Role;
use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{call, cluster};
use crate::support::{Backend, Client, On, TestApp, both_databases, eventually};

const DUPLICATES: usize = 20;

/// Sends a call so many times at once, through all servers in turn, and returns the answers.
async fn through(clients: &[Client], method: &'static str, params: Value) -> Vec<(Value, bool)> {
    let calls = (0..DUPLICATES).map(|number| {
        let (client, params) = (clients[number % clients.len()].clone(), params.clone());
        tokio::spawn(async move { call(&client, "a", method, &params).await })
    });
    join_all(calls).await.into_iter().map(Result::unwrap).collect()
}

/// Sends a call so many times at once, and returns the answers.
async fn at_once(client: &Client, method: &'static str, params: Value) -> Vec<(Value, bool)> {
    through(std::slice::from_ref(client), method, params).await
}

/// Asserts that one call was made, and that all have its answer.
fn assert_once(answers: &[(Value, bool)]) {
    assert!(answers[0].0.get("result").is_some(), "{answers:?}");
    assert!(answers.iter().all(|(answer, _)| *answer == answers[0].0), "{answers:?}");
    assert_eq!(answers.iter().filter(|(_, replayed)| !replayed).count(), 1, "{answers:?}");
}

both_databases! {
    async fn of_twenty_duplicates_one_is_made_and_all_are_answered(app: TestApp) {
        let user = app.member("user_1");
        let answers = at_once(&user, "k8s.create", cluster("web")).await;
        assert_once(&answers);
        assert_eq!((app.count("k8s_cluster_configs"), app.count("audit_log")), (1, 1));
    }

    async fn of_duplicates_through_two_servers_one_is_made(app: TestApp) {
        let other = app.beside().start().await;
        let answers = through(&[app.member("user_1"), other.user("user_1")], "k8s.create", cluster("web")).await;
        assert_once(&answers);
        assert_eq!((app.count("k8s_cluster_configs"), app.count("audit_log")), (1, 1));
    }

    async fn a_mutation_that_does_not_write_in_steps_is_made_once_too(app: TestApp) {
        let user = app.rich("user_1");
        let id = user.create_deleted("web", "FREE").await;
        let before = app.count("audit_log");
        assert_once(&at_once(&user, "k8s.restore", json!({"id": id})).await);
        assert_eq!(app.count("audit_log"), before + 1);
    }

    async fn duplicates_after_a_day_are_made_once(app: TestApp) {
        let user = app.member("user_1");
        call(&user, "a", "user.updateName", &json!({"name": "Ada"})).await;
        let old = crate::support::literal(crate::support::hours_ago(25));
        app.execute(&format!("UPDATE stored_answers SET created_at = {old}"));
        assert_once(&at_once(&user, "user.updateName", json!({"name": "Grace"})).await);
        assert_eq!(app.count("audit_log"), 2);
    }
}

/// The number of the users' transactions, without those of the users who made them wait.
const TRANSACTIONS: &str =
    "SELECT count(DISTINCT xmin::text) || '' AS line FROM audit_log WHERE actor_id NOT LIKE 'first%'";

/// Makes calls wait for the writers, so that they share transactions.
async fn queue_up(app: &TestApp, calls: Vec<(Client, String, Value)>) -> Vec<(Value, bool)> {
    let mut held = app.connect();
    held.batch_execute("BEGIN; LOCK TABLE audit_log IN SHARE MODE").unwrap();
    let here = "(SELECT oid FROM pg_database WHERE datname = current_database())";
    let first: Vec<_> = (0..20).map(|number| app.member(&format!("first_{number}"))).collect();
    let stopped: Vec<_> = first
        .into_iter()
        .map(|user| tokio::spawn(async move { user.call("user.updateName", json!({"name": "First"})).await }))
        .collect();
    eventually(async || app.count(&format!("pg_locks WHERE NOT granted AND database = {here}")) >= 2).await;
    let number = calls.len();
    let calls: Vec<_> = calls
        .into_iter()
        .map(|(user, key, input)| tokio::spawn(async move { call(&user, &key, "k8s.create", &input).await }))
        .collect();
    eventually(async || queued(&app.anonymous()).await >= number).await;
    held.batch_execute("ROLLBACK").unwrap();
    join_all(stopped).await;
    join_all(calls).await.into_iter().map(Result::unwrap).collect()
}

/// The number of writes that wait.
async fn queued(client: &Client) -> usize {
    let page = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("clusterdesk_queued_writes "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn calls_with_keys_share_a_transaction() {
    const CALLERS: usize = 40;
    let app = TestApp::on(Backend::Postgres).await;
    let calls = |name: &'static str| {
        let of_user = move |number: usize| (format!("user_{number}"), format!("key_{number}"), cluster(name));
        (0..CALLERS).map(of_user).collect::<Vec<_>>()
    };
    (0..CALLERS).for_each(|number| app.provision(&format!("user_{number}"), Role::User));
    let with_clients = |calls: Vec<(String, String, Value)>| {
        calls.into_iter().map(|(user, key, input)| (app.user(&user), key, input)).collect::<Vec<_>>()
    };
    let answers = queue_up(&app, with_clients(calls("web"))).await;
    assert!(answers.iter().all(|(answer, replayed)| answer.get("result").is_some() && !replayed), "{answers:?}");
    let transactions: usize = app.lines(TRANSACTIONS)[0].parse().unwrap();
    assert!(transactions < CALLERS / 2, "{transactions}");
    // Stored answers, new calls and conflicts in one group.
    let mut again = with_clients(calls("web"));
    for (number, (_, key, input)) in again.iter_mut().enumerate() {
        match number % 4 {
            0 => *input = cluster("db"),
            1 => "other".clone_into(key),
            _ => {}
        }
    }
    let second = queue_up(&app, again).await;
    for (number, (answer, replayed)) in second.iter().enumerate() {
        match number % 4 {
            0 => assert_eq!(answer["error"]["data"].get("conflictingId"), None, "{answer}"),
            1 => assert!(answer["error"]["data"]["conflictingId"].is_number(), "{answer}"),
            _ => assert_eq!((answer, *replayed), (&answers[number].0, true)),
        }
    }
    assert_eq!(usize::try_from(app.count("k8s_cluster_configs")).unwrap(), CALLERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn duplicates_in_one_group_are_made_once() {
    let app = TestApp::on(Backend::Postgres).await;
    let (ann, bob) = (app.member("ann"), app.member("bob"));
    let of = |user: &Client, key: &str| (user.clone(), key.to_owned(), cluster("web"));
    let calls = (0..20).flat_map(|_| [of(&ann, "a"), of(&bob, "b")]).collect();
    let answers = queue_up(&app, calls).await;
    for offset in [0, 1] {
        assert_once(&answers.iter().skip(offset).step_by(2).cloned().collect::<Vec<_>>());
    }
    assert_eq!(app.count("k8s_cluster_configs"), 2);
    assert_eq!(app.count("audit_log WHERE procedure = 'k8s.create'"), 2);
}
