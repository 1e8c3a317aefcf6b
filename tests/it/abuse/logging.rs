//! The log can fail neither a call nor the process, and a flood of refusals does not fill the disk.

use std::{fs::File, process::Stdio, time::Duration};

use clusterdesk::db::migrations::Migrations;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use super::hung_postgres::lose_a_commit;
use crate::support::{Backend, Client, Postgres, Process, SECRET, Signal, TestDatabase, claims, hs256};

/// Enough calls of 50 entries to fill a pipe and the buffer of the log.
const BATCHES: u32 = 600;

/// A batch of 50 calls, each of which logs a line: the admin asks who they are.
fn batch() -> Value {
    (0..50).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "user.me"})).collect()
}

/// A server without rate limits whose log goes to `stderr`, with its data folder.
fn serve(stderr: Stdio) -> (TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    let off = [("RATE_LIMIT_READ_MAX_REQUESTS", "0"), ("DATABASE_URL", "sqlite:test.db")];
    let server = Process::serve_with_log(folder.path(), &off, stderr);
    (folder, server)
}

/// Calls the server often and asserts that every call is answered. Returns the metrics.
async fn call_often(folder: &TempDir, server: &Process, batches: u32) -> String {
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let client = server.client(token.trim());
    for _ in 0..batches {
        let answers = client.message(batch()).await;
        let answered = answers.as_array().unwrap().iter().filter(|answer| answer["result"]["role"] == "ADMIN").count();
        assert_eq!(answered, 50, "{answers}");
    }
    metrics(server).await
}

async fn metrics(server: &Process) -> String {
    let page = reqwest::get(format!("{}metrics", server.url)).await.unwrap();
    page.text().await.unwrap()
}

/// Dropped log lines for this reason.
fn dropped(metrics: &str, reason: &str) -> u64 {
    let name = format!("clusterdesk_log_lines_dropped_total{{reason=\"{reason}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

/// Asserts that SIGTERM ends the server with success.
fn stop(mut server: Process) {
    server.signal(Signal::TERM);
    assert!(server.wait().success());
}

#[tokio::test]
async fn a_full_log_disk_fails_no_call() {
    let (folder, server) = serve(File::options().write(true).open("/dev/full").unwrap().into());
    let metrics = call_often(&folder, &server, 5).await;
    assert!(dropped(&metrics, "failed") >= 1, "{metrics}");
    assert_eq!(dropped(&metrics, "unread"), 0);
    stop(server);
}

#[tokio::test]
async fn a_log_reader_that_went_away_fails_no_call() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let (folder, server) = serve(writer.into());
    let metrics = call_often(&folder, &server, 5).await;
    assert!(dropped(&metrics, "failed") >= 1, "{metrics}");
    stop(server);
}

#[tokio::test]
async fn a_log_reader_that_stalls_delays_no_call() {
    let (reader, writer) = std::io::pipe().unwrap();
    let (folder, server) = serve(writer.into());
    let called = timeout(Duration::from_secs(120), call_often(&folder, &server, BATCHES)).await;
    let metrics = called.expect("a call waits for the reader of the log");
    assert!(dropped(&metrics, "unread") >= 1, "{metrics}");
    stop(server);
    drop(reader);
}

#[tokio::test]
async fn an_anonymous_flood_writes_less_log_than_it_sends() {
    let (_folder, mut server) = serve(Stdio::piped());
    let client = Client::new(&server.url, None);
    let kinds = [
        // An unknown method, a call without credentials, and an invalid request.
        json!([{"jsonrpc": "2.0", "id": 1, "method": "x.y"}]).to_string(),
        json!([{"jsonrpc": "2.0", "id": 1, "method": "user.me"}]).to_string(),
        "[1]".to_owned(),
    ];
    let mut sent = 0;
    for kind in &kinds {
        let entry = kind.trim_matches(['[', ']']);
        let body = format!("[{}]", vec![entry; 50].join(","));
        for _ in 0..100 {
            sent += body.len();
            assert_eq!(client.send(body.clone()).await.status(), 200);
        }
    }
    let dropped = dropped(&metrics(&server).await, "refusals");
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let log = server.log();
    let lines = log.matches("\"code\":").count();
    assert_eq!(lines + usize::try_from(dropped).unwrap(), 15_000, "every refusal is logged or counted");
    assert!(log.len() < sent, "{} bytes of log for {sent} bytes", log.len());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_write_without_a_known_outcome_is_logged_as_an_error() {
    let postgres = Postgres::primary();
    postgres.create("app", "template0");
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase { backend: Backend::Postgres, url: postgres.url("app"), folder };
    Migrations::open(&database.address()).unwrap().up(usize::MAX).unwrap();
    let settings = [("DATABASE_URL", database.url.as_str()), ("JWT_SECRET", SECRET), ("BOOTSTRAP_ADMIN", "off")];
    let mut server = Process::serve(database.folder.path(), &settings);
    let ann = server.client(&hs256(&claims("ann")));
    ann.call("user.me", Value::Null).await;
    lose_a_commit(&postgres, &database, ann).await;
    server.signal(Signal::TERM);
    server.wait();
    let log = server.log();
    let line = log.lines().find(|line| line.contains("did not confirm the write")).expect(&log);
    for part in ["ERROR", "user.updateName", "request_id"] {
        assert!(line.contains(part), "{line}");
    }
}
