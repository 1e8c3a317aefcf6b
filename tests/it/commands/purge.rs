use clusterdesk::{db::DbConnection, models::user::Role};
use serde_json::{Value, json};

use super::Operator;
use crate::support::{Sql, both_databases, hours_ago, hours_ahead, literal};

/// SQL that inserts events of this age.
pub fn events(count: usize, hours: u64) -> String {
    let at = literal(hours_ago(hours));
    let row = format!("({at}, 'created', 1, 'old', 'eu', 'ann', 'FREE', 'Default', 'PENDING', {at}, {at})");
    format!(
        "INSERT INTO cluster_events (created_at, kind, cluster_id, name, location, auth_user_id, plan, network, status,
             cluster_created_at, cluster_updated_at) VALUES {};",
        vec![row; count].join(", ")
    )
}

/// SQL that inserts a deleted cluster.
fn deleted_cluster(name: &str, owner: &str, hours: u64) -> String {
    let at = literal(hours_ago(hours));
    format!(
        "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, status, created_at, updated_at, deleted_at)
         VALUES ('{name}', 'eu', '{owner}', 'PRO', 'DELETED', {at}, {at}, {at});"
    )
}

fn webhook(id: &str, processed_at: &str) -> String {
    let at = literal(hours_ago(5000));
    format!(
        "INSERT INTO stripe_events (id, kind, created_at, received_at, processed_at, attempts, error, payload)
         VALUES ('{id}', 'x', {at}, {at}, {processed_at}, 1, 'x', '{{}}');"
    )
}

/// Old and new rows of each kind. Ann is soft-deleted since long, Bob since yesterday, and Eve still pays.
fn populate(operator: &Operator) {
    for id in ["ann", "bob", "eve", "live"] {
        operator.user(id, Role::User);
    }
    let (old, new, ahead) = (literal(hours_ago(91 * 24)), literal(hours_ago(24)), literal(hours_ahead(24)));
    let mut conn = operator.connect();
    // First, because the live cluster causes a new event.
    conn.run(&[events(3, 91 * 24), events(2, 24)].concat());
    conn.run(
        &[
            deleted_cluster("old-1", "ann", 91 * 24),
            deleted_cluster("old-2", "live", 91 * 24),
            deleted_cluster("new-1", "ann", 89 * 24),
            deleted_cluster("new-2", "live", 24),
        ]
        .concat(),
    );
    conn.run(&format!(
        "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, created_at, updated_at)
             VALUES ('live', 'eu', 'live', 'FREE', {old}, {old});
         UPDATE users SET deleted_at = {old}, email = 'deleted_' || id || '@example.com' WHERE id IN ('ann', 'eve');
         UPDATE users SET deleted_at = {new} WHERE id = 'bob';
         INSERT INTO customers (auth_user_id, plan, stripe_current_period_end, created_at, updated_at)
             VALUES ('ann', 'PRO', {old}, {old}, {old}), ('eve', 'PRO', {ahead}, {old}, {old});
         INSERT INTO api_tokens (user_id, name, hash, scope, created_at, revoked_at)
             VALUES ('ann', 't', '{}', 'read', {old}, {old});",
        "a".repeat(64)
    ));
    conn.run(&[webhook("evt_old", &old), webhook("evt_new", &new), webhook("evt_failed", "NULL")].concat());
}

/// What a report says of a kind.
fn counts(report: &Value, kind: &str) -> Value {
    let mut counts = report["kinds"][kind].clone();
    assert!(counts.as_object_mut().unwrap().remove("before").is_some(), "{report}");
    counts
}

fn names(conn: &mut DbConnection) -> Vec<String> {
    conn.texts("SELECT name || ' ' || coalesce(auth_user_id, '-') FROM k8s_cluster_configs ORDER BY id")
}

