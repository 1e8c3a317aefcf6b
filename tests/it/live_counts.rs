//! The counters that `admin.getStats` reads instead of counting rows.

use clusterdesk::{
    db::DbConnection,
    models::stats::{self, LiveCounts},
};
use proptest::{
    prelude::{Strategy, any},
    strategy::ValueTree,
    test_runner::TestRunner,
};

use crate::support::{Backend, Sql, TestDatabase, both_databases};

const T: &str = "'2026-01-01 10:00:00'";

/// The counts that the counters must have.
fn counted(conn: &mut DbConnection) -> LiveCounts {
    let mut count = |table: &str| conn.number(&format!("SELECT count(*) FROM {table} WHERE deleted_at IS NULL"));
    LiveCounts { users: count("users"), clusters: count("k8s_cluster_configs") }
}

fn assert_counters_match(conn: &mut DbConnection, after: &str) {
    assert_eq!(stats::live_counts(conn).unwrap(), counted(conn), "{after}");
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

both_databases! {
    async fn the_counters_equal_the_row_counts_after_any_change(database: TestDatabase) {
        let mut conn = database.connect();
        assert_counters_match(&mut conn, "initially");
        for owner in 0..7 {
            conn.run(&format!("INSERT INTO users (id, created_at, updated_at) VALUES ('u{owner}', {T}, {T})"));
        }
        let mut runner = TestRunner::deterministic();
        let many = proptest::collection::vec((any::<u8>(), any::<u16>()), 150);
        for (kind, number) in many.new_tree(&mut runner).unwrap().current() {
            let statement = change(kind, number % 200);
            conn.run(&statement);
            assert_counters_match(&mut conn, &statement);
        }
        conn.run("BEGIN; DELETE FROM k8s_cluster_configs; UPDATE users SET deleted_at = '2026-01-01'; ROLLBACK");
        assert_counters_match(&mut conn, "after a rollback");
        if database.backend == Backend::Postgres {
            conn.run("TRUNCATE k8s_cluster_configs");
            assert_counters_match(&mut conn, "after TRUNCATE");
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
        let counts = stats::live_counts(&mut database.connect()).unwrap();
        assert_eq!(counts, LiveCounts { users: 40, clusters: 0 });
    }
}
