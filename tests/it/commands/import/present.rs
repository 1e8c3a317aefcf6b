//! Databases that were used before the import.

use serde_json::Value;

use super::{Importer, Shape, tally};
use crate::support::{Backend, Sql};

const OLD: &str = r#"
    INSERT INTO "User" ("id", "name", "email") VALUES
        ('early', 'Old name', 'early@example.com'), ('left', 'Left', 'left@example.com'), ('erased', 'E', 'e@example.com'),
        ('namesake', 'N', 'taken@example.com');
    INSERT INTO "Customer" ("id", "authUserId", "plan", "stripeCustomerId", "stripeSubscriptionId", "stripePriceId") VALUES
        (1, 'namesake', 'FREE', 'cus_name', 'sub_name', NULL), (2, 'early', 'FREE', NULL, NULL, NULL), (3, 'erased', 'FREE', NULL, NULL, NULL),
        (4, 'left', 'FREE', 'cus_new', 'sub_new', NULL);
    INSERT INTO "K8sClusterConfig" ("id", "name", "location", "authUserId", "plan", "createdAt", "updatedAt") VALUES
        (10, 'mine', 'eu', 'early', 'FREE', '2024-01-01', '2024-01-01'), (11, 'left', 'eu', 'left', 'FREE', '2024-01-01', '2024-01-01'),
        (12, 'erased', 'eu', 'erased', 'FREE', '2024-01-01', '2024-01-01'), (1, 'other', 'eu', 'namesake', 'FREE', '2024-01-01', '2024-01-01');
"#;

