//! Rows that break a rule.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Importer, Shape, broken::broken, tally};
use crate::support::{Backend, Sql};

/// `table id code,code remedy` of every finding, sorted. Long ids are shortened.
pub fn findings(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut lines: Vec<String> = findings
        .map(|finding| {
            let codes: BTreeSet<&str> = finding["problems"]
                .as_array()
                .unwrap()
                .iter()
                .map(|problem| problem["code"].as_str().unwrap())
                .collect();
            let codes: Vec<&str> = codes.into_iter().collect();
            let text = |name: &str| finding[name].as_str().unwrap().to_owned();
            format!("{} {:.9} {} {}", text("table"), text("id"), codes.join(","), text("remedy"))
        })
        .collect();
    lines.sort();
    lines
}

const REPAIRED: [&str; 20] = [
    "Customer -1 rowId skipped",
    "Customer 2 secondCustomer skipped",
    "Customer 3 noUser repaired",
    "Customer 4 noPlan,stripeCustomerTaken,stripeSubscriptionTaken,tooLong repaired",
    "Customer 5 userId skipped",
    "Customer 6 time repaired",
    "K8sClusterConfig 1 secondCluster repaired",
    "K8sClusterConfig 2 secondCluster repaired",
    "K8sClusterConfig 3 noPlan repaired",
    "K8sClusterConfig 4 noUser repaired",
    "K8sClusterConfig 5 userDeleted repaired",
    "K8sClusterConfig 6 tooLong repaired",
    "K8sClusterConfig 7 empty repaired",
    "K8sClusterConfig 8 userId skipped",
    "StripeWebhookEvent evt_1 tooLong repaired",
    "StripeWebhookEvent xxxxxxxxx eventId skipped",
    "User  spaced userId skipped",
    "User a2 emailTaken repaired",
    "User long tooLong repaired",
    "User reserved emailReserved repaired",
];

const SKIPPED: [&str; 19] = [
    "Customer -1 rowId,userSkipped skipped",
    "Customer 2 secondCustomer skipped",
    "Customer 3 noUser skipped",
    "Customer 4 noPlan,stripeCustomerTaken,stripeSubscriptionTaken,tooLong,userSkipped skipped",
    "Customer 5 userId skipped",
    "Customer 6 time,userSkipped skipped",
    "K8sClusterConfig 1 secondCluster skipped",
    "K8sClusterConfig 3 noPlan skipped",
    "K8sClusterConfig 4 noUser skipped",
    "K8sClusterConfig 5 userDeleted skipped",
    "K8sClusterConfig 6 tooLong skipped",
    "K8sClusterConfig 7 empty skipped",
    "K8sClusterConfig 8 userId skipped",
    "StripeWebhookEvent evt_1 tooLong skipped",
    "StripeWebhookEvent xxxxxxxxx eventId skipped",
    "User  spaced userId skipped",
    "User a2 emailTaken skipped",
    "User long tooLong skipped",
    "User reserved emailReserved skipped",
];

