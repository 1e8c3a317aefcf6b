//! `clusterdesk copy`, from each kind of database to each.

mod interrupted;
mod moment;
mod procedures;
mod refusals;
mod served;

use std::process::Command;

use serde_json::Value;

use super::Operator;
use crate::support::{Backend, Process, Sql, TestDatabase};

/// From, to.
const WAYS: [(Backend, Backend); 4] = [
    (Backend::Sqlite, Backend::Postgres),
    (Backend::Postgres, Backend::Sqlite),
    (Backend::Sqlite, Backend::Sqlite),
    (Backend::Postgres, Backend::Postgres),
];

/// Where a copy can be made: a SQLite file that does not exist, or an empty database.
fn target(backend: Backend) -> TestDatabase {
    backend.empty_database()
}

fn command(from: &TestDatabase, to: &TestDatabase, more: &[&str]) -> Command {
    let arguments = [&["copy", "--from", &from.url, "--to", &to.url], more].concat();
    Process::command(from.folder.path(), &arguments, &[])
}

/// Makes a copy that must succeed, and returns its report.
fn copy(from: &TestDatabase, to: &TestDatabase) -> Value {
    let output = command(from, to, &["--json"]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A copy that must fail with this message.
fn fails(from: &TestDatabase, to: &TestDatabase, message: &str) {
    let output = command(from, to, &[]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let error = errors.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains(message), "{error} instead of {message}");
}

/// The rows of all tables. Of counters that are filled anew, the sums: how they are spread depends on the connections that wrote.
fn everything(database: &TestDatabase) -> Vec<String> {
    let mut conn = database.connect();
    let mut all = Vec::new();
    for table in conn.tables() {
        if !["live_counts", "paid_period_counts"].contains(&table.as_str()) {
            // Zeros at the end of a time do not matter.
            all.extend(conn.rows(&table).iter().map(|row| format!("{table} {row}").replace(".000\"", "\"")));
        }
    }
    for counter in [
        "SELECT 'live ' || entity || ' ' || sum(live) FROM live_counts GROUP BY entity",
        "SELECT 'paid ' || width || ' ' || sum(customers) FROM paid_period_counts GROUP BY width",
    ] {
        all.extend(conn.texts(counter));
    }
    all.sort_unstable();
    all
}

/// What no command creates by itself, with texts that are hard to copy.
fn fill_odd_rows(database: &TestDatabase) {
    const TIME: &str = "'2026-01-02 03:04:05.120'";
    let text = "tab\t, return\r, line\n, \\N, \\\\, \"q\", {a,b}, NULL, ''' , é, 日本, 🦀";
    let odd = format!("'{}'", text.replace('\'', "''"));
    let mut conn = database.connect();
    for statement in [
        format!("INSERT INTO user_tombstones VALUES ('gone', {TIME}), ('{}', {TIME})", "é".repeat(200)),
        format!("INSERT INTO gone_stripe_customers VALUES ('cus_gone', 'gone', {TIME})"),
        format!("INSERT INTO stripe_subscriptions (id, cancel_at_period_end, paid_from) VALUES ('sub_1', true, {TIME})"),
        "INSERT INTO stripe_subscriptions (id, status) VALUES ('sub_2', '')".to_owned(),
        format!("INSERT INTO stripe_events VALUES ('evt_1', 'a.b', {TIME}, {TIME}, {TIME}, 1, NULL, {odd})"),
        format!("INSERT INTO stripe_events VALUES ('evt_2', 'a.b', {TIME}, {TIME}, NULL, 7, {odd}, '{}')", "x".repeat(900_000)),
        format!(
            "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
            VALUES ({TIME}, 'user_sample_000001', 'p', 'e', 'i', '{{}}', 'r')"
        ),
        // Of entries that were purged.
        "INSERT INTO audit_counts (bucket, shard, entries) VALUES ('2025-01-02 03:00:00', 1, 7)".to_owned(),
        // Changes that are added up.
        "DELETE FROM cluster_days WHERE plan = 'PRO'".to_owned(),
        format!("INSERT INTO payments VALUES ('in_1', {TIME}, 'PRO', 'USD', 3000)"),
        format!("INSERT INTO audit_seals (id, hash) VALUES (1, '{}')", "f".repeat(64)),
        "INSERT INTO log_starts (log, through) VALUES ('cluster_events', 0)".to_owned(),
        format!("INSERT INTO scheduled_jobs (name, started_at) VALUES ('purge', {TIME})"),
        format!("INSERT INTO rate_limits (key, full_at, taken, counted_at) VALUES ('k', 1, 1, {})", i64::MAX),
        format!("INSERT INTO sessions VALUES (7, 'user_sample_000001', '{}', {TIME}, {TIME}, {TIME}, NULL)", "e".repeat(64)),
        format!("INSERT INTO used_sign_ins VALUES ('{}', {TIME})", "e".repeat(64)),
        format!("INSERT INTO sign_in_links VALUES ('{}', 'user_sample_000001', {TIME})", "e".repeat(64)),
        format!(
            "INSERT INTO stored_answers VALUES ('user_sample_000001', 'a key', '{0}', {odd}, {TIME}),
                ('user_sample_000001', '~', '{0}', NULL, {TIME})",
            "f".repeat(43)
        ),
        format!("UPDATE users SET name = {odd}, updated_at = '2026-01-02 03:04:05' WHERE id = 'user_sample_000001'"),
        r"UPDATE users SET name = '\N', image = '\.' WHERE id = 'user_sample_000003'".to_owned(),
        "UPDATE users SET name = '', image = NULL, updated_at = '2026-01-02 03:04:05.001' WHERE id = 'user_sample_000002'".to_owned(),
    ] {
        conn.run(&statement);
    }
}

/// A database with rows in every table.
fn filled(backend: Backend) -> TestDatabase {
    let operator = Operator(backend.database());
    operator.ok(&["seed", "--users", "1200"]);
    operator.ok(&["user", "promote", "user_sample_000001"]);
    operator.ok(&["token", "create"]);
    fill_odd_rows(&operator.0);
    operator.0
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_copy_of_a_copy_has_every_row_of_the_first() {
    for (first, second) in WAYS {
        let (one, two, three) = (filled(first), target(second), target(first));
        let mut conn = one.connect();
        for table in conn.tables() {
            assert!(conn.number(&format!("SELECT count(*) FROM {table}")) > 0, "{table} has no rows");
        }
        drop(conn);
        let report = copy(&one, &two);
        let again = copy(&two, &three);
        assert_eq!(report["tables"], again["tables"], "{first:?} to {second:?}");
        assert_eq!(report["leftOut"], serde_json::json!([]));
        assert_eq!(everything(&one), everything(&three), "{first:?} to {second:?} and back");
        if first == second {
            assert_eq!(everything(&one), everything(&two));
        }
        let users = report["tables"].as_array().unwrap().iter().find(|table| table["table"] == "users").unwrap();
        assert_eq!(users["rows"], 1200);
    }
}

#[test]
fn a_dry_run_counts_rows_and_writes_nothing() {
    let (from, to) = (filled(Backend::Sqlite), target(Backend::Sqlite));
    let output = command(&from, &to, &["--dry-run"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("users: would copy 1200 rows\n"), "{text}");
    assert_eq!(std::fs::read_dir(to.folder.path()).unwrap().count(), 0);
}
