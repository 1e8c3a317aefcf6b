//! Databases without any conflict.

use serde_json::json;

use super::{Importer, Shape, tally};
use crate::support::Sql;

const ROWS: &str = r#"
    INSERT INTO "User" ("id", "name", "email", "image", "emailVerified") VALUES
        ('user_b', 'Bo', 'bo@example.com', 'https://x/b.png', '2024-01-01'), ('user_a', NULL, NULL, NULL, NULL),
        ('auth0|Ä', 'Ä "x"', NULL, '', NULL), ('Zoe', 'Zoe', 'zoe@example.com', NULL, NULL);
    INSERT INTO "Customer" ("id", "authUserId", "name", "plan", "stripeCustomerId", "stripeSubscriptionId", "stripePriceId",
        "stripeCurrentPeriodEnd", "createdAt", "updatedAt") VALUES
        (41, 'user_b', 'Bo Inc', 'PRO', 'cus_b', 'sub_b', 'price_b', '2099-01-02 03:04:05.678', '2024-03-01 10:00:00.001', '2024-03-02'),
        (7, 'user_a', NULL, 'FREE', NULL, NULL, NULL, NULL, '2024-02-01 10:00:00.12', '2024-02-01 10:00:00.12');
    INSERT INTO "K8sClusterConfig" ("id", "name", "location", "authUserId", "plan", "network", "createdAt", "updatedAt", "status") VALUES
        (3, 'Not Our Rule!', 'eu', 'user_b', 'FREE', 'Default', '2024-01-05 00:00:00.5', '2024-01-06', 'RUNNING'),
        (4, 'pro', 'us', 'user_b', 'PRO', NULL, '2024-01-05', '2024-01-06', NULL),
        (900, 'old', 'us', 'user_b', 'BUSINESS', 'net', '2023-01-05', '2023-01-06 07:08:09.123', 'STOPPED'),
        (6, 'contradictory', 'us', 'user_a', 'FREE', 'net', '2023-01-05', '2023-01-07', 'DELETED');
"#;

const USERS: &str =
    "SELECT id || '|' || coalesce(name, '-') || '|' || coalesce(email, '-') || '|' || coalesce(image, '-')";
const CUSTOMERS: &str = "SELECT id || '|' || auth_user_id || '|' || coalesce(name, '-') || '|' || plan || '|' || \
    coalesce(stripe_customer_id, '-') || '|' || coalesce(stripe_subscription_id, '-') || '|' || coalesce(stripe_price_id, '-') \
    || '|' || coalesce(moment(stripe_current_period_end), '-') || '|' || moment(created_at) || '|' || moment(updated_at) \
    FROM customers ORDER BY id";
const CLUSTERS: &str = "SELECT id || '|' || name || '|' || location || '|' || auth_user_id || '|' || plan || '|' || network \
    || '|' || status || '|' || moment(created_at) || '|' || moment(updated_at) || '|' || coalesce(moment(deleted_at), '-') \
    FROM k8s_cluster_configs ORDER BY id";

fn old_query(query: &str) -> String {
    let mut text = query.to_owned();
    for (new, old) in [
        ("auth_user_id", "\"authUserId\""),
        ("stripe_customer_id", "\"stripeCustomerId\""),
        ("stripe_subscription_id", "\"stripeSubscriptionId\""),
        ("stripe_price_id", "\"stripePriceId\""),
        ("stripe_current_period_end", "\"stripeCurrentPeriodEnd\""),
        ("created_at", "\"createdAt\""),
        ("updated_at", "\"updatedAt\""),
        ("FROM customers", "FROM \"Customer\""),
    ] {
        text = text.replace(new, old);
    }
    text
}

