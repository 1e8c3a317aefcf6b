//! A SQLite file that is removed, replaced or truncated while the server runs.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use clusterdesk::{
    error::Result,
    kernel::{Audited, Call, Router},
};
use futures_util::future::join_all;
use procedures::Access;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Backend, Builder, Client, Failure, Process, SECRET, Sql, TestApp, claims, eventually, hs256};

/// The path of the database file, with a suffix.
fn path(app: &TestApp, suffix: &str) -> PathBuf {
    format!("{}{suffix}", app.database.url.strip_prefix("sqlite:").unwrap()).into()
}

async fn create(client: &Client) -> Result<Value, Failure> {
    client.try_call("k8s.create", json!({"name": "a", "location": "eu"})).await
}

/// Asserts that a write failed and that nothing was written.
fn assert_refused(created: Result<Value, Failure>) {
    let failure = created.unwrap_err();
    assert_eq!((failure.code(), failure.0["data"].get("outcome")), ("SERVICE_UNAVAILABLE", None), "{failure:?}");
    assert_eq!(failure.message(), "The database is unavailable.");
}

async fn ready(app: &TestApp) -> u16 {
    app.anonymous().http.get(format!("{}health/ready", app.url)).send().await.unwrap().status().as_u16()
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Move {
    from: String,
    to: String,
}

/// Moves a file in the middle of a write.
fn move_file(call: &mut Call<'_>, input: Move) -> Result<Audited<bool>> {
    fs::rename(input.from, input.to).unwrap();
    call.conn.run("UPDATE users SET image = 'moved'");
    Ok(Audited::unchanged(true))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_while_the_file_or_its_log_is_not_in_its_place() {
    for suffix in ["", "-wal"] {
        let app = TestApp::on_sqlite().await;
        let (ann, bob) = (app.member("ann"), app.member("bob"));
        create(&ann).await.unwrap();
        let (file, away) = (path(&app, suffix), path(&app, ".away"));
        fs::rename(&file, &away).unwrap();
        assert_refused(create(&bob).await);
        eventually(async || ready(&app).await == 503).await;
        // Queries fail or see what there was; none creates an empty database.
        for list in join_all((0..8).map(|_| ann.try_call("k8s.list", Value::Null))).await {
            assert!(list.is_err() || list.unwrap().as_array().unwrap().len() == 1);
        }
        assert!(suffix == "-wal" || !file.exists(), "{suffix}");
        fs::rename(&away, &file).unwrap();
        create(&bob).await.unwrap();
        eventually(async || ready(&app).await == 200).await;
        // No connection stays broken.
        eventually(async || {
            join_all((0..8).map(|_| ann.try_call("k8s.list", Value::Null))).await.iter().all(Result::is_ok)
        })
        .await;
        assert_eq!(app.connect().number("SELECT count(*) FROM k8s_cluster_configs"), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_to_a_file_that_replaced_the_database() {
    let app = TestApp::on_sqlite().await;
    let (ann, bob) = (app.member("ann"), app.member("bob"));
    create(&ann).await.unwrap();
    let (file, copy) = (path(&app, ""), path(&app, ".copy"));
    app.execute(&format!("VACUUM INTO '{}'", copy.display()));
    let before = fs::read(&copy).unwrap();
    fs::rename(&copy, &file).unwrap();
    assert_refused(create(&bob).await);
    assert_eq!(ready(&app).await, 503);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_of_the_file_may_be_a_symbolic_link() {
    let mut database = Backend::Sqlite.database();
    let (target, link) = (database.folder.path().join("test.db"), database.folder.path().join("link.db"));
    symlink(&target, &link).unwrap();
    database.url = format!("sqlite:{}", link.display());
    let app = Builder::with_database(database).start().await;
    let (ann, bob) = (app.member("ann"), app.member("bob"));
    create(&ann).await.unwrap();
    assert_eq!(ready(&app).await, 200);
    let (log, away) = (target.with_extension("db-wal"), target.with_extension("away"));
    let told = app.admin().call("admin.health", Value::Null).await["database"].take();
    assert!(told["logBytes"].as_u64() > Some(0), "{told}");
    fs::rename(&log, &away).unwrap();
    assert_refused(create(&bob).await);
    fs::rename(&away, &log).unwrap();
    // The link leads to another file.
    let other = target.with_extension("other");
    fs::copy(&target, &other).unwrap();
    fs::remove_file(&link).unwrap();
    symlink(&other, &link).unwrap();
    assert_refused(create(&bob).await);
    fs::remove_file(&link).unwrap();
    symlink(&target, &link).unwrap();
    create(&bob).await.unwrap();
    assert_eq!(app.connect().number("SELECT count(*) FROM k8s_cluster_configs"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_during_which_the_file_was_removed_has_an_unknown_outcome() {
    for suffix in ["", "-wal"] {
        let router = Router::new("probe").mutation("moveFile", Access::User, "Moves a file.", move_file);
        let app = Builder::new(Backend::Sqlite).router(router).start().await;
        let ann = app.member("ann");
        create(&ann).await.unwrap();
        let file = path(&app, suffix);
        let away = path(&app, ".away");
        let failure = ann.fail("SERVICE_UNAVAILABLE", "probe.moveFile", json!({"from": file, "to": away})).await;
        assert_eq!(failure.0["data"]["outcome"], "unknown", "{failure:?}");
        assert_eq!(failure.0["data"].get("retryAfterMs"), None);
        fs::rename(&away, &file).unwrap();
        assert_eq!(ann.call("user.me", Value::Null).await["image"], "moved");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_gives_errors_and_does_not_kill_the_server() {
    let database = Backend::Sqlite.database();
    let url = database.url.as_str();
    // One thread, so that the connection that has seen the whole file reads it again.
    let settings =
        [("DATABASE_URL", url), ("JWT_SECRET", SECRET), ("BOOTSTRAP_ADMIN", "off"), ("DATABASE_THREADS", "1")];
    let mut conn = database.connect();
    conn.run(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 500)
         INSERT INTO users (id, role, image, created_at, updated_at)
         SELECT 'user_' || n, 'USER', hex(zeroblob(1000)), '2026-01-01 00:00:00', '2026-01-01 00:00:00' FROM number",
    );
    conn.run("PRAGMA wal_checkpoint(TRUNCATE)");
    drop(conn);
    let server = Process::serve(database.folder.path(), &settings);
    let user = |number: u32| server.client(&hs256(&claims(&format!("user_{number}"))));
    // Afterwards the log says how large the database is, so that SQLite does not look at the file.
    user(1).call("user.updateName", json!({"name": "Ann"})).await;
    user(1).call("user.me", Value::Null).await;
    let file = fs::File::options().write(true).open(database.url.strip_prefix("sqlite:").unwrap()).unwrap();
    file.set_len(64 * 1024).unwrap();
    let mut failed = 0;
    for number in 1..=500 {
        match user(number).try_call("user.me", Value::Null).await {
            Ok(me) => assert_eq!(me["id"], format!("user_{number}")),
            Err(_failure) => failed += 1,
        }
    }
    assert!(failed > 0, "nothing was read from the truncated part");
    let live = reqwest::get(format!("{}health/live", server.url)).await.unwrap();
    assert_eq!(live.status(), 200);
}
