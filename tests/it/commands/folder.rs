//! Which commands create a database, and which do not.

use std::fs;

use crate::support::Process;

fn run(arguments: &[&str], settings: &[(&str, &str)]) -> (i32, String, usize) {
    let folder = tempfile::tempdir().unwrap();
    let output = Process::run(folder.path(), arguments, settings);
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text, fs::read_dir(folder.path()).unwrap().count())
}

#[test]
fn a_command_in_the_wrong_folder_creates_nothing() {
    for arguments in [
        &["token", "create"][..],
        &["token", "list"],
        &["token", "revoke", "1"],
        &["token", "rotate", "1"],
        &["user", "list"],
        &["user", "promote", "ann"],
        &["user", "demote", "ann"],
        &["console-link"],
        &["webhooks", "list"],
        &["webhooks", "replay", "evt_1"],
        &["webhooks", "purge"],
        &["webhooks", "reconcile", "--stripe-secret-key", "sk_test_x"],
        &["webhooks", "customers", "--stripe-secret-key", "sk_test_x"],
        &["purge", "--older-than", "90d"],
        &["audit", "verify"],
        &["audit", "export", "--to", "audit.jsonl"],
        &["backup", "--to", "backup.db"],
        &["migrate", "status"],
        &["migrate", "down"],
        &["migrate", "redo"],
    ] {
        for (settings, message) in [
            (&[][..], "error: there is no database at ./data/clusterdesk.db; is DATA_DIR right?\n"),
            (&[("DATA_DIR", "else")], "error: there is no database at else/clusterdesk.db; is DATA_DIR right?\n"),
            (&[("DATABASE_URL", "sqlite:a/b.db")], "error: there is no database at a/b.db; is DATABASE_URL right?\n"),
        ] {
            assert_eq!(run(arguments, settings), (1, message.to_owned(), 0), "{arguments:?}");
        }
    }
}

#[test]
fn migrate_up_and_seed_create_a_database() {
    for arguments in [&["migrate", "up"][..], &["seed", "--users", "3"]] {
        let (code, text, entries) = run(arguments, &[]);
        assert_eq!((code, entries), (0, 1), "{arguments:?}: {text}");
    }
}
