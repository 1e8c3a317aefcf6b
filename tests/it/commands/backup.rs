//! `clusterdesk backup` on SQLite. What is in a backup is tested in `restore`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::{CommandOutput, Operator};
use crate::support::{Backend, Process, Sql, TestDatabase};

fn operator() -> Operator {
    let operator = Operator(Backend::Sqlite.database());
    operator.ok(&["seed", "--users", "50"]);
    operator
}

fn path(operator: &Operator, name: &str) -> PathBuf {
    operator.0.folder.path().join(name)
}

/// The names in the folder, except those of the database itself and its log.
fn others(operator: &Operator) -> Vec<String> {
    let entries = fs::read_dir(operator.0.folder.path()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with("test.db"));
    names.sort_unstable();
    names
}

/// Fails with this message and leaves no file.
fn fails(operator: &Operator, arguments: &[&str], message: &str) {
    let before = others(operator);
    let CommandOutput { code, errors, .. } = operator.run(arguments);
    assert_eq!(code, 1, "{arguments:?}");
    assert!(errors.starts_with("error: ") && errors.contains(message), "{errors} instead of {message}");
    assert_eq!(others(operator), before, "{arguments:?}");
}

/// The database in a file beside the operator's.
fn backup_of(operator: &Operator, name: &str) -> TestDatabase {
    let url = format!("sqlite:{}", path(operator, name).display());
    TestDatabase { backend: Backend::Sqlite, url, folder: tempfile::tempdir().unwrap() }
}