/// Whether the new database has no tables, and on SQLite nothing in its file.
pub fn is_untouched(importer: &Importer) -> bool {
    match importer.new.0.backend {
        Backend::Sqlite => std::fs::read_dir(importer.new.0.folder.path()).unwrap().next().is_none(),
        Backend::Postgres => importer.new.connect().tables().is_empty(),
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn by_default_nothing_happens_and_the_report_says_what_a_repair_would_do() {
    for importer in broken() {
        let report = importer.report(&[], 3);
        assert_eq!(
            (&report["outcome"], findings(&report)),
            (&Value::from("aborted"), REPAIRED.map(str::to_owned).to_vec())
        );
        assert!(is_untouched(&importer));
        let text = importer.run(&["--on-conflict", "abort"]);
        assert_eq!(text.code, 3);
        for line in [
            "repaired: K8sClusterConfig \"3\": it has no plan (it becomes FREE)\n",
            "skipped: Customer \"2\": its user has another customer\n",
            "Nothing was written: 20 rows break a rule.",
        ] {
            assert!(text.output.contains(line), "{line}{}", text.output);
        }
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn an_existing_database_is_not_changed_either() {
    for importer in broken() {
        importer.new.ok(&["migrate", "up"]);
        let before = importer.new.everything();
        importer.report(&[], 3);
        assert_eq!(importer.new.everything(), before);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn the_database_is_migrated_first_if_nothing_else_is_in_the_way() {
    for importer in Importer::all(Shape::Before) {
        importer.old.run("INSERT INTO \"User\" (\"id\") VALUES ('ann')");
        importer.new.ok(&["migrate", "up", "-n", "12"]);
        let dry = importer.run(&["--dry-run"]);
        let outdated = "error: the database is not migrated to this version; run `clusterdesk migrate up` first\n";
        assert_eq!((dry.code, dry.errors.as_str()), (1, outdated));
        assert!(importer.new.ok(&["migrate", "status"]).contains("[ ] "), "a dry run migrates nothing");
        importer.report(&[], 0);
        assert_eq!(importer.new_rows("SELECT id FROM users"), ["ann"]);
        assert!(!importer.new.ok(&["migrate", "status"]).contains("[ ] "));
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    for importer in broken() {
        for (policy, code, expected) in
            [("abort", 3, REPAIRED.to_vec()), ("repair", 0, REPAIRED.to_vec()), ("skip", 0, SKIPPED.to_vec())]
        {
            let dry = importer.report(&["--dry-run", "--on-conflict", policy], code);
            assert_eq!(findings(&dry), expected, "{policy}");
            assert!(is_untouched(&importer), "{policy}");
        }
        let mut dry = importer.report(&["--dry-run", "--on-conflict", "repair"], 0);
        let mut real = importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!((dry["outcome"].take(), real["outcome"].take()), ("dryRun".into(), "imported".into()));
        assert_eq!(dry, real);
        let before = importer.new.everything();
        importer.report(&["--dry-run", "--on-conflict", "repair"], 0);
        assert_eq!(importer.new.everything(), before);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_repair_keeps_what_can_be_kept() {
    for importer in broken() {
        let report = importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!(findings(&report), REPAIRED);
        assert_eq!(tally(&report, "users"), [7, 3, 3, 1, 0]);
        assert_eq!(tally(&report, "customers"), [8, 2, 3, 3, 0]);
        assert_eq!(tally(&report, "clusters"), [9, 1, 7, 1, 0]);
        assert_eq!(tally(&report, "events"), [2, 0, 1, 1, 0]);
        assert_eq!(report["createdUsers"], 1);
        let users = "SELECT id || ' ' || coalesce(name, '-') || ' ' || coalesce(email, '-') || ' ' || coalesce(image, '-') \
                     || ' ' || coalesce(moment(deleted_at), '-') FROM users ORDER BY id";
        assert_eq!(
            importer.new_rows(users),
            [
                "a1 A1 same@example.com - -".to_owned(),
                "a2 A2 - - -".to_owned(),
                "ghost - - - -".to_owned(),
                "gone - deleted_gone@example.com - 2024-05-05 00:00:00.000".to_owned(),
                "good Good good@example.com https://x/g.png -".to_owned(),
                format!("long {} - - -", "n".repeat(100)),
                "reserved R - - -".to_owned(),
            ]
        );
        let customers = "SELECT id || ' ' || auth_user_id || ' ' || plan || ' ' || coalesce(stripe_customer_id, '-') || ' ' \
                         || coalesce(moment(stripe_current_period_end), '-') FROM customers ORDER BY id";
        assert_eq!(
            importer.new_rows(customers),
            [
                "1 good PRO cus_1 2099-01-01 00:00:00.000",
                "3 ghost FREE - -",
                "4 long FREE - -",
                "6 reserved PRO - 9999-12-31 23:59:59.999",
                "7 gone FREE - -",
            ]
        );
        let clusters = "SELECT id || ' ' || name || ' ' || location || ' ' || network || ' ' || plan || ' ' || status FROM \
                        k8s_cluster_configs ORDER BY id";
        assert_eq!(
            importer.new_rows(clusters),
            [
                "1 oldest eu Default FREE DELETED".to_owned(),
                "2 middle eu Default FREE DELETED".to_owned(),
                "3 newest eu Default FREE RUNNING".to_owned(),
                "4 ghosts eu Default FREE PENDING".to_owned(),
                "5 left eu Default FREE DELETED".to_owned(),
                format!("6 {} {} {} FREE PENDING", "n".repeat(100), "l".repeat(50), "w".repeat(100)),
                "7 cluster-7 unknown Default PRO PENDING".to_owned(),
                "9 fine eu Default PRO PENDING".to_owned(),
            ]
        );
        let subscriptions = "SELECT id || ' ' || auth_user_id FROM stripe_subscriptions ORDER BY id";
        assert_eq!(importer.new_rows(subscriptions), ["sub_1 good", "sub_2 good"]);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn skipping_leaves_broken_rows_out_and_all_that_hangs_on_them() {
    for importer in broken() {
        let report = importer.report(&["--on-conflict", "skip"], 0);
        assert_eq!(findings(&report), SKIPPED);
        assert_eq!(importer.new_rows("SELECT id FROM users ORDER BY id"), ["a1", "gone", "good"]);
        assert_eq!(importer.new_rows("SELECT CAST(id AS TEXT) FROM customers ORDER BY id"), ["1", "7"]);
        assert_eq!(importer.new_rows("SELECT CAST(id AS TEXT) FROM k8s_cluster_configs ORDER BY id"), ["2", "9"]);
        assert_eq!(importer.new_rows("SELECT id FROM stripe_subscriptions"), ["sub_1"]);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_second_run_with_the_same_decision_changes_nothing() {
    for policy in ["skip", "repair"] {
        for importer in broken() {
            importer.report(&["--on-conflict", policy], 0);
            let before = importer.new.everything();
            importer.report(&["--on-conflict", policy], 0);
            assert_eq!(importer.new.everything(), before, "{policy}");
        }
    }
}
