//! `clusterdesk restore` on SQLite, and with it what is in a backup.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{CommandOutput, Operator};
use crate::{
    durability::create_until_killed,
    support::{Backend, Process, SECRET, Signal, Sql, TestDatabase, all, claims, eventually, hs256},
};

/// A database with 20 users and a backup of it, to which 5 users were added since.
fn backed_up() -> Operator {
    let operator = Operator(Backend::Sqlite.database());
    operator.ok(&["seed"]);
    operator.ok(&["backup", "--to", "copy.db"]);
    operator.ok(&["seed", "--users", "25", "--force"]);
    operator
}

fn path(operator: &Operator, name: &str) -> PathBuf {
    operator.0.folder.path().join(name)
}

fn users(operator: &Operator) -> i64 {
    operator.connect().number("SELECT count(*) FROM users")
}

/// The files that were kept.
fn kept(operator: &Operator) -> Vec<PathBuf> {
    let entries = fs::read_dir(operator.0.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut kept: Vec<PathBuf> = entries.filter(|path| path.to_str().unwrap().contains(".replaced-")).collect();
    kept.sort_unstable();
    kept
}

/// Fails with this message, and the database stays as it is.
fn fails(operator: &Operator, arguments: &[&str], message: &str) {
    let CommandOutput { code, errors, .. } = operator.run(arguments);
    assert_eq!(code, 1, "{arguments:?}");
    assert!(errors.starts_with("error: ") && errors.contains(message), "{errors} instead of {message}");
    assert_eq!(kept(operator), [""; 0].map(PathBuf::from), "{arguments:?}");
}

const RESTORE: [&str; 3] = ["restore", "--from", "copy.db"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_backup_under_load_is_there_after_a_crash_and_a_restore() {
    let operator = Operator(Backend::Sqlite.database());
    let folder = operator.0.folder.path();
    let settings = [("DATABASE_URL", operator.0.url.as_str()), ("JWT_SECRET", SECRET), ("BOOTSTRAP_ADMIN", "off")];
    let mut server = Process::serve(folder, &settings);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let workers: Vec<_> = (0..8)
        .map(|worker| tokio::spawn(create_until_killed(server.url.clone(), worker, Arc::clone(&acknowledged))))
        .collect();
    let number = || acknowledged.lock().unwrap().len();
    eventually(async || number() >= 100).await;
    let before = acknowledged.lock().unwrap().clone();
    operator.ok(&["backup", "--to", "copy.db"]);
    let after = number();
    eventually(async || number() >= after + 100).await;
    fails(&operator, &RESTORE, "a server is running");
    server.signal(Signal::KILL);
    server.wait();
    for worker in workers {
        worker.await.unwrap();
    }

    operator.ok(&RESTORE);
    let server = Process::serve(folder, &settings);
    let owners = "SELECT auth_user_id FROM k8s_cluster_configs WHERE deleted_at IS NULL";
    let restored = operator.connect().texts(owners);
    assert!(before.iter().all(|owner| restored.contains(owner)), "{} of {}", restored.len(), before.len());
    let client = server.client(&hs256(&claims(&before[0])));
    assert_eq!(all(&client.call("k8s.list", Value::Null).await, "name"), ["a"]);
    let refused = client.try_call("k8s.create", json!({"name": "b", "location": "eu"})).await.unwrap_err();
    assert_eq!(refused.code(), "CONFLICT");
    let newcomer = server.client(&hs256(&claims("newcomer")));
    newcomer.call("k8s.create", json!({"name": "b", "location": "eu"})).await;
    // Nothing was lost of what came later: it is in the database that was kept.
    let url = format!("sqlite:{}", kept(&operator)[0].display());
    let database = TestDatabase { backend: Backend::Sqlite, url, folder: tempfile::tempdir().unwrap() };
    let old = database.connect().texts(owners);
    assert!(acknowledged.lock().unwrap().iter().all(|owner| old.contains(owner)));
}

#[test]
fn a_restore_keeps_what_it_replaces() {
    let operator = backed_up();
    assert_eq!(users(&operator), 25);
    let report: Value = serde_json::from_str(&operator.ok(&[&RESTORE[..], &["--json"]].concat())).unwrap();
    assert_eq!((&report["backup"], &report["pending"]), (&json!("copy.db"), &json!(0)));
    assert_eq!(users(&operator), 20);
    assert_eq!(fs::metadata(path(&operator, "test.db")).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = kept(&operator);
    assert_eq!(json!(kept), json!([report["kept"]]));
    fs::rename(&kept[0], path(&operator, "old.db")).unwrap();
    operator.ok(&["restore", "--from", "old.db"]);
    assert_eq!(users(&operator), 25);
    assert!(path(&operator, "copy.db").exists() && path(&operator, "old.db").exists(), "backups stay");
}

#[test]
fn a_dry_run_checks_everything_and_changes_nothing() {
    let operator = backed_up();
    let files = || fs::read_dir(operator.0.folder.path()).unwrap().count();
    let before = files();
    let output = operator.ok(&[&RESTORE[..], &["--dry-run"]].concat());
    assert!(output.starts_with("would restore ") && output.contains("\nwould keep what was there as "), "{output}");
    assert_eq!((files(), users(&operator)), (before, 25));
    fs::write(path(&operator, "copy.db"), "nonsense").unwrap();
    fails(&operator, &[&RESTORE[..], &["--dry-run"]].concat(), "copy.db can't be read: file is not a database");
}

#[test]
fn a_database_that_is_in_use_is_not_replaced() {
    let operator = backed_up();
    let server = Process::serve(operator.0.folder.path(), &[("DATABASE_URL", &operator.0.url)]);
    for arguments in [&RESTORE[..], &[&RESTORE[..], &["--dry-run"]].concat()] {
        fails(&operator, arguments, "a server is running");
    }
    drop(server);
    // Another program, which takes no lock of ours.
    let mut shell = operator.connect();
    shell.number("SELECT count(*) FROM users");
    fails(&operator, &RESTORE, "another process has");
    drop(shell);
    operator.ok(&RESTORE);
}

#[test]
fn backups_that_are_of_no_use_are_refused() {
    let operator = backed_up();
    fails(&operator, &["restore", "--from", "missing.db"], "could not open missing.db");
    fails(&operator, &["restore", "--from", "test.db"], "test.db is the database itself");
    for (name, content) in [("empty.db", ""), ("text.db", "nonsense")] {
        fs::write(path(&operator, name), content).unwrap();
        fails(&operator, &["restore", "--from", name], name);
    }
    let broken = |name: &str, statements: &str| {
        fs::copy(path(&operator, "copy.db"), path(&operator, name)).unwrap();
        let url = format!("sqlite:{}", path(&operator, name).display());
        let database = TestDatabase { backend: Backend::Sqlite, url, folder: tempfile::tempdir().unwrap() };
        database.connect().run(statements);
    };
    broken("other.db", "DELETE FROM __diesel_schema_migrations");
    fails(&operator, &["restore", "--from", "other.db"], "other.db is not a database of clusterdesk");
    broken("newer.db", "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')");
    fails(&operator, &["restore", "--from", "newer.db"], "made by a newer clusterdesk (migration 20990101000000)");
    broken("orphan.db", "PRAGMA foreign_keys = OFF; UPDATE customers SET auth_user_id = 'nobody' WHERE id = 1");
    fails(&operator, &["restore", "--from", "orphan.db"], "orphan.db is damaged: 1 rows have no parent");
    let mut bytes = fs::read(path(&operator, "copy.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xA5);
    fs::write(path(&operator, "bits.db"), bytes).unwrap();
    fails(&operator, &["restore", "--from", "bits.db"], "bits.db is damaged: ");
    assert_eq!(users(&operator), 25);
}

#[test]
fn an_older_backup_is_migrated_by_the_next_start() {
    let operator = Operator(Backend::Sqlite.database());
    operator.ok(&["seed"]);
    operator.ok(&["migrate", "down", "-n", "2"]);
    operator.ok(&["backup", "--to", "copy.db"]);
    operator.ok(&["migrate", "up"]);
    let output = operator.ok(&RESTORE);
    assert!(output.ends_with("2 migrations are pending; the next start applies them\n"), "{output}");
    drop(Process::serve(operator.0.folder.path(), &[("DATABASE_URL", &operator.0.url)]));
    assert_eq!(operator.connect().number("SELECT count(*) FROM k8s_cluster_configs"), 24);
}

/// A copy of the files of a stopped server, `raw.db` and its log, which has the last change.
fn copied() -> Operator {
    let operator = backed_up();
    let mut conn = operator.connect();
    conn.run("PRAGMA wal_autocheckpoint = 0; UPDATE users SET name = 'from the log'");
    for suffix in ["", "-wal"] {
        fs::copy(path(&operator, &format!("test.db{suffix}")), path(&operator, &format!("raw.db{suffix}"))).unwrap();
    }
    drop(conn);
    operator
}

/// Restores from a file, and asserts that the last change is there.
fn restored(operator: &Operator, from: &str) {
    operator.ok(&["restore", "--from", from]);
    assert_eq!(operator.connect().number("SELECT count(*) FROM users WHERE name = 'from the log'"), 25);
}

#[test]
fn a_copy_of_the_files_of_a_stopped_server_is_a_backup_too() {
    restored(&copied(), "raw.db");
}

#[test]
fn a_link_to_a_database_with_a_log_is_a_backup_too() {
    let operator = copied();
    symlink("raw.db", path(&operator, "latest.db")).unwrap();
    restored(&operator, "latest.db");
}

#[test]
fn a_backup_makes_a_database_where_there_was_none() {
    let operator = backed_up();
    let settings = [("DATABASE_URL", "sqlite:new/folder/new.db")];
    let CommandOutput { code, output, errors } = operator.run_with(&RESTORE, &settings);
    assert_eq!((code, errors.as_str()), (0, ""), "{output}");
    drop(Process::serve(operator.0.folder.path(), &settings));
}

#[test]
fn a_database_that_cannot_be_read_is_kept_with_its_log() {
    let operator = backed_up();
    for suffix in ["", "-wal", "-shm"] {
        fs::write(path(&operator, &format!("test.db{suffix}")), format!("broken{suffix}")).unwrap();
    }
    operator.ok(&RESTORE);
    let kept: Vec<String> = kept(&operator).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(kept, ["broken", "broken-shm", "broken-wal"]);
    assert_eq!(users(&operator), 20);
}

#[test]
fn a_restore_that_was_killed_must_be_repeated() {
    let operator = backed_up();
    let conn = operator.connect();
    // The state in which a kill between two of its steps leaves the files.
    let (database, lock) = (path(&operator, "test.db"), path(&operator, "test.db-lock"));
    drop(conn);
    fs::rename(&database, path(&operator, "test.db.replaced-20260101T000000Z")).unwrap();
    fs::write(path(&operator, "test.db-wal"), "the log of that").unwrap();
    fs::write(&lock, ".replaced-20260101T000000Z").unwrap();
    for arguments in [&["migrate", "up"][..], &["seed"], &["token", "list"], &["backup", "--to", "new.db"], &["serve"]]
    {
        let CommandOutput { code, errors, .. } = operator.run(arguments);
        assert_eq!(code, 1, "{arguments:?}");
        assert!(errors.contains("has not finished; run `clusterdesk restore` again"), "{arguments:?}: {errors}");
    }
    assert!(operator.run(&["doctor"]).output.contains("database: PROBLEM: the restore of "));
    assert!(!database.exists());
    // A repetition that fails leaves the mark, as there is still no database.
    fs::write(path(&operator, "test.db-journal"), "of another").unwrap();
    let CommandOutput { code, errors, .. } = operator.run(&RESTORE);
    assert!(code == 1 && errors.contains("belongs to another database"), "{errors}");
    assert!(operator.run(&["serve"]).errors.contains("has not finished"));
    fs::remove_file(path(&operator, "test.db-journal")).unwrap();
    let report: Value = serde_json::from_str(&operator.ok(&[&RESTORE[..], &["--json"]].concat())).unwrap();
    assert_eq!(users(&operator), 20);
    let kept = kept(&operator);
    assert_eq!(json!(kept[0]), report["kept"]);
    assert_eq!(fs::read_to_string(&kept[1]).unwrap(), "the log of that");
    assert_eq!(kept[1], path(&operator, "test.db.replaced-20260101T000000Z-wal"), "a database stays beside its log");
    operator.ok(&["token", "list"]);
}
