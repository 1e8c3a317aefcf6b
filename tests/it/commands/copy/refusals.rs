//! What is not copied, or not copied to.

use std::fs;

use super::{command, everything, fails, filled, target};
use crate::support::{Backend, Sql, TestDatabase};

fn file(folder: &TestDatabase, name: &str) -> TestDatabase {
    let url = format!("sqlite:{}", folder.folder.path().join(name).display());
    TestDatabase { backend: Backend::Sqlite, url, folder: tempfile::tempdir().unwrap() }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_target_with_rows_is_refused_and_left_as_it_is() {
    let source = Backend::Sqlite.database();
    for to in [Backend::Sqlite, Backend::Postgres] {
        let used = to.database();
        used.connect().run("INSERT INTO user_tombstones VALUES ('gone', '2026-01-01 00:00:00')");
        let before = everything(&used);
        fails(&source, &used, "the target has rows in the table user_tombstones");
        assert_eq!(everything(&used), before);
    }
    fails(&source, &Backend::Sqlite.database(), "already; remove it, or name another one (with");
    fails(&source, &file(&source, "test.db"), "--from and --to are the same database");
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_row_that_is_changed_on_the_way_is_found_and_nothing_is_written() {
    let source = filled(Backend::Sqlite);
    for (change, message) in [
        (
            "NEW.name := 'x'; RETURN NEW",
            "the table users is not the same in the target: the checksums of its 1200 rows differ",
        ),
        ("RETURN NULL", "the table users is not the same in the target: it has 1199 rows instead of 1200"),
    ] {
        let broken = Backend::Postgres.database();
        // A trigger of a name that a copy leaves on.
        broken.connect().run(&format!(
            "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {change}; END $$;
             CREATE TRIGGER break_count_insert BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.id = 'user_sample_000777')
             EXECUTE FUNCTION break()"
        ));
        // Otherwise the rows that refer to the user would fail before.
        broken.connect().run(
            "ALTER TABLE k8s_cluster_configs DROP CONSTRAINT k8s_cluster_configs_auth_user_id_fkey;
             ALTER TABLE customers DROP CONSTRAINT customers_auth_user_id_fkey",
        );
        fails(&source, &broken, message);
        let left = "SELECT count(*) FROM users";
        assert_eq!(broken.connect().number(left), 0);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn both_must_be_of_this_version() {
    let versions = |backend: Backend, statement: &str| {
        let database = backend.database();
        database.connect().run(statement);
        database
    };
    let (newer, older) = (
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')",
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
    );
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let to = target(Backend::Sqlite);
        fails(
            &versions(backend, older),
            &to,
            "the source lacks 1 migrations of this version; run `clusterdesk migrate up`",
        );
        fails(
            &versions(backend, newer),
            &to,
            "the source was migrated by a newer clusterdesk (migration 20990101000000)",
        );
        fails(&versions(backend, "DROP TABLE __diesel_schema_migrations"), &to, "is not a database of clusterdesk");
        assert_eq!(fs::read_dir(to.folder.path()).unwrap().count(), 0);
    }
    let source = Backend::Sqlite.database();
    fails(&source, &versions(Backend::Postgres, older), "the target lacks 1 migrations of this version");
    fails(&source, &versions(Backend::Postgres, newer), "the target was migrated by a newer clusterdesk");
}

#[test]
fn a_source_that_is_missing_is_not_created_and_no_password_is_repeated() {
    let folder = Backend::Sqlite.empty_database();
    fails(&file(&folder, "missing.db"), &file(&folder, "new.db"), "there is no database at ");
    assert_eq!(fs::read_dir(folder.folder.path()).unwrap().count(), 0);
    for (from, to) in [("mysql://u:hunter2@h/x", "sqlite:new.db"), ("sqlite:old.db", "hunter2.db")] {
        let url = |url: &str| TestDatabase {
            backend: Backend::Sqlite,
            url: url.to_owned(),
            folder: tempfile::tempdir().unwrap(),
        };
        let output = command(&url(from), &url(to), &[]).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && !errors.contains("hunter2"), "{errors}");
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn tables_of_other_programs_are_left_out() {
    let (source, to) = (Backend::Postgres.database(), target(Backend::Postgres));
    source.connect().run("CREATE TABLE things (id INTEGER, place POINT); CREATE TABLE notes (id INTEGER)");
    to.connect().run("CREATE TABLE notes (id INTEGER)");
    for (arguments, lines) in [
        (&["--dry-run"][..], ["things: would be left out", "notes: would be left out"]),
        (&[], ["things: left out", "notes: left out"]),
    ] {
        let output = command(&source, &to, arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && lines.iter().all(|line| text.contains(line)), "{text}");
    }
}