#[test]
fn a_backup_has_every_row_and_its_owner_alone_may_read_it() {
    let operator = operator();
    let output = operator.ok(&["backup", "--to", "copy.db"]);
    assert!(output.starts_with("backed up ") && output.contains("to copy.db: "), "{output}");
    assert_eq!(fs::metadata(path(&operator, "copy.db")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(others(&operator), ["copy.db"], "it is one file");
    assert_eq!(Operator(backup_of(&operator, "copy.db")).everything(), operator.everything());
}

#[test]
fn the_report_is_also_json() {
    let operator = operator();
    let report: Value = serde_json::from_str(&operator.ok(&["backup", "--to", "copy.db", "--json"])).unwrap();
    assert_eq!(report["backup"], json!("copy.db"));
    assert_eq!(report["bytes"], json!(fs::metadata(path(&operator, "copy.db")).unwrap().len()));
    let newest = operator.ok(&["migrate", "status"]).lines().last().unwrap().replace("[x] ", "");
    assert_eq!(report["migration"], json!(newest));
}

#[test]
fn a_file_is_replaced_only_by_force() {
    let operator = operator();
    fs::write(path(&operator, "copy.db"), "mine").unwrap();
    fails(&operator, &["backup", "--to", "copy.db"], "copy.db exists already; --force replaces it");
    assert_eq!(fs::read(path(&operator, "copy.db")).unwrap(), b"mine");
    operator.ok(&["backup", "--to", "copy.db", "--force"]);
    assert_eq!(backup_of(&operator, "copy.db").connect().number("SELECT count(*) FROM users"), 50);
    // SQLite would write the log of another database into the new file.
    fs::write(path(&operator, "copy.db-wal"), "of another").unwrap();
    operator.ok(&["backup", "--to", "copy.db", "--force"]);
    assert!(!path(&operator, "copy.db-wal").exists());
    fs::write(path(&operator, "new.db-wal"), "of another").unwrap();
    fails(&operator, &["backup", "--to", "new.db"], "new.db-wal, which belongs to another database; remove it");
    fs::remove_file(path(&operator, "new.db-wal")).unwrap();
    for itself in ["test.db", "./test.db"] {
        fails(&operator, &["backup", "--to", itself, "--force"], "the backup would replace the database itself");
    }
    assert_eq!(operator.connect().number("SELECT count(*) FROM users"), 50);
}

#[test]
fn a_dry_run_writes_nothing() {
    let operator = operator();
    let output = operator.ok(&["backup", "--to", "copy.db", "--dry-run"]);
    assert!(output.starts_with("would back up "), "{output}");
    assert_eq!(others(&operator), [""; 0]);
    fs::write(path(&operator, "copy.db"), "mine").unwrap();
    fails(&operator, &["backup", "--to", "copy.db", "--dry-run"], "copy.db exists already");
}

#[test]
fn what_a_killed_backup_has_left_is_in_nobodys_way() {
    let operator = operator();
    fs::write(path(&operator, "copy.db.partial"), "half").unwrap();
    // Killed just before the other name was removed, and readable by everybody.
    fs::write(path(&operator, "kept"), "finished").unwrap();
    fs::remove_file(path(&operator, "copy.db.partial")).unwrap();
    fs::hard_link(path(&operator, "kept"), path(&operator, "copy.db.partial")).unwrap();
    fs::set_permissions(path(&operator, "kept"), fs::Permissions::from_mode(0o644)).unwrap();
    operator.ok(&["backup", "--to", "copy.db"]);
    assert_eq!(fs::read_to_string(path(&operator, "kept")).unwrap(), "finished");
    assert_eq!(fs::metadata(path(&operator, "copy.db")).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(path(&operator, "kept")).unwrap();
    assert_eq!(others(&operator), ["copy.db"]);
    // A link is not followed.
    fs::write(path(&operator, "mine"), "mine").unwrap();
    std::os::unix::fs::symlink("mine", path(&operator, "linked.db.partial")).unwrap();
    fails(&operator, &["backup", "--to", "linked.db"], "could not create linked.db.partial");
    assert_eq!(fs::read_to_string(path(&operator, "mine")).unwrap(), "mine");
    // One that is still running has locked it.
    let running = fs::File::create(path(&operator, "other.db.partial")).unwrap();
    running.lock().unwrap();
    fails(&operator, &["backup", "--to", "other.db"], "another process is writing other.db.partial");
}

#[test]
#[cfg_attr(not(installed = "strace"), ignore = "needs strace")]
fn a_backup_is_on_the_disk_before_it_has_its_name_and_so_is_the_name_in_the_end() {
    let operator = operator();
    let (folder, strace): (_, Option<&str>) = (operator.0.folder.path(), option_env!("STRACE"));
    let mut command = Command::new(Path::new(strace.expect("strace is not installed")));
    command.args(["-f", "-y", "-e", "trace=fsync,fdatasync,/^rename,/^link", "-o", "trace"]);
    command.args([env!("CARGO_BIN_EXE_clusterdesk"), "backup", "--to", "copy.db"]);
    let done = command.current_dir(folder).env("DATABASE_URL", &operator.0.url).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let trace = fs::read_to_string(folder.join("trace")).unwrap();
    let calls: Vec<&str> = trace.lines().filter(|line| line.contains(" = 0")).collect();
    let synced = |name: &Path| {
        let file = format!("<{}>)", name.display());
        calls.iter().rposition(|call| call.contains("fsync(") && call.contains(&file))
    };
    let (written, named) =
        (synced(&folder.join("copy.db.partial")), calls.iter().position(|call| call.contains("link")));
    assert!(written.is_some() && written < named && named < synced(folder), "{trace}");
}

#[test]
fn a_damaged_database_makes_no_backup() {
    let operator = operator();
    let mut conn = operator.connect();
    // A row without a parent, as no command makes it.
    conn.run("PRAGMA foreign_keys = OFF; UPDATE customers SET auth_user_id = 'nobody' WHERE id = 1");
    fails(&operator, &["backup", "--to", "copy.db"], "is damaged: 1 rows have no parent");
    conn.run("UPDATE customers SET auth_user_id = 'user_sample_000003' WHERE id = 1");
    // An index that lacks entries.
    conn.run(
        "PRAGMA writable_schema = ON; \
         UPDATE sqlite_master SET sql = replace(sql, '(created_at, id)', '(id, created_at)') WHERE name = 'users_created_at_id'",
    );
    fails(&operator, &["backup", "--to", "copy.db"], "copy.db.partial is damaged: ");
}

#[test]
fn there_is_nothing_to_back_up_in_the_wrong_folder_or_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Process::run(folder.path(), &["backup", "--to", "copy.db"], &[]);
    let errors = String::from_utf8(missing.stderr).unwrap();
    assert_eq!(errors, "error: there is no database at ./data/clusterdesk.db; is DATA_DIR right?\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let other = Operator::on_empty(Backend::Sqlite);
    other.connect().run("CREATE TABLE things (id INTEGER)");
    fails(&other, &["backup", "--to", "copy.db"], "is not a database of clusterdesk");
    fails(&operator(), &["backup", "--to", "nowhere/copy.db"], "could not create nowhere/copy.db.partial");
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn on_postgresql_its_own_tools_are_named() {
    let operator = Operator(Backend::Postgres.database());
    fails(&operator, &["backup", "--to", "copy.db"], "`clusterdesk backup` is for SQLite; use pg_dump");
    fails(&operator, &["restore", "--from", "copy.db"], "`clusterdesk restore` is for SQLite; use pg_dump");
}
