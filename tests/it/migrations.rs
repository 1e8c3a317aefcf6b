//! Migrations from an empty database to the current version, and back.

use std::{collections::BTreeMap, fs, path::Path, thread};

use clusterdesk::db::{DbConnection, migrations::Migrations};
use serde_json::{Value, json};

use crate::support::{Backend, Builder, On, Process, Sql, TestDatabase, both_databases, schema};

/// A database without any migration applied.
struct Empty(TestDatabase);

impl On for Empty {
    async fn on(backend: Backend) -> Self {
        Self(backend.empty_database())
    }
}

impl Empty {
    fn migrations(&self) -> Migrations {
        Migrations::open(&self.0.address()).unwrap()
    }
}

/// The data that a down migration loses because it drops columns: migration, table, and the columns. No columns mean the
/// whole table.
const LOST: [(&str, &str, &[&str]); 32] = [
    ("roles", "users", &["role"]),
    // The up migration fills these with estimates.
    ("soft_delete", "users", &["created_at", "updated_at", "deleted_at"]),
    ("api_tokens", "api_tokens", &[]),
    ("audit_log", "audit_log", &[]),
    ("user_tombstones", "user_tombstones", &[]),
    ("live_counts", "live_counts", &[]),
    ("cluster_events", "cluster_events", &[]),
    ("stripe_events", "stripe_events", &[]),
    ("stripe_events", "stripe_subscriptions", &[]),
    ("stripe_events", "customers", &["stripe_cancel_at_period_end"]),
    ("gone_stripe_customers", "gone_stripe_customers", &[]),
    ("stored_answers", "stored_answers", &[]),
    ("activity_counts", "audit_counts", &[]),
    ("activity_counts", "paid_period_counts", &[]),
    ("retention", "log_starts", &[]),
    ("audit_seals", "audit_seals", &[]),
    ("series", "cluster_days", &[]),
    ("series", "sign_up_days", &[]),
    ("more_series", "active_users", &[]),
    ("more_series", "active_days", &[]),
    ("more_series", "payments", &[]),
    ("more_series", "revenue_months", &[]),
    ("more_series", "webhook_failure_days", &[]),
    ("scheduled_jobs", "scheduled_jobs", &[]),
    ("rate_limits", "rate_limits", &[]),
    ("audit_origin", "audit_log", &["client_address", "token_id", "door"]),
    ("token_uses", "api_tokens", &["hint", "last_used_at", "last_used_address"]),
    ("service_scope", "api_tokens", &["scope"]),
    ("sessions", "sessions", &[]),
    ("sessions", "sign_in_links", &[]),
    ("used_sign_ins", "used_sign_ins", &[]),
    ("initial_schema", "", &[]),
];

