//! Durability and errors when the server is killed and when the database is killed or locked.

use std::sync::{Arc, Mutex};

use clusterdesk::db::migrations::Migrations;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    Backend, Builder, Client, Failure, Postgres, Process, SECRET, Signal, Sql, TestApp, TestDatabase, both_databases,
    claims, eventually, hs256, signal,
};

async fn create(client: &Client) -> Result<Value, Failure> {
    client.try_call("k8s.create", json!({"name": "a", "location": "eu"})).await
}

/// Creates clusters, each for a new user, until the server is gone. Records the owners of the acknowledged ones.
pub async fn create_until_killed(url: String, worker: u32, acknowledged: Arc<Mutex<Vec<String>>>) {
    for number in 0.. {
        let owner = format!("user_{worker}_{number}");
        let client = Client::new(&url, Some(hs256(&claims(&owner))));
        let call =
            json!({"jsonrpc": "2.0", "id": 1, "method": "k8s.create", "params": {"name": "a", "location": "eu"}});
        let Ok(response) = client.post().body(call.to_string()).send().await else { return };
        let Ok(text) = response.text().await else { return };
        assert!(text.contains("\"success\":true"), "{text}");
        acknowledged.lock().unwrap().push(owner);
    }
}

both_databases! {
    async fn acknowledged_creates_survive_a_killed_server(database: TestDatabase) {
        let folder = database.folder.path();
        let settings = [("DATABASE_URL", database.url.as_str()), ("JWT_SECRET", SECRET), ("BOOTSTRAP_ADMIN", "off")];
        let mut server = Process::serve(folder, &settings);
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let workers: Vec<_> = (0..8)
            .map(|worker| tokio::spawn(create_until_killed(server.url.clone(), worker, Arc::clone(&acknowledged))))
            .collect();
        eventually(async || acknowledged.lock().unwrap().len() >= 100).await;
        server.signal(Signal::KILL);
        assert!(!server.wait().success());
        for worker in workers {
            worker.await.unwrap();
        }

        let server = Process::serve(folder, &settings);
        let mut conn = database.connect();
        let owners = conn.texts("SELECT auth_user_id FROM k8s_cluster_configs WHERE deleted_at IS NULL");
        let acknowledged = acknowledged.lock().unwrap().clone();
        let lost: Vec<_> = acknowledged.iter().filter(|owner| !owners.contains(owner)).collect();
        assert!(lost.is_empty(), "{lost:?} of {} were acknowledged and are lost", acknowledged.len());
        let audited = conn.texts("SELECT actor_id FROM audit_log WHERE procedure = 'k8s.create'");
        let all_audited = owners.iter().all(|owner| audited.contains(owner)) && owners.len() == audited.len();
        assert!(all_audited, "a cluster without its audit entry, or the reverse");
        let last = server.client(&hs256(&claims(acknowledged.last().unwrap())));
        assert_eq!(last.call("k8s.list", Value::Null).await.as_array().unwrap().len(), 1);
    }
}

/// A private PostgreSQL server, a server on it, and a client that has a cluster.
async fn on_private_postgres() -> (Postgres, TestApp, Client) {
    let postgres = Postgres::private();
    postgres.create("app", "template0");
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase { backend: Backend::Postgres, url: postgres.url("app"), folder };
    Migrations::open(&database.address()).unwrap().up(usize::MAX).unwrap();
    let app = Builder::with_database(database).start().await;
    let client = app.user("ann");
    create(&client).await.unwrap();
    (postgres, app, client)
}

async fn ready(app: &TestApp) -> StatusCode {
    let page = format!("{}health/ready", app.url);
    app.anonymous().http.get(page).send().await.unwrap().status()
}

/// Asserts that a failure is SERVICE_UNAVAILABLE and says when to retry.
fn assert_unavailable(failure: &Failure) {
    assert_eq!(failure.code(), "SERVICE_UNAVAILABLE", "{failure:?}");
    assert!(failure.0["data"]["retryAfterMs"].is_u64(), "{failure:?}");
}