const NEW: &str = "
    INSERT INTO users (id, name, email, created_at, updated_at, deleted_at) VALUES
        ('early', 'New name', 'new@example.com', '2026-01-01 00:00:00', '2026-01-01 00:00:00', NULL),
        ('somebody', NULL, 'taken@example.com', '2026-01-01 00:00:00', '2026-01-01 00:00:00', NULL),
        ('left', NULL, 'deleted_left@example.com', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-02 00:00:00');
    INSERT INTO user_tombstones (id, deleted_at) VALUES ('erased', '2026-01-01 00:00:00');
    INSERT INTO customers (id, auth_user_id, plan, stripe_customer_id, stripe_subscription_id, created_at, updated_at) VALUES
        (1, 'early', 'FREE', 'cus_new', 'sub_new', '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO k8s_cluster_configs (id, name, location, auth_user_id, plan, created_at, updated_at) VALUES
        (1, 'new', 'us', 'early', 'FREE', '2026-01-01 00:00:00', '2026-01-01 00:00:00');
";

fn used() -> Vec<Importer> {
    let importers = Importer::all(Shape::Before);
    for importer in &importers {
        importer.old.run(OLD);
        importer.new.ok(&["migrate", "up"]);
        importer.new.connect().run(NEW);
    }
    importers
}

fn codes(report: &Value, table: &str, id: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["table"] == table && finding["id"] == id);
    let problems = finding.unwrap_or_else(|| panic!("{table} {id} is not in {report}"))["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn rows_of_the_new_server_are_never_overwritten() {
    for importer in used() {
        let before = importer.new_rows("SELECT id || name FROM users WHERE name IS NOT NULL");
        let report = importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!(codes(&report, "Customer", "1"), ["rowIdTaken"]);
        assert_eq!(codes(&report, "Customer", "2"), ["secondCustomer"]);
        assert_eq!(codes(&report, "Customer", "4"), ["stripeCustomerTaken", "stripeSubscriptionTaken"]);
        assert_eq!(codes(&report, "K8sClusterConfig", "1"), ["rowIdTaken"]);
        assert_eq!(codes(&report, "K8sClusterConfig", "10"), ["secondCluster"]);
        assert_eq!(codes(&report, "K8sClusterConfig", "11"), ["userDeleted"]);
        assert_eq!(codes(&report, "User", "namesake"), ["emailTaken"]);
        let clusters = "SELECT id || ' ' || name || ' ' || status FROM k8s_cluster_configs ORDER BY id";
        assert_eq!(importer.new_rows(clusters), ["1 new PENDING", "10 mine DELETED", "11 left DELETED"]);
        let names = "SELECT id || name FROM users WHERE name IS NOT NULL AND id <> 'namesake'";
        assert_eq!(importer.new_rows(names), before);
        let noted = "SELECT id || ' ' || auth_user_id || ' ' || stripe_customer_id FROM stripe_subscriptions";
        assert_eq!(importer.new_rows(noted), ["sub_name namesake cus_name"], "also without a record");
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_subscription_that_was_there_first_gets_its_user() {
    for importer in used() {
        importer.new.connect().run(
            "INSERT INTO stripe_subscriptions (id, stripe_customer_id, status) VALUES ('sub_name', 'cus_name', 'active')",
        );
        let report = importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!((&report["adopted"], &report["subscriptions"]), (&1.into(), &0.into()));
        let adopted = "SELECT auth_user_id || ' ' || status FROM stripe_subscriptions";
        assert_eq!(importer.new_rows(adopted), ["namesake active"]);
        assert!(importer.new.audited()[0].contains(r#""subscriptions":1"#));
        assert_eq!(importer.report(&["--on-conflict", "repair"], 0)["adopted"], 0);
    }
}

/// How often whole tables were read.
fn scans(importer: &Importer) -> i64 {
    let mut conn = importer.new.connect();
    // A session reports what it did before it leaves the list.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while conn.number(others) > 0 {}
    conn.number(
        "SELECT CAST(sum(seq_scan) AS BIGINT) FROM pg_stat_user_tables
        WHERE relname IN ('users', 'customers', 'k8s_cluster_configs', 'stripe_subscriptions', 'user_tombstones')",
    )
}

// PostgreSQL keeps the plan that is best for a table of one row while the import fills it.
#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn tables_that_were_small_are_not_read_wholly_for_each_group_of_users() {
    for importer in used().into_iter().filter(|importer| importer.new.0.backend == Backend::Postgres) {
        importer.old.run(
            r#"INSERT INTO "User" ("id", "email") SELECT 'u' || n, n || '@example.com' FROM generate_series(1, 3000) AS n;
            INSERT INTO "Customer" ("id", "authUserId", "plan", "stripeCustomerId", "stripeSubscriptionId")
            SELECT 100 + n, 'u' || n, 'FREE', 'cus_' || n, 'sub_' || n FROM generate_series(1, 3000) AS n;
            INSERT INTO "K8sClusterConfig" ("id", "name", "location", "authUserId")
            SELECT 100 + n, 'c', 'eu', 'u' || n FROM generate_series(1, 3000) AS n"#,
        );
        importer.new.connect().run("ANALYZE");
        let before = scans(&importer);
        importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!(scans(&importer), before);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_deleted_user_does_not_come_back() {
    for importer in used() {
        let report = importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!(tally(&report, "users"), [4, 0, 1, 0, 3]);
        assert_eq!(importer.new_rows("SELECT id FROM users WHERE id = 'erased'"), Vec::<String>::new());
        assert_eq!(
            importer.new_rows("SELECT moment(deleted_at) FROM users WHERE id = 'left'"),
            ["2026-01-02 00:00:00.000"]
        );
        let rows = "SELECT CAST(id AS TEXT) FROM k8s_cluster_configs WHERE id = 12 UNION SELECT 'c' FROM customers WHERE id = 3";
        assert_eq!(importer.new_rows(rows), Vec::<String>::new());
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_user_who_is_deleted_after_the_import_stays_deleted() {
    for importer in Importer::all(Shape::Before) {
        importer.old.run(OLD);
        importer.report(&[], 0);
        importer.new.connect().run(
            "INSERT INTO user_tombstones (id, deleted_at) VALUES ('early', '2026-01-01 00:00:00');
            UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = updated_at WHERE auth_user_id = 'early';
            UPDATE k8s_cluster_configs SET auth_user_id = NULL WHERE auth_user_id = 'early';
            DELETE FROM customers WHERE auth_user_id = 'early'; DELETE FROM users WHERE id = 'early'",
        );
        let before = importer.new.everything();
        importer.report(&[], 0);
        assert_eq!(importer.new.everything(), before);
    }
}
