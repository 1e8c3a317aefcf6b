//! A server that starts before its database.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::support::{Postgres, Process, Signal, eventually, signal};

/// A server that was stopped, with an empty database `app`, and its URL.
fn stopped() -> (Postgres, String) {
    let postgres = Postgres::private();
    postgres.create("app", "template0");
    postgres.crash();
    let url = postgres.url("app");
    (postgres, url)
}

#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_its_database_and_says_so_once() {
    let (postgres, url) = stopped();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (log, data) = (fs::File::create(&path).unwrap(), folder.path().to_owned());
    let starting = spawn_blocking(move || Process::serve_with_log(&data, &[("DATABASE_URL", &url)], log.into()));
    let logged = || fs::read_to_string(&path).unwrap();
    eventually(async || logged().contains("does not answer yet") || starting.is_finished()).await;
    postgres.launch();
    let server = starting.await.unwrap();
    let token = fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    server.client(token.trim()).call("admin.getStats", Value::Null).await;
    let log = logged();
    for line in ["does not answer yet", "the database answers"] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
}

#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
#[test]
fn a_start_gives_up_after_its_time() {
    let (_postgres, url) = stopped();
    let folder = tempfile::tempdir().unwrap();
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_WAIT_MS", "700")];
    let output = Process::run(folder.path(), &["serve"], &settings);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.matches("does not answer yet").count(), 1, "{text}");
    assert!(text.contains("error: could not open the PostgreSQL database, also after DATABASE_WAIT_MS"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is created");
}

#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
#[test]
fn a_start_that_waits_can_be_stopped() {
    let (_postgres, url) = stopped();
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        Process::command(folder.path(), &["serve"], &[("DATABASE_URL", &url), ("DATABASE_WAIT_MS", "600000")]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("does not answer yet") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the server has ended");
    }
    signal(child.id(), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
#[test]
fn a_database_that_is_missing_or_refuses_the_user_is_not_waited_for() {
    let postgres = Postgres::private();
    let folder = tempfile::tempdir().unwrap();
    let (missing, stranger) =
        (postgres.url("missing"), postgres.url("postgres").replace("user=postgres", "user=nobody"));
    for (url, reason) in
        [(missing, "database \"missing\" does not exist"), (stranger, "role \"nobody\" does not exist")]
    {
        let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_WAIT_MS", "600000")];
        let output = Process::run(folder.path(), &["serve"], &settings);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(reason) && !text.contains("does not answer yet"), "{text}");
    }
}

#[test]
fn a_start_asks_less_and_less_often() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://nobody@{}/app?sslmode=disable", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            drop(connection);
            ASKED.fetch_add(1, Ordering::SeqCst);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let output = Process::run(folder.path(), &["serve"], &[("DATABASE_URL", &url), ("DATABASE_WAIT_MS", "1500")]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("also after DATABASE_WAIT_MS"), "{text}");
    // With 100, 200, 400 and 800 ms between them it is five times. A slow machine makes it less often.
    let asked = ASKED.load(Ordering::SeqCst);
    assert!((2..=6).contains(&asked), "{asked} times");
}
