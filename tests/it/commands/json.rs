//! `--json` and `--dry-run` of commands that have no file of their own for them.

use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use super::Operator;
use crate::support::{Process, Sql, both_databases};

impl Operator {
    /// What a command that succeeds prints as JSON.
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Like [`Self::json`], of a command that must change nothing.
    fn tried(&self, arguments: &[&str]) -> Value {
        let before = self.everything();
        let found = self.json(&[arguments, &["--dry-run"]].concat());
        assert_eq!(self.everything(), before, "{arguments:?}");
        found
    }
}

both_databases! {
    async fn users_are_listed_and_their_roles_set(operator: Operator) {
        assert_eq!(operator.json(&["user", "list"]), json!([]));
        operator.user("root", Role::Admin);
        operator.user("ann", Role::User);
        let users = operator.json(&["user", "list", "--search", "ann"]);
        let created = users[0]["createdAt"].clone();
        assert!(created.as_str().unwrap().ends_with('Z'));
        let ann = json!({"id": "ann", "name": "Name of ann", "email": "ann@example.com", "role": "USER", "createdAt": created,
            "activeClusters": 0});
        assert_eq!(users, json!([ann]));
        assert_eq!(operator.json(&["user", "list"]).as_array().unwrap().len(), 2);
        let promote = ["user", "promote", "ann"];
        let set = |dry_run, changed| json!({"dryRun": dry_run, "id": "ann", "role": "ADMIN", "changed": changed});
        assert_eq!(operator.tried(&promote), set(true, true));
        assert_eq!(operator.ok(&["user", "promote", "ann", "--dry-run"]), "ann would become ADMIN\n");
        assert_eq!(operator.json(&promote), set(false, true));
        assert_eq!(operator.json(&promote), set(false, false));
        assert_eq!(operator.tried(&promote), set(true, false));
    }

    async fn tokens_are_made_and_revoked(operator: Operator) {
        operator.user("root", Role::Admin);
        let create = ["token", "create", "--scope", "read", "--expires-in-days", "7"];
        let tried = operator.tried(&create);
        let expected = json!({"dryRun": true, "id": null, "token": null, "owner": "root", "scope": "read", "expiresAt": tried["expiresAt"]});
        assert_eq!(tried, expected);
        assert_eq!(operator.ok(&["token", "create", "--dry-run"]), "would create a token\n");
        let made = operator.json(&create);
        assert!(made["id"].is_i64() && made["token"].as_str().unwrap().starts_with("cdk_"), "{made}");
        let id = made["id"].to_string();
        assert_eq!(operator.tried(&["token", "rotate", &id])["replaces"], made["id"]);
        assert_eq!(operator.tried(&["token", "revoke", &id]), json!({"dryRun": true, "id": made["id"]}));
        assert_eq!(operator.ok(&["token", "revoke", &id, "--dry-run"]), format!("would revoke token {id}\n"));
        assert_eq!(operator.json(&["token", "list"])[0]["state"], "live");
        let rotated = operator.json(&["token", "rotate", &id]);
        assert_ne!((&rotated["id"], &rotated["token"]), (&made["id"], &made["token"]));
        assert_eq!(operator.json(&["token", "revoke", &rotated["id"].to_string()]), json!({"dryRun": false, "id": rotated["id"]}));
        let link = operator.tried(&["console-link"]);
        assert_eq!((&link["url"], &link["userId"]), (&Value::Null, &json!("root")));
        assert_eq!(operator.ok(&["console-link", "--dry-run"]), "would make a link for root\n");
    }

    async fn migrations_are_listed_and_tried(operator: Operator) {
        let steps = operator.json(&["migrate", "status"]);
        let names: Vec<&Value> = steps.as_array().unwrap().iter().map(|step| &step["name"]).collect();
        assert!(names.len() > 5 && steps.as_array().unwrap().iter().all(|step| step["applied"] == true));
        let newest = names[names.len() - 1];
        let done = |dry_run, reverted: &[&Value], applied: &[&Value]| json!({"dryRun": dry_run, "reverted": reverted, "applied": applied});
        assert_eq!(operator.tried(&["migrate", "down"]), done(true, &[newest], &[]));
        assert_eq!(operator.tried(&["migrate", "redo"]), done(true, &[newest], &[newest]));
        assert_eq!(operator.tried(&["migrate", "up"]), done(true, &[], &[]));
        let text = operator.ok(&["migrate", "down", "-n", "2", "--dry-run"]);
        let would: Vec<String> =
            names.iter().rev().take(2).map(|name| format!("would revert {}\n", name.as_str().unwrap())).collect();
        assert_eq!(text, would.concat());
        assert_eq!(operator.json(&["migrate", "down"]), done(false, &[newest], &[]));
        assert_eq!(operator.json(&["migrate", "up", "--dry-run"]), done(true, &[], &[newest]));
        assert_eq!(operator.json(&["migrate", "status"])[names.len() - 1], json!({"name": newest, "applied": false}));
        assert_eq!(operator.json(&["migrate", "up"]), done(false, &[], &[newest]));
        assert_eq!(operator.json(&["migrate", "redo"]), done(false, &[newest], &[newest]));
    }

    async fn sample_data_is_counted_before_it_is_inserted(operator: Operator) {
        let counted = |dry_run| json!({"dryRun": dry_run, "users": 20, "customers": 6, "clusters": 24});
        assert_eq!(operator.tried(&["seed"]), counted(true));
        assert_eq!(operator.json(&["seed"]), counted(false));
    }

    async fn events_of_stripe_are_listed_and_purges_counted(operator: Operator) {
        assert_eq!(operator.json(&["webhooks", "list"]), json!([]));
        operator.connect().run(
            "INSERT INTO stripe_events (id, kind, created_at, received_at, processed_at, attempts, error, payload)
             VALUES ('evt_1', 'x', '2025-01-01 00:00:00', '2025-01-01 00:00:00', '2025-01-01 00:00:00', 1, NULL, '{}'),
                    ('evt_2', 'y', '2025-01-02 00:00:00', '2025-01-02 00:00:00', NULL, 2, 'no user', '{}')",
        );
        let failed = json!({"id": "evt_2", "type": "y", "receivedAt": "2025-01-02T00:00:00.000Z", "processedAt": null,
            "attempts": 2, "error": "no user"});
        assert_eq!(operator.json(&["webhooks", "list", "--failed"]), json!([failed]));
        assert_eq!(operator.json(&["webhooks", "list"]).as_array().unwrap().len(), 2);
        let purge = ["webhooks", "purge"];
        assert_eq!(operator.tried(&purge)["removed"], 1);
        assert_eq!(operator.ok(&["webhooks", "purge", "--dry-run"]), "would remove 1 events\n");
        let removed = operator.json(&purge);
        assert_eq!((&removed["removed"], &removed["dryRun"]), (&json!(1), &json!(false)));
    }

    async fn the_doctor_reports_each_check(operator: Operator) {
        let report = operator.run(&["doctor", "--json"]);
        let checks: Vec<Value> = serde_json::from_str(&report.output).unwrap();
        let names: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
        assert!(names.starts_with(&["configuration", "database", "writes", "migrations", "clock"]), "{names:?}");
        let problems = checks.iter().filter(|check| check["ok"] == false).count();
        assert_eq!(report.code, i32::from(problems > 0), "{checks:?}");
    }
}

#[test]
fn a_dry_run_creates_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let output = Process::run(folder.path(), &["migrate", "up", "--dry-run", "-n", "1"], &[]);
    assert!(output.status.success() && output.stdout.starts_with(b"would apply "), "{output:?}");
    let output = Process::run(folder.path(), &["seed", "--users", "7", "--dry-run"], &[]);
    assert!(output.status.success() && output.stdout == b"would create the database and seed 7 users\n", "{output:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
