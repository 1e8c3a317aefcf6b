//! The counters that `admin.getStats` reads instead of counting rows.

use clusterdesk::{
    db::{DbConnection, Timestamp},
    models::stats::{self, Counts},
};
use proptest::{
    prelude::{Strategy, any},
    strategy::ValueTree,
    test_runner::TestRunner,
};

use crate::support::{Backend, Sql, TestDatabase, both_databases};

const T: &str = "'2026-01-01 10:00:00'";
const NOW: &str = "2026-01-02 10:00:00.000";

/// The numbers that the counters must give at a time, by counting all rows.
fn counted(conn: &mut DbConnection, now: &str) -> Counts {
    let day_before = match conn.backend() {
        Backend::Sqlite => format!("strftime('%Y-%m-%d %H:%M:%f', '{now}', '-1 day')"),
        Backend::Postgres => format!("TIMESTAMP '{now}' - INTERVAL '1 day'"),
    };
    let mut count = |rows: &str| conn.number(&format!("SELECT count(*) FROM {rows}"));
    Counts {
        users: count("users WHERE deleted_at IS NULL"),
        clusters: count("k8s_cluster_configs WHERE deleted_at IS NULL"),
        paying: count(&format!("customers WHERE plan <> 'FREE' AND stripe_current_period_end > {day_before}")),
        recent: count(&format!("audit_log WHERE created_at >= {day_before}")),
    }
}

fn assert_counters_match(conn: &mut DbConnection, now: &str, after: &str) {
    assert_eq!(stats::counts(conn, timestamp(now)).unwrap(), counted(conn, now), "at {now} after {after}");
}

/// One of nine statements, which changes the rows that `number` selects.
fn change(kind: u8, number: u16) -> String {
    let (user, owner, cluster) = (number % 20, number % 7, number % 15);
    match kind % 9 {
        0 => format!("INSERT INTO users (id, created_at, updated_at) VALUES ('n{number}', {T}, {T}) ON CONFLICT DO NOTHING"),
        1 => format!(
            "INSERT INTO users (id, created_at, updated_at, deleted_at)
            VALUES ('d{number}', {T}, {T}, {T}), ('e{number}', {T}, {T}, NULL) ON CONFLICT DO NOTHING"
        ),
        2 => format!("UPDATE users SET deleted_at = {T} WHERE id LIKE '%{user}'"),
        3 => format!("UPDATE users SET deleted_at = NULL WHERE id LIKE '%{user}'"),
        4 => format!("DELETE FROM users WHERE id LIKE 'n%{user}'"),
        5 => format!(
            "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, created_at, updated_at)
            VALUES ('a', 'eu', 'u{owner}', {T}, {T}) ON CONFLICT DO NOTHING"
        ),
        6 => format!("UPDATE k8s_cluster_configs SET deleted_at = {T}, status = 'DELETED' WHERE id % 3 = {cluster} % 3"),
        7 => format!(
            "UPDATE k8s_cluster_configs SET deleted_at = NULL, status = 'STOPPED' WHERE id = {cluster} AND NOT EXISTS (
                SELECT 1 FROM k8s_cluster_configs AS o WHERE o.deleted_at IS NULL AND o.auth_user_id = k8s_cluster_configs.auth_user_id)"
        ),
        _ => format!("DELETE FROM k8s_cluster_configs WHERE id = {cluster}"),
    }
}

/// A time in the first three days of 2026, every 7 minutes and some milliseconds.
fn moment(number: u16) -> String {
    let minutes = u32::from(number) * 7 % (3 * 24 * 60);
    let (day, hour, minute) = (minutes / 1440 + 1, minutes / 60 % 24, minutes % 60);
    format!("2026-01-{day:02} {hour:02}:{minute:02}:{:02}.{:03}", number % 2 * 59, 1 + number % 3 * 499)
}

fn timestamp(moment: &str) -> Timestamp {
    serde_json::from_value(serde_json::Value::from(moment.replace(' ', "T") + "Z")).unwrap()
}

