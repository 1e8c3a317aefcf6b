//! A database that answers and refuses to write: after a failover, or when its disk is full.

use std::{fs::File, os::unix::fs::FileExt};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Backend, Builder, Client, Postgres, Process, SECRET, Sql, TestApp, TestDatabase, claims, eventually, hs256,
    limit_files,
};

const NO_WRITES: &str = "The database accepts no writes at the moment.";

fn cluster() -> Value {
    json!({"name": "a", "location": "eu"})
}

/// Waits until a write is refused, and asserts how.
async fn refused(user: &Client, method: &str, input: Value) {
    let mut failure = None;
    eventually(async || {
        failure = user.try_call(method, input.clone()).await.err();
        failure.is_some()
    })
    .await;
    let failure = failure.unwrap();
    assert_eq!((failure.code(), failure.message()), ("SERVICE_UNAVAILABLE", NO_WRITES), "{failure:?}");
    assert_eq!(failure.0["data"]["retryAfterMs"], 1000, "{failure:?}");
    assert_eq!(failure.0["data"]["outcome"], Value::Null, "{failure:?}");
}

async fn readiness(url: &str) -> (u16, Value) {
    let response = Client::http().build().unwrap().get(format!("{url}health/ready")).send().await.unwrap();
    (response.status().as_u16(), response.json::<Value>().await.unwrap()["reason"].take())
}

fn not_ready() -> (u16, Value) {
    (503, json!("the database accepts no writes"))
}

/// A PostgreSQL server of its own with a migrated database, and a clusterdesk on it.
async fn on_postgres(postgres: &Postgres) -> TestApp {
    postgres.create("app", "template0");
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase { backend: Backend::Postgres, url: postgres.url("app"), folder };
    clusterdesk::db::migrations::Migrations::open(&database.address()).unwrap().up(usize::MAX).unwrap();
    Builder::with_database(database).start().await
}

#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_became_read_only_still_answers_reads() {
    let postgres = Postgres::private();
    let app = on_postgres(&postgres).await;
    let user = app.user("ann");
    user.call("k8s.create", cluster()).await;
    postgres.administer(&["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"]);
    refused(&user, "user.updateName", json!({"name": "Ann"})).await;
    refused(&app.user("newcomer"), "k8s.list", json!({})).await;
    assert_eq!(user.call("k8s.list", json!({})).await.as_array().unwrap().len(), 1);
    eventually(async || readiness(&app.url).await == not_ready()).await;
    postgres.administer(&["ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"]);
    eventually(async || user.try_call("user.updateName", json!({"name": "Ann"})).await.is_ok()).await;
    eventually(async || readiness(&app.url).await.0 == 200).await;
}

#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_with_a_full_disk_still_answers_reads() {
    let postgres = Postgres::private();
    let app = on_postgres(&postgres).await;
    let user = app.user("ann");
    user.call("k8s.create", cluster()).await;
    // A table that is larger than a file of the write-ahead log, which is 16 MiB.
    app.connect().run(
        "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, network, status, created_at, updated_at, deleted_at)
         SELECT repeat('x', 100), repeat('y', 50), 'ann', 'FREE', 'Default', 'DELETED', now(), now(), now()
         FROM generate_series(1, 80000)",
    );
    postgres.limit_files(Some(16 * 1024 * 1024));
    // There is room left in pages of the table that the server has in store.
    let long = json!({"name": "x".repeat(100), "location": "y".repeat(50)});
    let is_full = async |turn: u32| {
        let users = (0..100).map(|number| app.user(&format!("user_{turn}_{number}")));
        let calls = users.map(async |user| user.try_call("k8s.create", long.clone()).await);
        let created = join_all(calls).await;
        created.into_iter().any(|created| created.is_err_and(|failure| failure.message() == NO_WRITES))
    };
    let mut turn = 0;
    while !is_full(turn).await {
        turn += 1;
    }
    refused(&app.user("zoe"), "k8s.create", long).await;
    assert_eq!(readiness(&app.url).await, not_ready());
    assert_eq!(user.call("k8s.list", json!({})).await.as_array().unwrap().len(), 1);
    postgres.limit_files(None);
    eventually(async || app.user("zoe").try_call("k8s.create", cluster()).await.is_ok()).await;
    eventually(async || readiness(&app.url).await.0 == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_that_can_not_grow_is_not_ready_and_still_read() {
    let database = Backend::Sqlite.database();
    let url = database.url.as_str();
    // A write beyond the limit fails instead of ending the process.
    let script = "trap '' XFSZ; exec \"$0\" serve";
    let settings = [("DATABASE_URL", url), ("JWT_SECRET", SECRET), ("RATE_LIMIT_WRITE_MAX_REQUESTS", "0")];
    let server = Process::serve_by(database.folder.path(), script, &settings);
    let client = |id: &str| server.client(&hs256(&claims(id)));
    client("ann").call("k8s.create", cluster()).await;
    limit_files(server.pid(), Some(64 * 1024)).unwrap();
    let mut failure = None;
    let mut number = 0;
    eventually(async || {
        number += 1;
        failure = client(&format!("user_{number}")).try_call("k8s.create", cluster()).await.err();
        failure.is_some()
    })
    .await;
    let failure = failure.unwrap();
    assert_eq!(failure.code(), "SERVICE_UNAVAILABLE", "{failure:?}");
    // A part of the log may have been written.
    assert_eq!(failure.0["data"]["outcome"], "unknown", "{failure:?}");
    let newcomer = client("newcomer").try_call("k8s.list", json!({})).await.unwrap_err();
    assert_eq!(newcomer.code(), "SERVICE_UNAVAILABLE", "{newcomer:?}");
    assert_eq!(readiness(&server.url).await.0, 503);
    assert_eq!(client("ann").call("k8s.list", json!({})).await.as_array().unwrap().len(), 1);
    limit_files(server.pid(), None).unwrap();
    eventually(async || client("zoe").try_call("k8s.create", cluster()).await.is_ok()).await;
    eventually(async || readiness(&server.url).await.0 == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_that_is_read_only_is_not_ready_and_still_read() {
    let mut first = TestApp::on_sqlite().await;
    first.user("ann").call("k8s.create", cluster()).await;
    first.stop();
    first.stopped().await;
    // A greater version of the format than SQLite can write: it then reads only, whatever the user and the file's mode are.
    // So that the first page is in the file only.
    first.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    let address = first.database.address();
    let file = File::options().write(true).open(address.sqlite_path().unwrap()).unwrap();
    file.write_all_at(&[3], 18).unwrap();
    let app = first.beside().start().await;
    let user = app.user("ann");
    refused(&user, "user.updateName", json!({"name": "Ann"})).await;
    refused(&app.user("newcomer"), "k8s.list", json!({})).await;
    assert_eq!(user.call("k8s.list", json!({})).await.as_array().unwrap().len(), 1);
    eventually(async || readiness(&app.url).await == not_ready()).await;
}
