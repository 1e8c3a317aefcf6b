//! What a start costs on a database with rows.

use std::fs;

use clusterdesk::db::migrations::Migrations;
use serde_json::Value;

use crate::support::{Backend, Process, SECRET, Sql, big, eventually, hs256, nameless};

#[tokio::test]
async fn a_start_reads_the_same_bytes_of_a_large_database_as_of_an_empty_one() {
    let (small, large) = (Backend::Sqlite.database(), Backend::Sqlite.database());
    let path = |url: &str| url.strip_prefix("sqlite:").unwrap().to_owned();
    fs::remove_file(path(&large.url)).unwrap();
    big(Backend::Sqlite).connect().run(&format!("VACUUM INTO '{}'", path(&large.url)));
    // Otherwise the server would begin to read samples of the indexes for the planner's statistics.
    large.connect().run("PRAGMA analysis_limit = 100; ANALYZE");
    assert!(fs::metadata(path(&large.url)).unwrap().len() > 50_000_000);
    let mut read = Vec::new();
    for database in [&small, &large] {
        let settings = [("DATABASE_URL", database.url.as_str()), ("JWT_SECRET", SECRET)];
        // Both start with an admin.
        database.connect().run(
            "INSERT INTO users (id, role, created_at, updated_at)
             VALUES ('root', 'ADMIN', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        );
        let server = Process::serve(database.folder.path(), &settings);
        server.client(&hs256(&nameless("root"))).call("k8s.list", Value::Null).await;
        let counters = fs::read_to_string(format!("/proc/{}/io", server.pid())).unwrap();
        let bytes = counters.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
        read.push(bytes.parse::<u64>().unwrap());
    }
    assert!(read[1] < read[0] + 2_000_000, "bytes that were read: {read:?}");
}

#[test]
fn a_start_without_pending_migrations_does_not_check_the_references_of_all_rows() {
    let database = Backend::Sqlite.database();
    database.connect().run(
        "PRAGMA foreign_keys = OFF; INSERT INTO customers (auth_user_id, created_at, updated_at)
         VALUES ('nobody', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
    );
    let mut migrations = Migrations::open(&database.address()).unwrap();
    assert_eq!(migrations.up(usize::MAX).unwrap(), Vec::<String>::new());
    // Whoever changes the schema is told.
    let refusal = migrations.redo(1).unwrap_err().to_string();
    assert_eq!(refusal, "the migration would leave 1 rows with a missing parent");
}

#[tokio::test]
async fn a_running_server_keeps_the_statistics_of_sqlites_planner() {
    let database = Backend::Sqlite.database();
    let mut conn = database.connect();
    conn.run(
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 500)
         INSERT INTO users (id, created_at, updated_at)
         SELECT 'user_' || n, '2026-01-01 00:00:00', '2026-01-01 00:00:00' FROM number",
    );
    let settings = [("DATABASE_URL", database.url.as_str()), ("JWT_SECRET", SECRET)];
    let _server = Process::serve(database.folder.path(), &settings);
    eventually(async || {
        let tables = conn.texts("SELECT name FROM sqlite_master WHERE name = 'sqlite_stat1'");
        tables.len() == 1
            && conn.number("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'users' AND stat LIKE '50%'") > 0
    })
    .await;
}