/// One of six statements about customers and audit entries.
fn activity(kind: u8, number: u16) -> String {
    let (at, owner) = (moment(number), number % 12);
    let plan = if number.is_multiple_of(4) { "FREE" } else { "PRO" };
    match kind % 6 {
        0 | 1 => format!(
            "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
            VALUES ('{at}', 'a', 'p', 'e', 'i', '{{}}', 'r'), ('{}', 'a', 'p', 'e', 'i', '{{}}', 'r')",
            moment(number + 1)
        ),
        2 => format!(
            "INSERT INTO customers (auth_user_id, plan, stripe_current_period_end, created_at, updated_at)
            VALUES ('u{owner}', '{plan}', '{at}', {T}, {T}) ON CONFLICT DO NOTHING"
        ),
        3 => format!("UPDATE customers SET plan = '{plan}' WHERE id % 5 = {owner} % 5"),
        4 => format!("UPDATE customers SET stripe_current_period_end = '{at}' WHERE id % 4 = {owner} % 4"),
        _ => format!("DELETE FROM customers WHERE auth_user_id = 'u{owner}'"),
    }
}

both_databases! {
    async fn the_numbers_over_time_equal_the_row_counts_after_any_change(database: TestDatabase) {
        let mut conn = database.connect();
        for owner in 0..12 {
            conn.run(&format!("INSERT INTO users (id, created_at, updated_at) VALUES ('u{owner}', {T}, {T})"));
        }
        let mut runner = TestRunner::deterministic();
        let many = proptest::collection::vec((any::<u8>(), any::<u16>()), 150);
        for (kind, number) in many.new_tree(&mut runner).unwrap().current() {
            let statement = activity(kind, number % 1000);
            conn.run(&statement);
            // Times on and beside the edges of buckets, and those of rows, a day later.
            for now in ["2026-01-02 00:00:00.000", "2026-01-03 10:00:00.000", "2026-01-03 09:59:59.999", &moment(number % 1000), &moment(number % 77)] {
                assert_counters_match(&mut conn, now, &statement);
            }
        }
        conn.run("BEGIN; DELETE FROM customers; ROLLBACK");
        assert_counters_match(&mut conn, NOW, "a rollback");
        if database.backend == Backend::Postgres {
            conn.run("TRUNCATE customers");
            assert_counters_match(&mut conn, NOW, "TRUNCATE");
        }
    }

    async fn the_counters_equal_the_row_counts_after_any_change(database: TestDatabase) {
        let mut conn = database.connect();
        assert_counters_match(&mut conn, NOW, "nothing");
        for owner in 0..7 {
            conn.run(&format!("INSERT INTO users (id, created_at, updated_at) VALUES ('u{owner}', {T}, {T})"));
        }
        let mut runner = TestRunner::deterministic();
        let many = proptest::collection::vec((any::<u8>(), any::<u16>()), 150);
        for (kind, number) in many.new_tree(&mut runner).unwrap().current() {
            let statement = change(kind, number % 200);
            conn.run(&statement);
            assert_counters_match(&mut conn, NOW, &statement);
        }
        conn.run("BEGIN; DELETE FROM k8s_cluster_configs; UPDATE users SET deleted_at = '2026-01-01'; ROLLBACK");
        assert_counters_match(&mut conn, NOW, "a rollback");
        if database.backend == Backend::Postgres {
            conn.run("TRUNCATE k8s_cluster_configs");
            assert_counters_match(&mut conn, NOW, "TRUNCATE");
        }
    }

    async fn the_counters_stay_correct_under_concurrent_writes(database: TestDatabase) {
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let mut conn = database.connect();
                scope.spawn(move || {
                    for number in 0..15 {
                        conn.run(&format!("INSERT INTO users (id, created_at, updated_at) VALUES ('u{writer}-{number}', {T}, {T})"));
                        if number % 3 == 0 {
                            conn.run(&format!("UPDATE users SET deleted_at = {T} WHERE id = 'u{writer}-{number}'"));
                        }
                    }
                });
            }
        });
        let counts = stats::counts(&mut database.connect(), timestamp(NOW)).unwrap();
        assert_eq!((counts.users, counts.clusters), (40, 0));
    }
}
