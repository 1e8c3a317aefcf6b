//! Rows that no constraint of either shape keeps out, and what becomes of them.

use super::{Importer, Shape, conflicts::findings};

/// In the older shape, whose events nobody kept.
const EVENTS: &str = r#"
    CREATE TABLE IF NOT EXISTS "StripeWebhookEvent" (
        "id" text PRIMARY KEY, "eventType" text NOT NULL, "processed" boolean NOT NULL, "createdAt" timestamp(3) NOT NULL,
        "updatedAt" timestamp(3) NOT NULL
    );
    INSERT INTO "StripeWebhookEvent" VALUES ('', 'invoice.paid', true, now(), now());
"#;

const ROWS: &str = r#"
    INSERT INTO "User" ("id", "name", "email") VALUES
        ('good', 'Good', 'good@example.com'), ('other', NULL, NULL), (E'bell\u0007', NULL, NULL), (repeat('u', 256), NULL, NULL),
        ('', NULL, NULL), ('long', repeat('n', 101), repeat('e', 321)), ('reserved', NULL, 'deleted_x@example.com');
    INSERT INTO "Customer" ("id", "authUserId", "plan", "stripeCustomerId", "stripeSubscriptionId", "stripePriceId",
        "createdAt", "updatedAt") VALUES
        (1, 'good', NULL, repeat('c', 256), repeat('s', 256), repeat('p', 256), '2024-01-01', '2024-01-01'),
        (2, E'bell\u0007', 'FREE', NULL, NULL, NULL, '2024-01-01', '2024-01-01'),
        (-7, 'other', 'FREE', NULL, NULL, NULL, '2024-01-01', '2024-01-01');
    INSERT INTO "K8sClusterConfig" ("id", "name", "location", "authUserId", "plan", "createdAt", "updatedAt", "status") VALUES
        (1, 'older', 'eu', 'good', NULL, '2024-01-01', '2024-01-01', 'RUNNING'),
        (2, 'newer', 'eu', 'good', NULL, '2024-02-01', '2024-02-01', 'RUNNING'),
        (3, 'odd', 'eu', 'good', 'PRO', '-infinity', '2024-01-01', 'STOPPED'),
        (4, repeat('n', 101), '', 'other', 'FREE', '2024-01-01', '2024-01-01', 'PENDING'),
        (0, 'zero', 'eu', 'other', 'PRO', '2024-01-01', '2024-01-01', 'PENDING'),
        (-5, 'minus', 'eu', 'other', 'BUSINESS', '2024-01-01', '2024-01-01', 'PENDING'),
        (6, 'bell', 'eu', E'bell\u0007', 'FREE', '2024-01-01', '2024-01-01', 'PENDING'),
        (7, 'long', 'eu', repeat('u', 256), 'FREE', '2024-01-01', '2024-01-01', 'PENDING');
"#;

const FOUND: [&str; 17] = [
    "Customer -7 rowId skipped",
    "Customer 1 noPlan,tooLong repaired",
    "Customer 2 userId skipped",
    "K8sClusterConfig -5 rowId skipped",
    "K8sClusterConfig 0 rowId skipped",
    "K8sClusterConfig 1 noPlan,secondCluster repaired",
    "K8sClusterConfig 2 noPlan repaired",
    "K8sClusterConfig 3 time repaired",
    "K8sClusterConfig 4 empty,tooLong repaired",
    "K8sClusterConfig 6 userId skipped",
    "K8sClusterConfig 7 userId skipped",
    "StripeWebhookEvent  eventId skipped",
    "User  userId skipped",
    "User bell\u{7} userId skipped",
    "User long tooLong repaired",
    "User reserved emailReserved repaired",
    "User uuuuuuuuu userId skipped",
];

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn rare_rows_of_both_shapes_are_repaired_or_skipped() {
    for importer in [Shape::Before, Shape::After].into_iter().flat_map(Importer::all) {
        importer.old.run(EVENTS);
        importer.old.run(ROWS);
        assert_eq!(findings(&importer.report(&[], 3)), FOUND);
        assert_eq!(findings(&importer.report(&["--on-conflict", "repair"], 0)), FOUND);
        let users = "SELECT id || ' ' || coalesce(email, '-') || ' ' || CAST(length(coalesce(name, '')) AS TEXT) FROM users ORDER BY id";
        assert_eq!(importer.new_rows(users), ["good good@example.com 4", "long - 100", "other - 0", "reserved - 0"]);
        let customers = "SELECT id || ' ' || plan || ' ' || coalesce(stripe_customer_id, stripe_subscription_id, stripe_price_id, '-') \
                         FROM customers";
        assert_eq!(importer.new_rows(customers), ["1 FREE -"]);
        let clusters = "SELECT id || ' ' || plan || ' ' || status || ' ' || location || ' ' || moment(created_at) \
                        FROM k8s_cluster_configs ORDER BY id";
        assert_eq!(
            importer.new_rows(clusters),
            [
                "1 FREE DELETED eu 2024-01-01 00:00:00.000",
                "2 FREE RUNNING eu 2024-02-01 00:00:00.000",
                "3 PRO STOPPED eu 0001-01-01 00:00:00.000",
                "4 FREE PENDING unknown 2024-01-01 00:00:00.000",
            ]
        );
        assert!(importer.new_rows("SELECT id FROM stripe_events").is_empty());
        let before = importer.new.everything();
        importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!(importer.new.everything(), before);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn rare_rows_of_both_shapes_can_be_left_out() {
    for importer in [Shape::Before, Shape::After].into_iter().flat_map(Importer::all) {
        importer.old.run(EVENTS);
        importer.old.run(ROWS);
        let left_out = importer.report(&["--on-conflict", "skip"], 0);
        assert!(findings(&left_out).iter().all(|line| line.ends_with(" skipped")));
        assert_eq!(importer.new_rows("SELECT id FROM users ORDER BY id"), ["good", "other"]);
        for table in ["customers", "k8s_cluster_configs", "stripe_subscriptions", "stripe_events"] {
            assert!(importer.new_rows(&format!("SELECT CAST(id AS TEXT) FROM {table}")).is_empty(), "{table}");
        }
    }
}
