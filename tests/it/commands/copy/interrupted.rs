//! A copy that is killed.

use std::{fs, process::Stdio};

use clusterdesk::db::DbConnection;

use super::{command, copy, everything, filled, target};
use crate::support::{Backend, Sql, eventually};

/// Whether somebody waits for the lock of the test.
fn is_waiting(conn: &mut DbConnection) -> bool {
    conn.number("SELECT count(*) FROM pg_locks WHERE relation = 'customers'::regclass AND NOT granted") > 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_copy_that_is_killed_leaves_nothing_and_can_be_repeated() {
    for to in [Backend::Postgres, Backend::Sqlite] {
        let (source, target) = (filled(Backend::Postgres), target(to));
        let (mut observer, mut blocker) = (source.connect(), source.connect());
        // Users and events come before customers.
        blocker.run("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE");
        let mut command = command(&source, &target, &[]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually(async || is_waiting(&mut observer)).await;
        if to == Backend::Sqlite {
            let folder = fs::read_dir(target.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            assert!(folder.map(|name| name.into_string().unwrap()).any(|name| name == "test.db.partial"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        blocker.run("ROLLBACK");
        match target.address().sqlite_path() {
            Some(path) => assert!(!path.exists()),
            None => {
                let rows = "SELECT count(*) FROM users";
                eventually(async || target.connect().number(rows) == 0).await;
            }
        }
        copy(&source, &target);
        if to == Backend::Postgres {
            assert_eq!(everything(&target), everything(&source));
        }
    }
}
