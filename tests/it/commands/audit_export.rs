//! `clusterdesk audit export`

use std::{fs, os::unix::fs::PermissionsExt};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    Operator,
    audit_verify::{entry, sealed},
};
use crate::support::{Sql, both_databases};

/// Checks the chain of exported entries as docs/RETENTION.md describes it, and returns the hash of the last.
pub fn recompute(lines: &[Value]) -> String {
    let mut previous = lines[0]["previousHash"].as_str().unwrap().to_owned();
    for line in lines {
        assert_eq!(line["previousHash"], previous, "{line}");
        let names = [
            "eventId",
            "id",
            "createdAt",
            "actorId",
            "procedure",
            "entity",
            "entityId",
            "detail",
            "requestId",
            "tokenId",
            "door",
        ];
        let mut covered = vec![json!(previous)];
        covered.extend(names.map(|name| line[name].clone()));
        previous = HEXLOWER.encode(&Sha256::digest(serde_json::to_string(&covered).unwrap()));
        assert_eq!(line["hash"], previous, "{line}");
    }
    previous
}

pub fn ndjson(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

both_databases! {
    async fn each_entry_is_a_line_and_the_lines_are_a_chain(operator: Operator) {
        let mut conn = sealed(&operator, 1..=3);
        let origin = ("request_id, client_address, token_id, door)", "'r', '::1', 7, 'trpc')");
        conn.run(&entry("4").replace("request_id)", origin.0).replace("'r')", origin.1));
        let run = operator.run(&["audit", "export", "--to", "log.ndjson", "--json"]);
        assert_eq!(run.code, 0, "{}", run.errors);
        let path = operator.0.folder.path().join("log.ndjson");
        let text = fs::read_to_string(&path).unwrap();
        let report: Value = serde_json::from_str(&run.output).unwrap();
        let sha256 = HEXLOWER.encode(&Sha256::digest(&text));
        assert_eq!(report, json!({"dryRun": false, "entries": 4, "file": "log.ndjson", "sha256": sha256}));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let lines = ndjson(&text);
        assert_eq!(lines.len(), 4);
        let expected = json!({
            "eventId": 4, "id": 4, "createdAt": "2026-01-01T10:00:00.123Z", "actorId": "ann", "procedure": "k8s.create",
            "entity": "cluster", "entityId": "4", "detail": "{\"name\":\"a \"\"quoted\"\" name, ü\"}", "requestId": "r",
            "clientAddress": "::1", "tokenId": 7, "door": "trpc",
            "previousHash": lines[2]["hash"], "hash": lines[3]["hash"],
        });
        assert_eq!(lines[3], expected);
        assert_eq!(lines[0]["previousHash"], "0".repeat(64));
        // The new entry was sealed for the export.
        assert_eq!(recompute(&lines), conn.texts("SELECT hash FROM audit_seals WHERE id = 4")[0]);
    }

    async fn a_dry_run_says_how_many_entries_there_are_and_writes_nothing(operator: Operator) {
        let mut conn = sealed(&operator, 1..=2);
        conn.run(&entry("3"));
        let arguments = ["audit", "export", "--to", "log", "--dry-run"];
        assert_eq!(operator.run(&arguments).output, "up to 3 entries would be written to log\n");
        let report: Value = serde_json::from_str(&operator.run(&[&arguments[..], &["--json"]].concat()).output).unwrap();
        assert_eq!(report, json!({"dryRun": true, "entries": 3, "file": "log"}));
        assert!(!operator.0.folder.path().join("log").exists());
        assert_eq!(conn.number("SELECT count(*) FROM audit_seals"), 2);
    }

    async fn csv_has_the_same_values(operator: Operator) {
        sealed(&operator, 1..=2);
        let run = operator.run(&["audit", "export", "--to", "-", "--format", "csv"]);
        assert_eq!(run.code, 0, "{}", run.errors);
        let mut reader = csv::Reader::from_reader(run.output.as_bytes());
        let heading: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows: Vec<Vec<String>> = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        let lines = ndjson(&operator.run(&["audit", "export", "--to", "-"]).output);
        assert_eq!((rows.len(), heading.len()), (2, 14));
        for (row, line) in rows.iter().zip(&lines) {
            for (name, value) in heading.iter().zip(row) {
                let expected = match &line[name] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(*value, expected, "{name}");
            }
        }
    }

    async fn a_file_is_not_replaced_by_accident_and_none_is_left_unfinished(operator: Operator) {
        sealed(&operator, 1..=2);
        let folder = operator.0.folder.path();
        let path = folder.join("log");
        fs::write(&path, "precious").unwrap();
        operator.refused(&["audit", "export", "--to", "log"], "log exists already; --force replaces it");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert_eq!(operator.run(&["audit", "export", "--to", "log", "--force"]).code, 0);
        assert_eq!(ndjson(&fs::read_to_string(&path).unwrap()).len(), 2);
        // Another process is writing the same file, and is then killed.
        let part = fs::File::create(folder.join("log.partial")).unwrap();
        part.lock().unwrap();
        operator.refused(&["audit", "export", "--to", "log", "--force"], "another process is writing log.partial");
        drop(part);
        assert_eq!(operator.run(&["audit", "export", "--to", "log", "--force"]).code, 0);
        let run = operator.run(&["audit", "export", "--to", "missing/log"]);
        assert!(run.code == 1 && run.errors.contains("could not create missing/log.partial"), "{}", run.errors);
        assert!(!folder.join("log.partial").exists());
    }

    async fn more_entries_than_a_page_are_exported_in_order(operator: Operator) {
        let mut conn = operator.connect();
        let entries: String = (0..1200).map(|id| entry(&id.to_string())).collect();
        conn.run(&format!("BEGIN; {entries} COMMIT"));
        let lines = ndjson(&operator.run(&["audit", "export", "--to", "-"]).output);
        let expected: Vec<Value> = (0..1200).map(|place: u32| json!(place.to_string())).collect();
        assert_eq!(lines.iter().map(|line| line["entityId"].clone()).collect::<Vec<_>>(), expected);
        recompute(&lines);
        assert!(operator.run(&["audit", "verify", "--json"]).output.contains("\"intact\": 1200"));
    }
}
