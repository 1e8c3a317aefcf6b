//! `clusterdesk purge` of the audit log and of addresses in it.

use std::fs;

use clusterdesk::trail;
use serde_json::{Value, json};

use super::{
    Operator,
    audit_export::{ndjson, recompute},
    audit_verify::{entry, tamper},
};
use crate::support::{Sql, both_databases, hours_ago, literal};

const PURGE: [&str; 4] = ["purge", "--audit-older-than", "90d", "--audit-to"];

/// Entries from January 2026, and three of today.
fn populate(operator: &Operator, old: usize) {
    let entries: String = (0..old).map(|id| entry(&format!("old-{id}"))).collect();
    let now = literal(hours_ago(0));
    let new = |id: usize| entry(&format!("new-{id}")).replace("'2026-01-01 10:00:00.123'", &now);
    let new: String = (0..3).map(new).collect();
    operator.connect().run(&format!("BEGIN; {entries} {new} COMMIT"));
}

fn purge(operator: &Operator, file: &str) -> Value {
    let run = operator.run(&[&PURGE[..], &[file, "--json"]].concat());
    assert_eq!(run.code, 0, "{}", run.errors);
    serde_json::from_str::<Value>(&run.output).unwrap()["kinds"]["audit"].clone()
}

fn verified(operator: &Operator) -> Value {
    let run = operator.run(&["audit", "verify", "--json"]);
    assert_eq!(run.code, 0, "{}", run.output);
    serde_json::from_str(&run.output).unwrap()
}

fn ids(operator: &Operator) -> Vec<String> {
    operator.connect().texts("SELECT entity_id FROM audit_log ORDER BY id")
}

