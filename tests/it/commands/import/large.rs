//! A hundred thousand users.

use super::{Importer, Shape, tally};
use crate::support::Sql;

/// Of 100,000 users every third is a customer and every one has a FREE cluster. Every hundredth has an older one too, every
/// fiftieth cluster has no plan, and every thousandth user has no row.
const ROWS: &str = r#"
    INSERT INTO "User" ("id", "name", "email")
    SELECT 'user_' || n, 'Name ' || n, 'user' || n || '@example.com' FROM generate_series(1, 100000) AS n WHERE n % 1000 <> 0;
    INSERT INTO "Customer" ("id", "authUserId", "plan", "stripeCustomerId", "createdAt", "updatedAt")
    SELECT n, 'user_' || n, 'PRO', 'cus_' || n, timestamp '2024-01-01' + n * interval '1 second', '2025-01-01'
    FROM generate_series(3, 100000, 3) AS n;
    INSERT INTO "K8sClusterConfig" ("id", "name", "location", "authUserId", "plan", "createdAt", "updatedAt", "status")
    SELECT n, 'c-' || n, 'eu', 'user_' || n, CASE WHEN n % 50 <> 0 THEN 'FREE'::"SubscriptionPlan" END,
        timestamp '2024-01-01' + n * interval '1 second', '2025-01-01', 'RUNNING' FROM generate_series(1, 100000) AS n;
    INSERT INTO "K8sClusterConfig" ("id", "name", "location", "authUserId", "createdAt", "updatedAt")
    SELECT 200000 + n, 'old-' || n, 'eu', 'user_' || n, '2023-01-01', '2023-01-01' FROM generate_series(100, 100000, 100) AS n;
"#;

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_hundred_thousand_users_are_imported_row_by_row() {
    for importer in Importer::all(Shape::Before) {
        importer.old.run(ROWS);
        let report = importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!(tally(&report, "users"), [99_900, 99_900, 0, 0, 0]);
        assert_eq!(tally(&report, "customers"), [33_333, 33_300, 33, 0, 0]);
        assert_eq!(tally(&report, "clusters"), [101_000, 98_000, 3000, 0, 0]);
        assert_eq!(report["createdUsers"], 100);
        let users = r#"SELECT 'user_' || n || CASE WHEN n % 1000 <> 0 THEN ' Name ' || n ELSE '' END
            FROM generate_series(1, 100000) AS n ORDER BY ('user_' || n) COLLATE "C""#;
        assert!(
            importer.new_rows("SELECT id || coalesce(' ' || name, '') FROM users ORDER BY id")
                == importer.old_rows(users)
        );
        let customers = r#"SELECT id || "authUserId" || moment("createdAt") FROM "Customer" ORDER BY id"#;
        let new = importer.new_rows("SELECT id || auth_user_id || moment(created_at) FROM customers ORDER BY id");
        assert!(new == importer.old_rows(customers));
        let clusters = r#"SELECT id || name || "authUserId" || CASE WHEN id > 200000 THEN 'DELETED' ELSE 'RUNNING' END || moment("createdAt")
            FROM "K8sClusterConfig" ORDER BY id"#;
        let new =
            "SELECT id || name || auth_user_id || status || moment(created_at) FROM k8s_cluster_configs ORDER BY id";
        assert!(importer.new_rows(new) == importer.old_rows(clusters));
        let mut conn = importer.new.connect();
        for (entity, live) in [("user", 100_000), ("cluster", 100_000)] {
            let counted = format!("SELECT CAST(sum(live) AS BIGINT) FROM live_counts WHERE entity = '{entity}'");
            assert_eq!(conn.number(&counted), live, "{entity}");
        }
        assert_eq!(conn.number("SELECT count(*) FROM cluster_events"), 100_000);
        let again = importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!(tally(&again, "clusters"), [101_000, 0, 0, 0, 101_000]);
    }
}