fn seeded(shape: Shape) -> Vec<Importer> {
    let importers = Importer::all(shape);
    for importer in &importers {
        importer.old.run(ROWS);
        importer.old.run(match shape {
            Shape::Before => r#"UPDATE "K8sClusterConfig" SET "delete" = true WHERE id = 900"#,
            Shape::After => {
                r#"UPDATE "K8sClusterConfig" SET "deletedAt" = '2023-05-05 01:02:03.004' WHERE id = 900;
                UPDATE "User" SET "role" = 'ADMIN' WHERE id = 'Zoe';
                INSERT INTO "StripeWebhookEvent" VALUES
                    ('evt_new', 'invoice.paid', true, now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc'),
                    ('evt_old', 'invoice.paid', true, '2024-01-01', '2024-01-01'),
                    ('evt_open', 'invoice.paid', false, now(), now());
                INSERT INTO "Account" VALUES ('1', 'user_b'), ('2', 'user_a')"#
            }
        });
    }
    importers
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn every_row_of_both_shapes_is_imported_as_it_was() {
    for (shape, deleted) in [(Shape::Before, "2023-01-06 07:08:09.123"), (Shape::After, "2023-05-05 01:02:03.004")] {
        for importer in seeded(shape) {
            let report = importer.report(&[], 0);
            assert_eq!(report["outcome"], "imported");
            assert_eq!(report["findings"], json!([]));
            for (table, rows) in [("users", 4), ("customers", 2), ("clusters", 4)] {
                assert_eq!(tally(&report, table), [rows, rows, 0, 0, 0], "{table}");
            }
            let (new, old) = (|query: &str| importer.new_rows(query), |query: &str| importer.old_rows(query));
            let users = new(&format!("{USERS} FROM users ORDER BY id"));
            assert_eq!(users, old(&format!("{USERS} FROM \"User\" ORDER BY id COLLATE \"C\"")));
            assert_eq!(new(CUSTOMERS), old(&old_query(CUSTOMERS)));
            let time = "2024-01-05 00:00:00.000";
            assert_eq!(new(CLUSTERS), [
                "3|Not Our Rule!|eu|user_b|FREE|Default|RUNNING|2024-01-05 00:00:00.500|2024-01-06 00:00:00.000|-".to_owned(),
                format!("4|pro|us|user_b|PRO|Default|PENDING|{time}|2024-01-06 00:00:00.000|-"),
                "6|contradictory|us|user_a|FREE|net|DELETED|2023-01-05 00:00:00.000|2023-01-07 00:00:00.000|2023-01-07 00:00:00.000".to_owned(),
                format!("900|old|us|user_b|BUSINESS|net|DELETED|2023-01-05 00:00:00.000|2023-01-06 07:08:09.123|{deleted}"),
            ]);
            let ran = "SELECT CAST(id AS TEXT) FROM k8s_cluster_configs WHERE has_run ORDER BY id";
            assert_eq!(new(ran), ["3", "900"], "a restored cluster that has run is STOPPED");
        }
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_user_is_as_old_as_their_oldest_row_and_keeps_the_role() {
    for (shape, role) in [(Shape::Before, "USER"), (Shape::After, "ADMIN")] {
        for importer in seeded(shape) {
            importer.report(&[], 0);
            let times = importer
                .new_rows("SELECT id || ' ' || moment(created_at) FROM users WHERE id LIKE 'user_%' ORDER BY id");
            assert_eq!(times, ["user_a 2023-01-05 00:00:00.000", "user_b 2023-01-05 00:00:00.000"]);
            assert_eq!(importer.new_rows("SELECT role FROM users WHERE id = 'Zoe'"), [role]);
            let fresh = "SELECT id FROM users WHERE id IN ('Zoe', 'auth0|Ä') AND created_at > '2026-01-01' ORDER BY id";
            assert_eq!(importer.new_rows(fresh), ["Zoe", "auth0|Ä"], "without any row, it is the time of the import");
        }
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn an_empty_email_or_id_is_none() {
    for importer in Importer::all(Shape::Before) {
        importer.old.run(
            r#"INSERT INTO "User" ("id", "email") VALUES ('ann', '');
            INSERT INTO "Customer" ("authUserId", "plan", "stripeCustomerId", "stripeSubscriptionId", "stripePriceId")
            VALUES ('ann', 'FREE', '', '', '')"#,
        );
        importer.report(&[], 0);
        let without = "SELECT u.id FROM users u JOIN customers c ON c.auth_user_id = u.id WHERE u.email IS NULL
            AND stripe_customer_id IS NULL AND stripe_subscription_id IS NULL AND stripe_price_id IS NULL";
        assert_eq!(importer.new_rows(without), ["ann"]);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn new_rows_get_greater_numbers() {
    for importer in seeded(Shape::Before) {
        // The greatest number is that of a row that is skipped.
        importer.old.run(r#"INSERT INTO "Customer" ("id", "authUserId", "plan") VALUES (5000, 'Zoe', NULL)"#);
        importer.report(&["--on-conflict", "skip"], 0);
        let mut conn = importer.new.connect();
        conn.run(
            "INSERT INTO customers (auth_user_id, created_at, updated_at) VALUES ('Zoe', '2026-01-01', '2026-01-01');
            INSERT INTO k8s_cluster_configs (name, location, auth_user_id, created_at, updated_at)
            VALUES ('a', 'b', 'Zoe', '2026-01-01', '2026-01-01')",
        );
        assert_eq!(conn.number("SELECT max(id) FROM customers"), 5001);
        assert_eq!(conn.number("SELECT max(id) FROM k8s_cluster_configs"), 901);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn an_import_that_is_repeated_changes_nothing() {
    for shape in [Shape::Before, Shape::After] {
        for importer in seeded(shape) {
            importer.report(&[], 0);
            // The data is used in the meantime.
            importer.new.connect().run(
                "UPDATE users SET name = 'Bob' WHERE id = 'user_b';
                UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = updated_at WHERE id = 3",
            );
            let before = importer.new.everything();
            let report = importer.report(&[], 0);
            assert_eq!(importer.new.everything(), before);
            for (table, rows) in [("users", 4), ("customers", 2), ("clusters", 4)] {
                assert_eq!(tally(&report, table), [rows, 0, 0, 0, rows], "{table}");
            }
            let text = importer.run(&[]);
            assert!(text.code == 0 && text.output.ends_with("There was nothing to import.\n"), "{}", text.output);
        }
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn processed_events_are_known_and_accounts_are_only_counted() {
    for importer in seeded(Shape::After) {
        let report = importer.report(&[], 0);
        assert_eq!(tally(&report, "events"), [1, 1, 0, 0, 0]);
        for (field, number) in [("accounts", 2), ("oldEvents", 1), ("openEvents", 1), ("subscriptions", 1)] {
            assert_eq!(report[field], number, "{field}");
        }
        let events = importer.new_rows("SELECT id || ' ' || kind FROM stripe_events WHERE processed_at IS NOT NULL");
        assert_eq!(events, ["evt_new invoice.paid"]);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn an_event_of_the_future_was_processed_by_now() {
    for importer in seeded(Shape::After) {
        importer.old.run(r#"UPDATE "StripeWebhookEvent" SET "updatedAt" = 'infinity' WHERE "id" = 'evt_new'"#);
        importer.report(&[], 0);
        let purged_in_time = "SELECT id FROM stripe_events WHERE processed_at < '2100-01-01 00:00:00'";
        assert_eq!(importer.new_rows(purged_in_time), ["evt_new"]);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn one_audit_entry_has_the_numbers() {
    for importer in seeded(Shape::After) {
        importer.report(&[], 0);
        let detail = r#"{"users":4,"customers":2,"clusters":4,"subscriptions":1,"events":1}"#;
        assert_eq!(importer.new.audited(), [format!("import database old {detail}")]);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn the_schema_of_the_url_is_read() {
    for importer in seeded(Shape::Before) {
        importer.old.run("ALTER SCHEMA public RENAME TO \"My Shop\"; CREATE SCHEMA public");
        let url = importer.old.url().replace("schema=public", "schema=My%20Shop");
        let run = importer.new.run(&["import", "--from", &url]);
        assert_eq!((run.code, importer.new_rows("SELECT id FROM users").len()), (0, 4), "{}", run.errors);
    }
}
