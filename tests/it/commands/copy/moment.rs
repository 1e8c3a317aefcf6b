//! What is written to the source while it is copied.

use clusterdesk::db::DbConnection;

use super::{command, filled, target};
use crate::support::{Backend, Process, Sql, eventually};

/// What the change below would alter in a copy that sees part of it.
const SEEN: [(&str, i64); 4] = [
    ("SELECT count(*) FROM users WHERE name = 'late'", 0),
    ("SELECT count(*) FROM user_tombstones WHERE id = 'late'", 0),
    ("SELECT count(*) FROM k8s_cluster_configs WHERE name = 'late'", 0),
    ("SELECT count(*) FROM payments WHERE invoice_id = 'in_1'", 1),
];

fn change(source: &mut DbConnection) {
    let at = "'2026-01-02 03:04:05.120'";
    source.run(&format!(
        "BEGIN;
         UPDATE users SET name = 'late' WHERE id = 'user_sample_000002';
         INSERT INTO user_tombstones VALUES ('late', {at});
         INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, network, status, created_at, updated_at)
         VALUES ('late', 'eu', 'user_sample_000003', 'BUSINESS', 'Default', 'PENDING', {at}, {at});
         DELETE FROM payments WHERE invoice_id = 'in_1';
         COMMIT"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_copy_is_of_the_moment_in_which_it_began() {
    for from in [Backend::Sqlite, Backend::Postgres] {
        let (source, target) = (filled(from), target(Backend::Postgres));
        let migrated = Process::run(source.folder.path(), &["migrate", "up"], &[("DATABASE_URL", &target.url)]);
        assert!(migrated.status.success(), "{migrated:?}");
        let (mut observer, mut blocker) = (target.connect(), target.connect());
        // A copy that has begun waits for a table of the target before it reads the first row.
        blocker.run("BEGIN; LOCK TABLE customers IN ROW EXCLUSIVE MODE");
        let mut command = command(&source, &target, &["--json"]);
        let copying = std::thread::spawn(move || command.output().unwrap());
        let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'customers'::regclass AND NOT granted";
        eventually(async || observer.number(waiting) > 0).await;
        change(&mut source.connect());
        blocker.run("ROLLBACK");
        let done = copying.join().unwrap();
        assert!(done.status.success(), "{done:?}");
        for (query, expected) in SEEN {
            assert_eq!(observer.number(query), expected, "{from:?}: {query}");
            assert_ne!(source.connect().number(query), expected, "the source has changed: {query}");
        }
    }
}
