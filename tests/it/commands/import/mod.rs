//! `clusterdesk import`, from old databases in both shapes, into both databases.

mod billing;
mod broken;
mod conflicts;
mod interrupted;
mod large;
mod present;
mod rare;
mod refusals;
mod served;
mod shapes;

use serde_json::Value;

use super::{CommandOutput, Operator};
use crate::support::{Backend, Sql, TestDatabase};

/// Which of its two forms the old server's database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Deletion is a flag, there are no foreign keys, and users have no role.
    Before,
    /// Deletion is a time.
    After,
}

/// The old server's database.
struct OldServer {
    database: TestDatabase,
}

/// An old database and a new one that does not exist yet.
struct Importer {
    old: OldServer,
    new: Operator,
}

const TYPES: &str = r#"
    CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');
    CREATE TYPE "SubscriptionPlan" AS ENUM ('FREE', 'PRO', 'BUSINESS');
    CREATE TYPE "Status" AS ENUM ('PENDING', 'CREATING', 'INITING', 'RUNNING', 'STOPPED', 'DELETED');
"#;

const TABLES: &str = r#"
    CREATE TABLE "User" (
        "id" text PRIMARY KEY, "name" text, "email" text CONSTRAINT "User_email_key" UNIQUE,
        "emailVerified" timestamp(3), "image" text
    );
    CREATE TABLE "Customer" (
        "id" serial PRIMARY KEY, "authUserId" text NOT NULL, "name" text, "plan" "SubscriptionPlan",
        "stripeCustomerId" text CONSTRAINT "Customer_stripeCustomerId_key" UNIQUE,
        "stripeSubscriptionId" text CONSTRAINT "Customer_stripeSubscriptionId_key" UNIQUE,
        "stripePriceId" text, "stripeCurrentPeriodEnd" timestamp(3),
        "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    CREATE TABLE "K8sClusterConfig" (
        "id" serial PRIMARY KEY, "name" text NOT NULL, "location" text NOT NULL, "authUserId" text NOT NULL,
        "plan" "SubscriptionPlan" DEFAULT 'FREE', "network" text,
        "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
        "status" "Status" DEFAULT 'PENDING'
    );
    CREATE TABLE "_prisma_migrations" (id text);
"#;

const BEFORE: &str = r#"
    ALTER TABLE "K8sClusterConfig" ADD COLUMN "delete" boolean DEFAULT false;
"#;

const AFTER: &str = r#"
    ALTER TABLE "User" ADD COLUMN "role" "Role" NOT NULL DEFAULT 'USER';
    ALTER TABLE "K8sClusterConfig" ADD COLUMN "deletedAt" timestamp(3);
    ALTER TABLE "Customer" ADD UNIQUE ("authUserId");
    ALTER TABLE "Customer" ADD FOREIGN KEY ("authUserId") REFERENCES "User" ("id") ON DELETE RESTRICT ON UPDATE CASCADE;
    ALTER TABLE "K8sClusterConfig" ADD FOREIGN KEY ("authUserId") REFERENCES "User" ("id") ON DELETE RESTRICT ON UPDATE CASCADE;
    CREATE UNIQUE INDEX ON "K8sClusterConfig" ("plan", "authUserId") WHERE "deletedAt" IS NULL;
    CREATE TABLE "StripeWebhookEvent" (
        "id" text PRIMARY KEY, "eventType" text NOT NULL, "processed" boolean NOT NULL DEFAULT false,
        "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    CREATE TABLE "Account" ("id" text PRIMARY KEY, "userId" text);
"#;

impl OldServer {
    fn new(shape: Shape) -> Self {
        let old = Self { database: Backend::Postgres.empty_database() };
        old.run(TYPES);
        old.run(TABLES);
        old.run(if shape == Shape::Before { BEFORE } else { AFTER });
        old
    }

    fn run(&self, statements: &str) {
        self.database.connect().run(statements);
    }

    fn texts(&self, query: &str) -> Vec<String> {
        self.database.connect().texts(query)
    }

    /// The URL as Prisma writes it.
    fn url(&self) -> String {
        format!("{}&schema=public&pgbouncer=true&connection_limit=1&pool_timeout=20", self.database.url)
    }
}

impl Importer {
    /// An importer for each target, with empty old databases, which are on PostgreSQL.
    fn all(shape: Shape) -> Vec<Self> {
        let targets = [Backend::Sqlite, Backend::Postgres].into_iter();
        targets.map(|target| Self { old: OldServer::new(shape), new: Operator(target.empty_database()) }).collect()
    }

    fn run(&self, options: &[&str]) -> CommandOutput {
        self.new.run(&[&["import", "--from", &self.old.url()], options].concat())
    }

    /// Runs an import that must end with this status. Returns its report.
    fn report(&self, options: &[&str], code: i32) -> Value {
        let run = self.run(&[&["--json"], options].concat());
        assert_eq!(run.code, code, "{options:?}: {}{}", run.output, run.errors);
        serde_json::from_str(&run.output).unwrap_or_else(|error| panic!("{error}: {}", run.output))
    }

    /// The rows of a query on the new database, in which `moment(column)` is a time as text.
    fn new_rows(&self, query: &str) -> Vec<String> {
        self.new.connect().texts(&with_moments(self.new.0.backend, query))
    }

    /// The rows of a query on the old database, with `moment(column)` as well.
    fn old_rows(&self, query: &str) -> Vec<String> {
        self.old.texts(&with_moments(Backend::Postgres, query))
    }
}

/// Replaces `moment(column)` by the text of a time with milliseconds.
fn with_moments(backend: Backend, query: &str) -> String {
    match backend {
        Backend::Sqlite => query.replace("moment(", "strftime('%Y-%m-%d %H:%M:%f', "),
        Backend::Postgres => {
            let mut parts = query.split("moment(");
            let mut text = parts.next().unwrap().to_owned();
            for part in parts {
                let (column, rest) = part.split_once(')').unwrap();
                text += &format!("to_char({column}, 'YYYY-MM-DD HH24:MI:SS.MS'){rest}");
            }
            text
        }
    }
}

/// The numbers of one table in a report: read, imported, repaired, skipped, already there.
fn tally(report: &Value, table: &str) -> [u64; 5] {
    ["read", "imported", "repaired", "skipped", "alreadyThere"].map(|name| report[table][name].as_u64().unwrap())
}
