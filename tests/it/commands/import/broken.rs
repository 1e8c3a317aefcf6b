//! An old database with every kind of broken row.

use super::{Importer, OldServer, Shape};

/// The constraints that keep some of these rows out. A database that `prisma db push` made may lack them.
const CONSTRAINTS: &str = r#"
    ALTER TABLE "User" DROP CONSTRAINT "User_email_key";
    ALTER TABLE "Customer" DROP CONSTRAINT "Customer_stripeCustomerId_key", DROP CONSTRAINT "Customer_stripeSubscriptionId_key";
    CREATE TABLE "StripeWebhookEvent" (
        "id" text PRIMARY KEY, "eventType" text NOT NULL, "processed" boolean NOT NULL, "createdAt" timestamp(3) NOT NULL,
        "updatedAt" timestamp(3) NOT NULL
    );
"#;

const USERS: &str = r#"
    INSERT INTO "User" ("id", "name", "email", "image") VALUES
        ('good', 'Good', 'good@example.com', 'https://x/g.png'),
        ('a1', 'A1', 'same@example.com', NULL),
        ('a2', 'A2', 'same@example.com', NULL),
        ('gone', 'Gone', 'deleted_gone@example.com', 'https://x/g.png'),
        ('long', repeat('n', 101), repeat('e', 321), repeat('i', 2049)),
        ('reserved', 'R', 'deleted_x@example.com', NULL),
        (' spaced', 'S', 's@example.com', NULL);
"#;

const CUSTOMERS: &str = r#"
    INSERT INTO "Customer" ("id", "authUserId", "name", "plan", "stripeCustomerId", "stripeSubscriptionId", "stripePriceId",
        "stripeCurrentPeriodEnd", "createdAt", "updatedAt") VALUES
        (1, 'good', NULL, 'PRO', 'cus_1', 'sub_1', 'price_1', '2099-01-01', '2024-01-01', '2024-01-01'),
        (2, 'good', NULL, 'FREE', 'cus_2', 'sub_2', NULL, NULL, '2024-06-01', '2024-06-01'),
        (3, 'ghost', NULL, 'FREE', NULL, NULL, NULL, NULL, '2024-01-03', '2024-01-03'),
        (4, 'long', repeat('c', 101), NULL, 'cus_1', 'sub_1', repeat('p', 256), NULL, '2024-01-01', '2024-01-01'),
        (5, ' spaced', NULL, 'FREE', NULL, NULL, NULL, NULL, '2024-01-01', '2024-01-01'),
        (-1, 'a2', NULL, 'FREE', NULL, NULL, NULL, NULL, '2024-01-01', '2024-01-01'),
        (6, 'reserved', NULL, 'PRO', NULL, NULL, NULL, 'infinity', '2024-01-01', '2024-01-01'),
        (7, 'gone', NULL, 'FREE', NULL, NULL, NULL, NULL, '2024-01-01', '2024-05-05');
"#;

const CLUSTERS: &str = r#"
    INSERT INTO "K8sClusterConfig" ("id", "name", "location", "authUserId", "plan", "network", "createdAt", "updatedAt", "status")
    VALUES
        (1, 'oldest', 'eu', 'good', 'FREE', NULL, '2024-01-01', '2024-01-01', 'RUNNING'),
        (2, 'middle', 'eu', 'good', 'FREE', NULL, '2024-02-01', '2024-02-01', 'PENDING'),
        (3, 'newest', 'eu', 'good', NULL, NULL, '2024-03-01', '2024-03-01', 'RUNNING'),
        (4, 'ghosts', 'eu', 'ghost', 'FREE', NULL, '2024-01-01', '2024-01-01', 'PENDING'),
        (5, 'left', 'eu', 'gone', 'FREE', NULL, '2024-01-01', '2024-01-01', 'PENDING'),
        (6, repeat('n', 101), repeat('l', 51), 'a1', 'FREE', repeat('w', 101), '2024-01-01', '2024-01-01', 'PENDING'),
        (7, '', '', 'a1', 'PRO', '', '2024-01-01', '2024-01-01', 'PENDING'),
        (8, 'spaced', 'eu', ' spaced', 'FREE', NULL, '2024-01-01', '2024-01-01', 'PENDING'),
        (9, 'fine', 'eu', 'good', 'PRO', NULL, '2024-01-01', '2024-01-01', 'PENDING');
    INSERT INTO "StripeWebhookEvent" VALUES
        ('evt_1', repeat('k', 101), true, now(), now()), (repeat('x', 256), 'invoice.paid', true, now(), now());
"#;

impl OldServer {
    /// Adds rows of every kind that can be broken by itself.
    pub fn add_broken_rows(&self) {
        for statements in [CONSTRAINTS, USERS, CUSTOMERS, CLUSTERS] {
            self.run(statements);
        }
    }
}

/// Importers of such a database.
pub fn broken() -> Vec<Importer> {
    let importers = Importer::all(Shape::Before);
    importers.iter().for_each(|importer| importer.old.add_broken_rows());
    importers
}
