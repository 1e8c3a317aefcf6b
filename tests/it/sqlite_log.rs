//! The size of SQLite's write-ahead log. The tests count bytes.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use clusterdesk::{
    error::Result,
    kernel::{Audited, Call, Router},
};
use futures_util::future::join_all;
use procedures::{Access, NoInput};
use serde_json::Value;

use crate::support::{Backend, Builder, Sql, TestApp, eventually};

/// The promised size of the log in bytes (docs/OPERATIONS.md, "When the database hangs").
const PROMISED: u64 = 32 * 1024 * 1024;
/// Calls of `probe.fill` that write far more than that.
const MANY: usize = 30;

/// Changes about 4 MB of pages.
fn fill(call: &mut Call<'_>, _: NoInput) -> Result<Audited<bool>> {
    call.conn.run("UPDATE users SET image = hex(randomblob(1000)) WHERE id LIKE 'filler_%'");
    Ok(Audited::unchanged(true))
}

/// A server with users whose rows `probe.fill` changes.
async fn app() -> TestApp {
    let router = Router::new("probe").mutation("fill", Access::User, "Writes much.", fill);
    let app = Builder::new(Backend::Sqlite).router(router).start().await;
    app.execute(
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 2000)
         INSERT INTO users (id, image, created_at, updated_at)
         SELECT 'filler_' || n, hex(zeroblob(1000)), '2026-01-01 00:00:00', '2026-01-01 00:00:00' FROM number",
    );
    app
}

fn log_size(app: &TestApp) -> u64 {
    fs::metadata(format!("{}-wal", app.database.url.strip_prefix("sqlite:").unwrap())).unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_keeps_its_size_while_callers_read_and_write_without_a_pause() {
    let app = app().await;
    let writers = ["ann", "bob"].map(|id| app.member(id));
    let reader = app.member("eve");
    let done = AtomicBool::new(false);
    let read = async {
        while !done.load(Ordering::Relaxed) {
            join_all((0..8).map(|_| reader.call("k8s.list", Value::Null))).await;
        }
    };
    let write = async {
        let mut largest = 0;
        for _ in 0..MANY / 2 {
            join_all(writers.iter().map(|writer| writer.call("probe.fill", Value::Null))).await;
            largest = largest.max(log_size(&app));
        }
        done.store(true, Ordering::Relaxed);
        largest
    };
    let ((), largest) = tokio::join!(read, write);
    assert!(largest <= PROMISED, "{largest} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_grew_for_a_foreign_reader_shrinks_when_that_has_finished() {
    let app = app().await;
    let writer = app.member("ann");
    let mut foreign = app.connect();
    foreign.run("BEGIN");
    assert_eq!(foreign.number("SELECT count(*) FROM users WHERE image LIKE '%1%'"), 0);
    for _ in 0..MANY {
        writer.call("probe.fill", Value::Null).await;
    }
    let grown = log_size(&app);
    assert!(grown > PROMISED, "the reader needs the log, and it has {grown} bytes");
    assert_eq!(foreign.number("SELECT count(*) FROM users WHERE image LIKE '%1%'"), 0, "its snapshot");
    foreign.run("COMMIT");
    // Without a further write.
    eventually(async || log_size(&app) <= PROMISED).await;
    assert_eq!(foreign.number("SELECT count(*) FROM users WHERE image LIKE '%1%'"), 2000);
    for _ in 0..MANY {
        writer.call("probe.fill", Value::Null).await;
        assert!(log_size(&app) <= PROMISED);
    }
    assert_eq!(foreign.texts("PRAGMA integrity_check"), ["ok"]);
}