/// Asserts that a failure is SERVICE_UNAVAILABLE and says either when to retry or that the outcome is unknown.
fn assert_unavailable_or_unknown(failure: &Failure) {
    match failure.0["data"].get("outcome") {
        Some(outcome) => assert_eq!((failure.code(), outcome), ("SERVICE_UNAVAILABLE", &json!("unknown"))),
        None => assert_unavailable(failure),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn calls_are_unavailable_while_postgres_is_down_and_recover_afterwards() {
    let (postgres, app, client) = on_private_postgres().await;
    assert_eq!(ready(&app).await, 200);
    postgres.crash();
    for round in 0..2 {
        let update = client.try_call("user.updateName", json!({"name": format!("Ann {round}")})).await;
        assert_unavailable(&update.unwrap_err());
        assert_unavailable(&client.try_call("k8s.list", Value::Null).await.unwrap_err());
    }
    // A success is believed for a second.
    eventually(async || ready(&app).await == 503).await;

    postgres.launch();
    eventually(async || client.try_call("k8s.list", Value::Null).await.is_ok()).await;
    eventually(async || create(&app.user("bob")).await.is_ok()).await;
    assert_eq!(client.call("k8s.list", Value::Null).await.as_array().unwrap().len(), 1);
    assert_eq!(ready(&app).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn calls_whose_postgres_backend_is_killed_are_unavailable() {
    let (_postgres, app, client) = on_private_postgres().await;
    let failures = Arc::new(Mutex::new(Vec::new()));
    let callers: Vec<_> = (0..8)
        .map(|number| {
            let (client, failures, other) =
                (client.clone(), Arc::clone(&failures), app.user(&format!("user_{number}")));
            tokio::spawn(async move {
                for name in 0..60 {
                    let outcomes = [
                        client.try_call("k8s.list", Value::Null).await,
                        other.try_call("user.updateName", json!({"name": format!("Name {name}")})).await,
                    ];
                    failures.lock().unwrap().extend(outcomes.into_iter().filter_map(Result::err));
                }
            })
        })
        .collect();
    let mut conn = app.connect();
    let pids = conn.texts("SELECT pid::text FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'app'");
    assert!(!pids.is_empty());
    for pid in pids {
        // A process may have exited already: after the first kill PostgreSQL restarts the others.
        let _ = signal(pid.parse().unwrap(), Signal::KILL);
    }
    for caller in callers {
        caller.await.unwrap();
    }
    failures.lock().unwrap().iter().for_each(assert_unavailable_or_unknown);
    eventually(async || create(&app.user("bob")).await.is_ok()).await;
    assert_eq!(client.call("k8s.list", Value::Null).await.as_array().unwrap().len(), 1);
}

/// A server in another process, so that this process can lock its SQLite file.
async fn locked_sqlite() -> (TestDatabase, Process, Client) {
    let database = Backend::Sqlite.database();
    let settings = [("DATABASE_URL", database.url.as_str()), ("JWT_SECRET", SECRET), ("BOOTSTRAP_ADMIN", "off")];
    let server = Process::serve(database.folder.path(), &settings);
    let client = server.client(&hs256(&claims("ann")));
    client.call("user.me", Value::Null).await;
    (database, server, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutation_waits_for_another_process_to_finish_writing_to_the_sqlite_file() {
    let (database, _server, client) = locked_sqlite().await;
    let mut other = database.connect();
    other.run("BEGIN IMMEDIATE; UPDATE users SET image = 'theirs'");
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { create(&client).await }
    });
    assert_eq!(client.call("k8s.list", Value::Null).await, json!([]), "readers do not wait for the writer");
    other.run("COMMIT");
    waiting.await.unwrap().unwrap();
    assert_eq!(client.call("user.me", Value::Null).await["image"], "theirs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutation_on_a_locked_sqlite_file_fails_without_partial_writes() {
    let (database, _server, client) = locked_sqlite().await;
    let mut other = database.connect();
    other.run("BEGIN IMMEDIATE");
    assert_unavailable(&create(&client).await.unwrap_err());
    other.run("ROLLBACK");
    let written = "SELECT (SELECT count(*) FROM k8s_cluster_configs) + (SELECT count(*) FROM audit_log)";
    assert_eq!(other.number(written), 0);
    create(&client).await.unwrap();
    assert_eq!(other.number(written), 2);
}