both_databases! {
    async fn old_entries_are_in_the_file_and_no_longer_in_the_log(operator: Operator) {
        populate(&operator, 2500);
        let run = operator.run(&[&PURGE[..], &["first.ndjson", "--dry-run"]].concat());
        assert_eq!(run.output, "audit: 2500 would be removed\n", "{}", run.errors);
        let report = purge(&operator, "first.ndjson");
        assert_eq!((&report["found"], &report["removed"], &report["file"]), (&json!(2500), &json!(2500), &json!("first.ndjson")));

        let lines = ndjson(&fs::read_to_string(operator.0.folder.path().join("first.ndjson")).unwrap());
        assert_eq!((lines.len(), &lines[0]["entityId"], &lines[2499]["entityId"]), (2500, &json!("old-0"), &json!("old-2499")));
        let hash = recompute(&lines);
        assert_eq!(ids(&operator), ["new-0", "new-1", "new-2", "audit"]);
        let mut conn = operator.connect();
        let detail: Value = serde_json::from_str(&conn.texts("SELECT detail FROM audit_log WHERE procedure = 'purge.audit'")[0]).unwrap();
        let through = lines[2499]["eventId"].clone();
        assert_eq!((&detail["count"], &detail["through"], &detail["hash"]), (&json!(2500), &through, &json!(hash)));
        assert_eq!(detail["export"], report["sha256"]);

        // The rest of the chain holds, and begins where the file ends.
        let verdict = verified(&operator);
        assert_eq!((&verdict["intact"], &verdict["unsealed"], &verdict["purgedThrough"]), (&json!(3), &json!(1), &through));
        trail::seal_all(&mut conn).unwrap();
        assert_eq!(verified(&operator)["intact"], 4);
        let rest = ndjson(&operator.run(&["audit", "export", "--to", "-"]).output);
        assert_eq!((rest.len(), &rest[0]["previousHash"]), (4, &json!(hash)));
        recompute(&rest);

        let again = operator.run(&[&PURGE[..], &["second.ndjson"]].concat());
        assert_eq!((again.code, again.output.as_str()), (0, "audit: 0 removed\n"));
        assert!(!operator.0.folder.path().join("second.ndjson").exists());
    }

    async fn the_file_may_be_csv(operator: Operator) {
        populate(&operator, 3);
        trail::seal_all(&mut operator.connect()).unwrap();
        let export = operator.run(&["audit", "export", "--to", "-", "--format", "csv"]).output;
        let run = operator.run(&[&PURGE[..], &["first.csv", "--audit-format", "csv"]].concat());
        assert_eq!(run.code, 0, "{}", run.errors);
        let file = fs::read_to_string(operator.0.folder.path().join("first.csv")).unwrap();
        assert!(file.starts_with("event") && file.lines().count() == 4 && export.starts_with(&file), "{file}");
        assert_eq!(ids(&operator), ["new-0", "new-1", "new-2", "audit"]);
        let run = operator.run(&[&PURGE[..], &["second", "--audit-format", "xml"]].concat());
        assert_eq!(run.code, 2, "{}", run.errors);
    }

    async fn a_log_that_is_purged_as_a_whole_goes_on(operator: Operator) {
        let mut conn = operator.connect();
        (0..3).for_each(|id| conn.run(&entry(&id.to_string())));
        purge(&operator, "first.ndjson");
        assert_eq!(ids(&operator), ["audit"]);
        conn.run(&entry("later"));
        trail::seal_all(&mut conn).unwrap();
        assert_eq!((&verified(&operator)["intact"], &verified(&operator)["purgedThrough"]), (&json!(2), &json!(3)));
    }

    async fn what_is_not_exported_is_not_removed(operator: Operator) {
        populate(&operator, 2);
        for arguments in [&["purge", "--audit-older-than", "90d"][..], &["purge", "--older-than", "90d", "--audit-to", "x"], &["purge"]] {
            assert_eq!(operator.run(arguments).code, 2, "{arguments:?}");
        }
        fs::write(operator.0.folder.path().join("taken"), "").unwrap();
        for (file, message) in [("taken", "taken exists already"), ("missing/file", "could not create missing/file.partial")] {
            let run = operator.run(&[&PURGE[..], &[file]].concat());
            assert!(run.code == 1 && run.errors.contains(message), "{}", run.errors);
        }
        operator.run(&["purge", "--older-than", "90d"]);
        assert_eq!(ids(&operator).len(), 5, "a purge of other data does not touch the log");
    }

    async fn a_broken_log_stays_as_it_is(operator: Operator) {
        populate(&operator, 3);
        let mut conn = operator.connect();
        trail::seal_all(&mut conn).unwrap();
        tamper(&mut conn, "UPDATE audit_log SET detail = '{}' WHERE entity_id = 'old-1'");
        let run = operator.run(&[&PURGE[..], &["first.ndjson"]].concat());
        let message = "error: the audit log is broken and stays as it is; `clusterdesk audit verify` says where";
        assert!(run.code == 1 && run.errors.contains(message), "{}", run.errors);
        assert_eq!(ids(&operator).len(), 6);
        assert!(!operator.0.folder.path().join("first.ndjson").exists());
    }

    async fn a_beginning_that_was_removed_without_an_entry_is_noticed(operator: Operator) {
        populate(&operator, 3);
        let mut conn = operator.connect();
        trail::seal_all(&mut conn).unwrap();
        conn.run(
            "INSERT INTO log_starts (log, through) VALUES ('audit_events', 2);
             DELETE FROM audit_log WHERE id <= 2; DELETE FROM audit_events WHERE id <= 2; DELETE FROM audit_seals WHERE id < 2",
        );
        let run = operator.run(&["audit", "verify"]);
        let message = "BROKEN: an entry (event 2): the log begins after it, and no entry says who purged it";
        assert!(run.code == 3 && run.output.starts_with(message), "{}", run.output);
        tamper(&mut conn, "DELETE FROM audit_seals WHERE id = 2");
        let run = operator.run(&["audit", "verify"]);
        let message = "BROKEN: an entry (event 2): the log begins after it, and its hash is missing";
        assert!(run.code == 3 && run.output.starts_with(message), "{}", run.output);
    }

    async fn only_purged_entries_can_be_deleted(operator: Operator) {
        populate(&operator, 3);
        let mut conn = operator.connect();
        let mut refused = |statement: &str| conn.refusal(statement).unwrap_or_default().contains("append-only");
        for table in ["audit_log", "audit_events"] {
            assert!(refused(&format!("DELETE FROM {table} WHERE id = 1")), "{table}");
        }
        purge(&operator, "first.ndjson");
        for table in ["audit_log", "audit_events"] {
            assert!(refused(&format!("DELETE FROM {table}")), "{table}");
        }
    }

    async fn old_addresses_are_forgotten_if_that_is_asked_for(operator: Operator) {
        let addressed = |sql: &str| sql.replace("request_id)", "request_id, client_address)").replace("'r')", "'r', '::1')");
        let mut conn = operator.connect();
        let now = literal(hours_ago(0));
        conn.run(&[
            addressed(&entry("old-0")), entry("old-1"), addressed(&entry("old-2")),
            addressed(&entry("new").replace("'2026-01-01 10:00:00.123'", &now)),
        ].concat());
        trail::seal_all(&mut conn).unwrap();
        let addresses = "SELECT entity_id FROM audit_log WHERE client_address IS NOT NULL ORDER BY id";
        operator.run(&["purge", "--older-than", "90d"]);
        assert_eq!(conn.texts(addresses), ["old-0", "old-2", "new"]);
        for (dry_run, output) in [(true, "addresses: 2 would be removed\n"), (false, "addresses: 2 removed\n"), (false, "addresses: 0 removed\n")] {
            let arguments = ["purge", "--older-than", "90d", "--only", "addresses", "--dry-run"];
            let run = operator.run(if dry_run { &arguments } else { &arguments[..5] });
            assert_eq!(run.output, output, "{}", run.errors);
        }
        assert_eq!(conn.texts(addresses), ["new"]);
        assert_eq!(conn.number("SELECT count(*) FROM audit_log WHERE procedure = 'purge.addresses'"), 1);
        assert_eq!(verified(&operator)["intact"], 4);
    }
}