both_databases! {
    async fn a_dry_run_reports_what_is_old_and_removes_nothing(operator: Operator) {
        populate(&operator);
        let before = operator.everything();
        let output = operator.ok(&["purge", "--older-than", "90d", "--dry-run"]);
        let expected = "clusters: 2 would be removed\nusers: 2 would be removed\nevents: 3 would be removed\nwebhooks: 1 would be removed\n";
        assert_eq!(output, expected);
        let report: Value = serde_json::from_str(&operator.ok(&["purge", "--older-than", "90d", "--dry-run", "--json"])).unwrap();
        assert_eq!((&report["dryRun"], counts(&report, "events")), (&json!(true), json!({"found": 3, "removed": 0, "kept": 0})));
        assert_eq!(operator.everything(), before);
    }

    async fn what_is_old_is_removed_and_nothing_else(operator: Operator) {
        populate(&operator);
        let mut conn = operator.connect();
        let newest = conn.number("SELECT max(id) FROM cluster_events");
        let run = operator.run(&["purge", "--older-than", "90d"]);
        assert_eq!(run.code, 0, "{}", run.errors);
        let paying = "because their paid subscription is running";
        assert_eq!(run.output, format!("clusters: 2 removed\nusers: 1 removed, 1 kept, {paying}\nevents: 3 removed\nwebhooks: 1 removed\n"));
        assert!(run.errors.contains("events: 3 of 3"), "{}", run.errors);
        assert_eq!(names(&mut conn), ["new-1 -", "new-2 live", "live live"]);
        assert_eq!(conn.texts("SELECT id FROM users ORDER BY id"), ["bob", "eve", "live"]);
        assert_eq!(conn.texts("SELECT id FROM user_tombstones"), ["ann"]);
        assert_eq!(conn.texts("SELECT auth_user_id FROM customers"), ["eve"]);
        assert_eq!(conn.number("SELECT count(*) FROM api_tokens"), 0);
        assert_eq!(conn.texts("SELECT id FROM stripe_events ORDER BY id"), ["evt_failed", "evt_new"]);
        // Two that are a day old, and that of the live cluster.
        assert_eq!((conn.number("SELECT count(*) FROM cluster_events"), conn.number("SELECT max(id) FROM cluster_events")), (3, newest));

        let audited = operator.audited();
        let entries: Vec<&str> = audited.iter().map(|entry| entry.split(" {").next().unwrap()).collect();
        assert_eq!(entries, [
            "purge.clusters database clusters", "purge.users user ann", "purge.events database events", "purge.webhooks database webhooks",
        ]);
        assert!(audited[0].contains("\"count\":2"), "{}", audited[0]);
        assert!(audited[1].contains("\"ownedClusters\":[3],\"owned\":1"), "{}", audited[1]);

        let before = operator.everything();
        let again: Value = serde_json::from_str(&operator.run(&["purge", "--older-than", "90d", "--json"]).output).unwrap();
        let nothing = json!({"found": 0, "removed": 0, "kept": 0});
        let kept = json!({"found": 1, "removed": 0, "kept": 1});
        for (kind, expected) in [("clusters", &nothing), ("users", &kept), ("events", &nothing), ("webhooks", &nothing)] {
            assert_eq!(counts(&again, kind), *expected, "{kind}");
        }
        assert_eq!(operator.everything(), before, "nothing to remove, nothing to record");
    }

    async fn only_the_named_kinds_are_removed(operator: Operator) {
        populate(&operator);
        let run = operator.run(&["purge", "--older-than", "90d", "--only", "webhooks,events"]);
        assert_eq!(run.output, "events: 3 removed\nwebhooks: 1 removed\n", "{}", run.errors);
        let mut conn = operator.connect();
        assert_eq!((conn.number("SELECT count(*) FROM users"), names(&mut conn).len()), (4, 5));
    }

    async fn more_rows_than_one_transaction_removes_are_removed(operator: Operator) {
        operator.user("ann", Role::User);
        let mut conn = operator.connect();
        let users: String = (0..45).map(|number| {
            let at = literal(hours_ago(48));
            format!("INSERT INTO users (id, created_at, updated_at, deleted_at) VALUES ('u{number}', {at}, {at}, {at});")
        }).collect();
        let clusters: String = (0..1500).map(|number| deleted_cluster(&format!("c{number}"), "ann", 48)).collect();
        let webhooks: String = (0..1001).map(|number| webhook(&format!("evt_{number}"), &literal(hours_ago(48)))).collect();
        conn.run(&format!("BEGIN; {users} {clusters} {webhooks} {} COMMIT", events(2500, 48)));
        let report: Value = serde_json::from_str(&operator.run(&["purge", "--older-than", "1d", "--json"]).output).unwrap();
        for (kind, count) in [("clusters", 1500), ("users", 45), ("events", 2500), ("webhooks", 1001)] {
            assert_eq!(counts(&report, kind), json!({"found": count, "removed": count, "kept": 0}), "{kind}");
        }
        for table in ["k8s_cluster_configs", "cluster_events", "stripe_events"] {
            assert_eq!(conn.number(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
        }
        // One entry for each kind, and one for each user.
        assert_eq!(operator.audited().len(), 3 + 45);
    }

    async fn an_event_that_is_older_than_one_before_it_is_kept(operator: Operator) {
        // The clock was set back between the two.
        operator.connect().run(&[events(1, 48), events(1, 1), events(1, 48)].concat());
        let run = operator.run(&["purge", "--older-than", "1d", "--only", "events"]);
        assert_eq!(run.output, "events: 1 removed\n", "{}", run.errors);
        assert_eq!(operator.connect().number("SELECT count(*) FROM cluster_events"), 2);
    }

    async fn an_invalid_age_or_kind_is_refused(operator: Operator) {
        for arguments in [
            &["purge"][..], &["purge", "--older-than", "90"], &["purge", "--older-than", "0d"],
            &["purge", "--older-than", "90d", "--only", "audit_log"],
        ] {
            let run = operator.run(arguments);
            assert_eq!((run.code, run.output.as_str()), (2, ""), "{arguments:?}: {}", run.errors);
            assert!(run.errors.contains("--older-than") || run.errors.contains("--only"), "{}", run.errors);
        }
    }
}