/// The rows that are inserted after a migration. They have the flaws of real data: owners without a user, missing plans
/// and statuses, two live clusters on one plan, a deleted user, and ids that were used and freed.
const ROWS: [(&str, &str); 17] = [
    (
        "initial_schema",
        "INSERT INTO users VALUES ('u1', 'Ann', 'a@x', 'i'), ('u2', NULL, NULL, NULL), ('u9', NULL, 'deleted_u9@example.com', NULL);
        INSERT INTO customers (auth_user_id, name, plan, stripe_customer_id, created_at, updated_at) VALUES
            ('u1', 'c', NULL, 'cus1', '2024-02-01 10:00:00.123', '2024-02-02 10:00:00'),
            ('orphan1', NULL, 'PRO', NULL, '2024-02-02 10:00:00', '2024-02-02 10:00:00');
        INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, network, status, created_at, updated_at, \"delete\") VALUES
            ('running', 'eu', 'u1', 'FREE', 'n1', 'RUNNING', '2024-02-03 10:00:00', '2024-02-04 10:00:00', false),
            ('older', 'eu', 'u1', NULL, NULL, NULL, '2024-02-02 10:00:00', '2024-02-04 10:00:00', false),
            ('flagged', 'eu', 'u1', 'PRO', NULL, 'STOPPED', '2024-02-02 10:00:00', '2024-02-05 10:00:00.123', true),
            ('creating', 'eu', 'u1', 'PRO', NULL, 'CREATING', '2024-02-02 10:00:00', '2024-02-04 10:00:00', false),
            ('marked', 'eu', 'orphan2', 'PRO', 'x', 'DELETED', '2024-02-02 10:00:00', '2024-02-06 10:00:00', false),
            ('pending', 'eu', 'u2', 'PRO', 'x', 'PENDING', '2024-02-02 10:00:00', '2024-02-06 10:00:00', false),
            ('gone', 'eu', 'u2', 'BUSINESS', 'x', 'PENDING', '2024-02-02 10:00:00', '2024-02-06 10:00:00', false);
        DELETE FROM k8s_cluster_configs WHERE name = 'gone';",
    ),
    ("roles", "UPDATE users SET role = 'ADMIN' WHERE id = 'u1';"),
    (
        "soft_delete",
        "INSERT INTO k8s_cluster_configs
            (name, location, auth_user_id, plan, network, status, has_run, created_at, updated_at, deleted_at) VALUES
            ('history', 'eu', NULL, 'PRO', 'x', 'DELETED', true, '2024-02-02 10:00:00', '2024-02-06 10:00:00', '2024-02-06 10:00:00'),
            ('stopped', 'eu', 'u2', 'FREE', 'x', 'STOPPED', true, '2024-02-02 10:00:00', '2024-02-06 10:00:00', NULL);",
    ),
    (
        "api_tokens",
        "INSERT INTO api_tokens (user_id, name, hash, scope, created_at) VALUES
            ('u1', 't', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'read', '2024-02-03 10:00:00');",
    ),
    (
        "audit_log",
        "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id) VALUES
            ('2024-02-03 10:00:00', 'u1', 'user.delete', 'user', 'gone', '{}', 'r'),
            ('2024-02-04 10:00:00', 'u1', 'user.delete', 'user', 'u1', '{}', 'r');",
    ),
    (
        "stripe_events",
        "INSERT INTO stripe_events (id, kind, created_at, received_at, processed_at, attempts, payload) VALUES
            ('evt_1', 'invoice.paid', '2024-02-03 10:00:00', '2024-02-03 10:00:00', '2024-02-03 10:00:00', 1, '{}');
        INSERT INTO stripe_subscriptions (id, auth_user_id) VALUES ('sub_1', 'u1');
        UPDATE customers SET stripe_cancel_at_period_end = true;",
    ),
    (
        "gone_stripe_customers",
        "INSERT INTO gone_stripe_customers (id, auth_user_id, gone_at) VALUES ('cus_0', 'u1', '2024-02-03 10:00:00');",
    ),
    (
        "stored_answers",
        "INSERT INTO stored_answers (user_id, idempotency_key, fingerprint, output, created_at) VALUES
            ('u1', 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{}', '2024-02-03 10:00:00');",
    ),
    ("audit_seals", "INSERT INTO audit_seals (id, hash) VALUES (1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');"),
    ("scheduled_jobs", "INSERT INTO scheduled_jobs (name, started_at) VALUES ('purge', '2024-02-03 10:00:00');"),
    ("rate_limits", "INSERT INTO rate_limits (key, full_at, taken, counted_at) VALUES ('k', 1, 1, 0);"),
    ("token_uses", "UPDATE api_tokens SET hint = 'abc', last_used_at = '2024-02-03 10:00:00', last_used_address = '::1';"),
    (
        "sessions",
        "INSERT INTO sessions (user_id, hash, created_at, expires_at, last_used_at) VALUES
            ('u1', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '2024-02-03 10:00:00', '2024-02-03 10:00:00', '2024-02-03 10:00:00');
        INSERT INTO sign_in_links (hash, user_id, expires_at) VALUES
            ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'u1', '2024-02-03 10:00:00');",
    ),
    (
        "more_series",
        "INSERT INTO payments (invoice_id, paid_at, plan, currency, amount) VALUES
            ('in_1', '2024-02-03 10:00:00', 'PRO', 'USD', 1);",
    ),
    (
        "used_sign_ins",
        "INSERT INTO used_sign_ins (hash, expires_at) VALUES
            ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '2024-02-03 10:00:00');",
    ),
    ("service_scope", "UPDATE api_tokens SET scope = 'service';"),
    ("retention", "INSERT INTO log_starts (log, through) VALUES ('cluster_events', 0);"),
];

/// `2024-11-20-000000_soft_delete` → `soft_delete`
fn short_name(name: &str) -> &str {
    name.split_once('_').unwrap().1
}

