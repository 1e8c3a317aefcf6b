//! `clusterdesk audit verify`

use clusterdesk::{db::DbConnection, trail};
use serde_json::{Value, json};

use super::Operator;
use crate::support::{Backend, Sql, both_databases};

/// SQL that inserts an entry.
pub fn entry(id: &str) -> String {
    format!(
        "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
         VALUES ('2026-01-01 10:00:00.123', 'ann', 'k8s.create', 'cluster', '{id}', '{{\"name\":\"a \"\"quoted\"\" name, ü\"}}', 'r');"
    )
}

/// Entries that are sealed, as the server seals them.
pub fn sealed(operator: &Operator, ids: std::ops::RangeInclusive<u32>) -> DbConnection {
    let mut conn = operator.connect();
    ids.for_each(|id| conn.run(&entry(&id.to_string())));
    trail::seal_all(&mut conn).unwrap();
    conn
}

/// Changes rows as somebody can who owns the database.
pub fn tamper(conn: &mut DbConnection, statements: &str) {
    match conn.backend() {
        Backend::Postgres => conn.run(&format!(
            "SET session_replication_role = replica; {statements}; SET session_replication_role = origin"
        )),
        Backend::Sqlite => {
            for trigger in ["log_no_update", "log_no_delete", "events_no_delete", "seals_no_update", "seals_no_delete"]
            {
                conn.run(&format!("DROP TRIGGER IF EXISTS audit_{trigger}"));
            }
            conn.run(statements);
        }
    }
}

/// The exit status and the report.
fn verdict(operator: &Operator) -> (i32, Value) {
    let run = operator.run(&["audit", "verify", "--json"]);
    (run.code, serde_json::from_str(&run.output).unwrap_or_else(|_| panic!("{}", run.errors)))
}

both_databases! {
    async fn an_untouched_log_is_intact_and_its_new_entries_are_not_sealed_yet(operator: Operator) {
        assert_eq!(operator.ok(&["audit", "verify"]), "0 entries are intact, 0 are too new to be sealed\n");
        let mut conn = sealed(&operator, 1..=3);
        conn.run(&[entry("4"), entry("5")].concat());
        let hash = conn.texts("SELECT hash FROM audit_seals ORDER BY id DESC LIMIT 1").remove(0);
        let (code, report) = verdict(&operator);
        assert_eq!((code, report), (0, json!({"intact": 3, "unsealed": 2, "purgedThrough": 0, "hash": hash, "broken": null})));
        let run = operator.run(&["audit", "verify"]);
        let text = format!("3 entries are intact, 2 are too new to be sealed\nhash of the last intact entry: {hash}\n");
        assert_eq!((run.code, run.output), (0, text));
    }

    async fn the_first_entry_that_was_changed_is_named(operator: Operator) {
        for (number, (change, reason)) in [
            ("UPDATE audit_log SET detail = '{}' WHERE entity_id IN ('3', '4')", "it, or its hash, was changed"),
            ("UPDATE audit_log SET actor_id = 'bob' WHERE entity_id = '3'", "it, or its hash, was changed"),
            ("UPDATE audit_log SET created_at = '2026-01-01 10:00:00.124' WHERE entity_id = '3'", "it, or its hash, was changed"),
            ("UPDATE audit_log SET door = 'cli' WHERE entity_id = '3'", "it, or its hash, was changed"),
            ("UPDATE audit_log SET token_id = 7 WHERE entity_id = '3'", "it, or its hash, was changed"),
            ("UPDATE audit_seals SET hash = (SELECT hash FROM audit_seals WHERE id = 1) WHERE id = 3", "it, or its hash, was changed"),
            ("DELETE FROM audit_log WHERE entity_id = '3'", "it was removed"),
            ("DELETE FROM audit_events WHERE id = 3", "it was removed"),
            ("DELETE FROM audit_seals WHERE id = 3", "it was inserted later"),
        ].into_iter().enumerate() {
            let other = Operator(operator.0.backend.database());
            let mut conn = sealed(&other, 1..=5);
            assert_eq!(verdict(&other).1["intact"], 5, "{number}");
            tamper(&mut conn, change);
            let (code, report) = verdict(&other);
            let broken = &report["broken"];
            let found = (code, &report["intact"], &broken["eventId"], &broken["reason"]);
            assert_eq!(found, (3, &json!(2), &json!(3), &json!(reason)), "{change}: {report}");
            let entry_id = if reason == "it was removed" { Value::Null } else { json!(3) };
            assert_eq!(broken["entryId"], entry_id, "{change}");
            let run = other.run(&["audit", "verify"]);
            let entry = if entry_id.is_null() { "an entry" } else { "entry 3" };
            let sentence = format!("BROKEN: {entry} (event 3): {reason}; 2 entries before it are intact\n");
            assert!(run.code == 3 && run.output.starts_with(&sentence), "{change}: {}", run.output);
        }
    }

    async fn two_entries_that_changed_places_are_noticed(operator: Operator) {
        let mut conn = sealed(&operator, 1..=4);
        tamper(&mut conn, "UPDATE audit_log SET entity_id = CASE entity_id WHEN '2' THEN '3' ELSE '2' END WHERE entity_id IN ('2', '3')");
        assert_eq!(verdict(&operator).1["broken"]["eventId"], 2);
    }

    async fn a_forgotten_address_does_not_break_the_chain(operator: Operator) {
        let mut conn = operator.connect();
        conn.run(&format!("{} UPDATE users SET name = name;", entry("1").replace("request_id)", "request_id, client_address)").replace("'r')", "'r', '::1')")));
        trail::seal_all(&mut conn).unwrap();
        conn.run("UPDATE audit_log SET client_address = NULL");
        let (code, report) = verdict(&operator);
        assert_eq!((code, &report["intact"]), (0, &json!(1)));
    }

    async fn hashes_can_not_be_changed_or_removed(operator: Operator) {
        let mut conn = sealed(&operator, 1..=2);
        let mut attempts = vec!["UPDATE audit_seals SET hash = hash", "DELETE FROM audit_seals WHERE id = 1"];
        attempts.push(match conn.backend() {
            Backend::Sqlite => "REPLACE INTO audit_seals SELECT * FROM audit_seals",
            Backend::Postgres => "TRUNCATE audit_seals",
        });
        for attempt in attempts {
            assert!(conn.refusal(attempt).unwrap_or_default().contains("audit_seals is append-only"), "{attempt}");
        }
    }
}