fn all_rows(conn: &mut DbConnection) -> BTreeMap<String, Vec<Value>> {
    conn.tables().into_iter().map(|table| (table.clone(), conn.rows(&table))).collect()
}

/// The rows without the data that this down migration loses.
fn without_lost(mut tables: BTreeMap<String, Vec<Value>>, step: &str) -> BTreeMap<String, Vec<Value>> {
    for (_, table, columns) in LOST.iter().filter(|(lossy, ..)| *lossy == step) {
        if columns.is_empty() {
            tables.remove(*table);
        } else if let Some(rows) = tables.get_mut(*table) {
            rows.iter_mut()
                .for_each(|row| columns.iter().for_each(|column| drop(row.as_object_mut().unwrap().remove(*column))));
        }
    }
    if step == "initial_schema" { BTreeMap::new() } else { tables }
}

fn ids(rows: &[Value]) -> Vec<&Value> {
    rows.iter().map(|row| row.get("id").unwrap_or(&row["live"])).collect()
}

both_databases! {
    async fn every_migration_goes_up_down_and_up_again_and_keeps_the_rows(empty: Empty) {
        let (mut migrations, mut conn) = (empty.migrations(), empty.0.connect());
        let steps: Vec<String> = migrations.status().unwrap().into_iter().map(|status| status.name).collect();
        for name in &steps {
            let (schema_before, rows_before) = (schema(&mut conn), all_rows(&mut conn));
            assert_eq!(migrations.up(1).unwrap(), [name.as_str()]);
            let schema_after = schema(&mut conn);
            if let Some((_, rows)) = ROWS.iter().find(|(step, _)| *step == short_name(name)) {
                conn.run(rows);
            }
            let rows_after = all_rows(&mut conn);

            assert_eq!(migrations.down(1).unwrap(), [name.as_str()]);
            assert_eq!(schema(&mut conn), schema_before, "{name} after down");
            let rows_down = all_rows(&mut conn);
            for (table, rows) in &rows_before {
                let kept = ids(&rows_down[table]);
                assert!(ids(rows).iter().all(|id| kept.contains(id)), "{name} down loses rows of {table}");
            }

            assert_eq!(migrations.up(1).unwrap(), [name.as_str()]);
            assert_eq!(schema(&mut conn), schema_after, "{name} after up again");
            let step = short_name(name);
            assert_eq!(without_lost(all_rows(&mut conn), step), without_lost(rows_after, step), "{name} after up again");
            if let Some((_, rows)) = ROWS.iter().find(|(step, _)| *step == short_name(name) && loses_its_rows(step)) {
                conn.run(rows);
            }
        }
        assert_eq!(migrations.up(usize::MAX).unwrap(), Vec::<String>::new());
        assert_eq!(conn.number("SELECT count(*) FROM api_tokens"), 1);
        assert_eq!(conn.texts("SELECT id FROM user_tombstones"), ["gone"], "the users that the audit log shows as deleted");
        // An id is never reused, although migrations rebuild the table.
        conn.run("INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, created_at, updated_at)
            VALUES ('new', 'eu', 'u9', 'PRO', '2024-02-02 10:00:00', '2024-02-02 10:00:00')");
        assert!(conn.number("SELECT id FROM k8s_cluster_configs WHERE name = 'new'") > 9);
    }

    async fn no_token_gets_the_id_of_another_after_their_table_was_rebuilt(empty: Empty) {
        let (mut migrations, mut conn) = (empty.migrations(), empty.0.connect());
        let token = |hash: &str, conn: &mut DbConnection| {
            let hash = hash.repeat(64);
            conn.run(&format!("INSERT INTO api_tokens (user_id, name, hash, scope, created_at)
                VALUES ('u1', 't', '{hash}', 'service', '2024-02-03 10:00:00')"));
            conn.number(&format!("SELECT id FROM api_tokens WHERE hash = '{hash}'"))
        };
        migrations.up(usize::MAX).unwrap();
        conn.run("INSERT INTO users (id, created_at, updated_at) VALUES ('u1', '2024-01-01', '2024-01-01')");
        assert_eq!((token("a", &mut conn), token("b", &mut conn)), (1, 2));
        conn.run("DELETE FROM api_tokens WHERE id = 2");
        while migrations.status().unwrap().iter().any(|step| step.applied && step.name.ends_with("service_scope")) {
            migrations.down(1).unwrap();
        }
        // The older server knows no tokens for services.
        assert_eq!(conn.texts("SELECT scope FROM api_tokens"), ["write"]);
        conn.run("DELETE FROM api_tokens");
        migrations.up(usize::MAX).unwrap();
        assert_eq!(token("c", &mut conn), 3);
    }

    async fn the_soft_delete_migration_turns_the_flag_into_a_timestamp_and_back(empty: Empty) {
        let (mut migrations, mut conn) = (empty.migrations(), empty.0.connect());
        migrations.up(1).unwrap();
        conn.run(ROWS[0].1);
        migrations.up(3).unwrap();
        let row = |name: &str, conn: &mut DbConnection| {
            let rows = conn.rows("k8s_cluster_configs");
            rows.into_iter().find(|row| row["name"] == name).unwrap()
        };
        let flagged = row("flagged", &mut conn);
        assert_eq!(flagged["deleted_at"], flagged["updated_at"]);
        assert!(flagged["deleted_at"].as_str().unwrap().contains("10:00:00.123"), "{flagged}");
        assert_eq!((&flagged["status"], as_bool(&flagged["has_run"])), (&json!("DELETED"), true));
        let older = row("older", &mut conn);
        assert_eq!((&older["plan"], &older["status"], &older["network"]), (&json!("FREE"), &json!("PENDING"), &json!("Default")));
        assert_eq!(older["deleted_at"], Value::Null, "the oldest cluster on a plan stays live");
        let running = row("running", &mut conn);
        assert_eq!((&running["status"], as_bool(&running["has_run"])), (&json!("DELETED"), true), "the newer cluster on a plan is deleted");
        assert_eq!(row("marked", &mut conn)["status"], "DELETED");
        assert_eq!(row("pending", &mut conn)["deleted_at"], Value::Null);
        let orphans = "SELECT id FROM users WHERE id LIKE 'orphan%' ORDER BY id";
        assert_eq!(conn.texts(orphans), ["orphan1", "orphan2"], "missing owners get a row");
        assert_ne!(user(&mut conn, "u9")["deleted_at"], Value::Null, "recognized as deleted by the email address");
        assert_eq!(user(&mut conn, "u1")["deleted_at"], Value::Null);
        conn.run("UPDATE k8s_cluster_configs SET auth_user_id = NULL, deleted_at = '2024-02-07 10:00:00.777' WHERE name = 'marked'");

        migrations.down(1).unwrap();
        let flagged = row("flagged", &mut conn);
        assert_eq!((as_bool(&flagged["delete"]), &flagged["status"]), (true, &json!("STOPPED")));
        assert!(flagged["updated_at"].as_str().unwrap().contains("10:00:00.123"), "{flagged}");
        assert!(!as_bool(&row("pending", &mut conn)["delete"]));
        let marked = row("marked", &mut conn);
        assert_eq!((as_bool(&marked["delete"]), &marked["auth_user_id"]), (true, &json!("(no owner)")));
        assert!(marked["updated_at"].as_str().unwrap().ends_with("10:00:00.777"), "{marked}");

        migrations.up(1).unwrap();
        assert_eq!(row("marked", &mut conn)["auth_user_id"], Value::Null, "the placeholder owner is removed again");
        assert_eq!(conn.number("SELECT count(*) FROM users WHERE id = '(no owner)'"), 0);
    }

    async fn reverting_all_migrations_leaves_an_empty_database(empty: Empty) {
        let (mut migrations, mut conn) = (empty.migrations(), empty.0.connect());
        let before = schema(&mut conn);
        let up = migrations.up(usize::MAX).unwrap();
        let full = schema(&mut conn);
        let mut down = migrations.down(usize::MAX).unwrap();
        down.reverse();
        assert_eq!(up, down);
        assert_eq!((schema(&mut conn), conn.tables()), (before, vec![]));
        migrations.up(usize::MAX).unwrap();
        assert_eq!(schema(&mut conn), full);
    }

    async fn a_failed_migration_leaves_the_database_unchanged(empty: Empty) {
        let (mut migrations, mut conn) = (empty.migrations(), empty.0.connect());
        migrations.up(1).unwrap();
        let customer = "INSERT INTO customers (auth_user_id, created_at, updated_at) VALUES ('twice', '2024-01-01', '2024-01-01');";
        conn.run(&customer.repeat(2));
        let before = (schema(&mut conn), all_rows(&mut conn));
        let failure = migrations.up(usize::MAX).unwrap_err().to_string();
        assert!(failure.starts_with("2024-03-18-000000_foreign_keys_restrict failed"), "{failure}");
        assert_eq!((schema(&mut conn), all_rows(&mut conn)), before);
        assert_eq!(migrations.status().unwrap().iter().filter(|status| status.applied).count(), 1);
    }

    async fn a_database_with_unknown_migrations_is_refused_and_left_unchanged(builder: Builder) {
        let database = builder.database;
        let mut conn = database.connect();
        conn.run("INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000'); CREATE TABLE tomorrow (id TEXT)");
        let state = |conn: &mut DbConnection| {
            (schema(conn), all_rows(conn), conn.texts("SELECT version FROM __diesel_schema_migrations ORDER BY 1"))
        };
        let before = state(&mut conn);
        let settings = [("DATABASE_URL", database.url.as_str()), ("BIND_ADDR", "127.0.0.1:0")];
        for arguments in [&["serve"][..], &[], &["migrate", "up"], &["migrate", "down"], &["migrate", "redo"]] {
            let output = Process::run(database.folder.path(), arguments, &settings);
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
            let sentence = "error: the database was migrated by a newer clusterdesk (migration 20990101000000); start that version instead";
            assert!(errors.contains(sentence), "{arguments:?}: {errors}");
        }
        assert_eq!(state(&mut conn), before);
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_migration_and_a_running_server_do_not_wait_for_each_other() {
    let database = Backend::Postgres.database();
    let (mut migrations, mut server) = (Migrations::open(&database.address()).unwrap(), database.connect());
    server.run("INSERT INTO users (id, created_at, updated_at) VALUES ('ann', '2026-01-01', '2026-01-01')");
    let is_waiting = "SELECT count(*) FROM pg_locks JOIN pg_database AS here ON here.oid = database
                      WHERE datname = current_database() AND NOT granted";
    // What a call does before it writes its audit entry.
    for before in [
        "INSERT INTO customers (auth_user_id, created_at, updated_at) VALUES ('ann', '2026-01-01', '2026-01-01')",
        "SELECT plan FROM customers",
    ] {
        while migrations.status().unwrap().iter().any(|step| step.applied && step.name.ends_with("activity_counts")) {
            migrations.down(1).unwrap();
        }
        server.run(&format!("BEGIN; {before}"));
        thread::scope(|scope| {
            let migrated = scope.spawn(|| Migrations::open(&database.address()).unwrap().up(1));
            while database.connect().number(is_waiting) == 0 {
                assert!(!migrated.is_finished(), "the migration does not wait");
                thread::yield_now();
            }
            server.run(
                "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
                 VALUES ('2026-01-01', 'ann', 'p', 'e', 'i', '{}', 'r'); COMMIT",
            );
            assert_eq!(migrated.join().unwrap().unwrap().len(), 1, "{before}");
        });
    }
    assert_eq!(server.number("SELECT sum(entries) FROM audit_counts"), 2);
}

/// Whether the down migration loses the rows that [`ROWS`] adds after this migration.
fn loses_its_rows(step: &str) -> bool {
    LOST.iter().any(|(lossy, _, columns)| *lossy == step && columns.is_empty()) || step == "roles"
}

fn user(conn: &mut DbConnection, id: &str) -> Value {
    conn.rows("users").into_iter().find(|row| row["id"] == id).unwrap()
}

/// A boolean column. SQLite stores it as a number.
fn as_bool(value: &Value) -> bool {
    *value == json!(true) || *value == json!(1)
}

#[test]
fn both_databases_have_the_same_migrations_and_each_can_be_reverted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let names = |side: &str| {
        let mut names: Vec<_> =
            fs::read_dir(root.join(side)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    for side in ["sqlite", "postgres"] {
        for name in names(side) {
            for file in ["up.sql", "down.sql"] {
                let path = root.join(side).join(&name).join(file);
                assert!(!fs::read_to_string(&path).unwrap_or_default().trim().is_empty(), "{}", path.display());
            }
        }
    }
}
