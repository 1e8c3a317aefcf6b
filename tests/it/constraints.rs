//! Constraints that the database itself enforces.

use crate::support::{Backend, Sql, TestDatabase, both_databases};

/// A timestamp as an SQL literal.
const T: &str = "'2026-01-01 10:00:00.123'";

/// Columns and their values as SQL.
type Changes<'a> = &'a [(&'a str, &'a str)];

/// An INSERT of a valid row, with these values in place of the valid ones.
fn insert(table: &str, changes: Changes) -> String {
    let good: Changes = match table {
        "users" => &[("id", "'new'"), ("role", "'USER'"), ("created_at", T), ("updated_at", T)],
        "customers" => &[("auth_user_id", "'bob'"), ("plan", "'PRO'"), ("created_at", T), ("updated_at", T)],
        "k8s_cluster_configs" => &[
            ("name", "'a'"),
            ("location", "'eu'"),
            ("auth_user_id", "'bob'"),
            ("plan", "'PRO'"),
            ("status", "'PENDING'"),
            ("created_at", T),
            ("updated_at", T),
        ],
        "api_tokens" => &[
            ("user_id", "'bob'"),
            ("name", "'a'"),
            ("hash", "'0123456789012345678901234567890123456789012345678901234567890123'"),
            ("scope", "'read'"),
            ("created_at", T),
        ],
        "sessions" => &[
            ("user_id", "'bob'"),
            ("hash", "'0123456789012345678901234567890123456789012345678901234567890123'"),
            ("created_at", T),
            ("expires_at", T),
            ("last_used_at", T),
        ],
        "sign_in_links" => &[
            ("hash", "'0123456789012345678901234567890123456789012345678901234567890123'"),
            ("user_id", "'bob'"),
            ("expires_at", T),
        ],
        "used_sign_ins" => {
            &[("hash", "'0123456789012345678901234567890123456789012345678901234567890123'"), ("expires_at", T)]
        }
        "audit_log" => &[
            ("created_at", T),
            ("actor_id", "'bob'"),
            ("procedure", "'p'"),
            ("entity", "'e'"),
            ("entity_id", "'1'"),
            ("detail", "'{}'"),
            ("request_id", "'r'"),
        ],
        other => panic!("no row for {other}"),
    };
    let kept = good.iter().filter(|(column, _)| !changes.iter().any(|(changed, _)| changed == column));
    let (columns, values): (Vec<&str>, Vec<&str>) = kept.chain(changes).copied().unzip();
    format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), values.join(", "))
}

/// A text literal of so many characters.
fn text(length: usize) -> String {
    // The limits count characters, not bytes.
    format!("'{}'", "ü".repeat(length))
}

/// A connection to a database with the users ann and bob. A customer, a live cluster and a token keep ann's row from being
/// deleted.
fn populated(database: &TestDatabase) -> clusterdesk::db::DbConnection {
    let mut conn = database.connect();
    for id in ["'ann'", "'bob'"] {
        conn.run(&insert("users", &[("id", id)]));
    }
    for table in ["customers", "k8s_cluster_configs"] {
        conn.run(&insert(table, &[("auth_user_id", "'ann'")]));
    }
    conn.run(&insert("api_tokens", &[("user_id", "'ann'"), ("hash", &format!("'{}'", "a".repeat(64)))]));
    conn.run(&insert("audit_log", &[]));
    conn
}

both_databases! {
    async fn enums_lengths_and_check_constraints_are_enforced(database: TestDatabase) {
        let mut conn = populated(&database);
        let cases: &[(&str, Changes, &str)] = &[
            ("users", &[("role", "'KING'")], "users_role_check"),
            ("users", &[("role", "'admin'")], "users_role_check"),
            ("users", &[("id", "''")], "users_id_length"),
            ("users", &[("id", &text(256))], "users_id_length"),
            ("users", &[("name", &text(101))], "users_name_length"),
            ("users", &[("email", &text(321))], "users_email_length"),
            ("users", &[("image", &text(2049))], "users_image_length"),
            ("customers", &[("plan", "'GOLD'")], "customers_plan_check"),
            ("customers", &[("name", &text(101))], "customers_name_length"),
            ("customers", &[("stripe_customer_id", &text(256))], "customers_stripe_customer_id_length"),
            ("customers", &[("stripe_subscription_id", &text(256))], "customers_stripe_subscription_id_length"),
            ("customers", &[("stripe_price_id", &text(256))], "customers_stripe_price_id_length"),
            ("k8s_cluster_configs", &[("name", "''")], "k8s_cluster_configs_name_length"),
            ("k8s_cluster_configs", &[("name", &text(101))], "k8s_cluster_configs_name_length"),
            ("k8s_cluster_configs", &[("location", "''")], "k8s_cluster_configs_location_length"),
            ("k8s_cluster_configs", &[("location", &text(51))], "k8s_cluster_configs_location_length"),
            ("k8s_cluster_configs", &[("network", "''")], "k8s_cluster_configs_network_length"),
            ("k8s_cluster_configs", &[("plan", "'GOLD'")], "k8s_cluster_configs_plan_check"),
            ("k8s_cluster_configs", &[("status", "'BROKEN'")], "k8s_cluster_configs_status_check"),
            ("k8s_cluster_configs", &[("auth_user_id", "NULL")], "k8s_cluster_configs_live_has_owner"),
            ("k8s_cluster_configs", &[("status", "'DELETED'")], "k8s_cluster_configs_status_deleted"),
            ("k8s_cluster_configs", &[("deleted_at", T)], "k8s_cluster_configs_status_deleted"),
            ("api_tokens", &[("name", "''")], "api_tokens_name_length"),
            ("api_tokens", &[("hash", "'short'")], "api_tokens_hash_length"),
            ("api_tokens", &[("scope", "'root'")], "api_tokens_scope_check"),
            ("api_tokens", &[("hint", "'abcd'")], "api_tokens_hint_length"),
            ("api_tokens", &[("last_used_address", &text(46))], "api_tokens_last_used_address_length"),
            ("sessions", &[("hash", "'short'")], "sessions_hash_length"),
            ("sessions", &[("last_used_address", &text(46))], "sessions_last_used_address_length"),
            ("sign_in_links", &[("hash", "'short'")], "sign_in_links_hash_length"),
            ("used_sign_ins", &[("hash", "'short'")], "used_sign_ins_hash_length"),
            ("audit_log", &[("actor_id", "''")], "audit_log_actor_id_length"),
            ("audit_log", &[("procedure", &text(101))], "audit_log_procedure_length"),
            ("audit_log", &[("entity", &text(51))], "audit_log_entity_length"),
            ("audit_log", &[("entity_id", &text(256))], "audit_log_entity_id_length"),
            ("audit_log", &[("detail", &text(65537))], "audit_log_detail_length"),
            ("audit_log", &[("request_id", &text(65))], "audit_log_request_id_length"),
        ];
        for (table, changes, rule) in cases {
            let refusal = conn.refusal(&insert(table, changes)).unwrap_or_else(|| panic!("{table} takes {changes:?}"));
            assert!(refusal.contains(rule), "{table} {changes:?}: {refusal}");
        }
        for (table, column) in [
            ("customers", "plan"), ("k8s_cluster_configs", "plan"), ("k8s_cluster_configs", "status"),
            ("k8s_cluster_configs", "network"), ("users", "role"), ("users", "created_at"), ("users", "updated_at"),
        ] {
            let refusal = conn.refusal(&insert(table, &[(column, "NULL")])).unwrap_or_default().to_lowercase();
            assert!(refusal.contains("not null") || refusal.contains("not-null"), "{table}.{column}: {refusal}");
        }
        // Values of the maximum length.
        conn.run(&insert("users", &[("id", &text(255)), ("name", &text(100)), ("email", &text(320))]));
        conn.run(&insert("k8s_cluster_configs", &[("name", &text(100)), ("location", &text(50))]));
    }

    async fn every_documented_status_is_accepted(database: TestDatabase) {
        let mut conn = populated(&database);
        for status in ["PENDING", "CREATING", "INITING", "RUNNING", "STOPPED"] {
            conn.run(&format!("UPDATE k8s_cluster_configs SET status = '{status}'"));
        }
        conn.run(&format!("UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = {T}"));
        conn.run("UPDATE k8s_cluster_configs SET auth_user_id = NULL");
    }

    async fn one_live_cluster_per_user_and_plan_is_unique_and_deleted_ones_are_not(database: TestDatabase) {
        let mut conn = populated(&database);
        conn.run(&insert("k8s_cluster_configs", &[]));
        assert!(conn.refusal(&insert("k8s_cluster_configs", &[])).is_some());
        let deleted = insert("k8s_cluster_configs", &[("status", "'DELETED'"), ("deleted_at", T)]);
        conn.run(&format!("{deleted}; {deleted}"));
        let back = "UPDATE k8s_cluster_configs SET status = 'STOPPED', deleted_at = NULL WHERE auth_user_id = 'bob'";
        assert!(conn.refusal(back).is_some());
        conn.run(&insert("k8s_cluster_configs", &[("plan", "'FREE'")]));
    }

    async fn user_with_dependent_rows_cannot_be_deleted_in_the_database(database: TestDatabase) {
        let mut conn = populated(&database);
        let tables = [("customers", "auth_user_id"), ("k8s_cluster_configs", "auth_user_id"), ("api_tokens", "user_id")];
        for (table, column) in tables {
            let orphan = conn.refusal(&insert(table, &[(column, "'nobody'")])).unwrap_or_default().to_lowercase();
            assert!(orphan.contains("foreign key"), "{table}: {orphan}");
        }
        for (table, _) in tables {
            let refusal = conn.refusal("DELETE FROM users WHERE id = 'ann'").unwrap_or_default().to_lowercase();
            assert!(refusal.contains("foreign key"), "with {table}: {refusal}");
            assert!(conn.refusal("UPDATE users SET id = 'eve' WHERE id = 'ann'").is_some(), "with {table}");
            conn.run(&format!("DELETE FROM {table}"));
        }
        conn.run("DELETE FROM users WHERE id = 'ann'");
    }

    async fn foreign_keys_are_restrict_and_have_an_index(database: TestDatabase) {
        let mut conn = database.connect();
        let keys = match database.backend {
            Backend::Sqlite => {
                "SELECT m.name || ' ' || f.\"from\" || ' ' || f.\"table\" || ' ' || f.on_delete
                FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table' ORDER BY 1"
            }
            Backend::Postgres => {
                "SELECT format('%s %s %s %s', c.conrelid::regclass, a.attname, c.confrelid::regclass,
                    CASE confdeltype WHEN 'r' THEN 'RESTRICT' ELSE confdeltype::text END)
                FROM pg_constraint AS c JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                WHERE c.contype = 'f' ORDER BY 1"
            }
        };
        let keys = conn.texts(keys);
        let known = [
            "api_tokens user_id", "customers auth_user_id", "k8s_cluster_configs auth_user_id", "sessions user_id",
            "sign_in_links user_id", "stored_answers user_id",
        ];
        assert_eq!(keys, known.map(|key| format!("{key} users RESTRICT")));
        let indexed = match database.backend {
            Backend::Sqlite => {
                "SELECT m.name || ' ' || i.name FROM sqlite_master AS m, pragma_index_list(m.name) AS l,
                pragma_index_info(l.name) AS i WHERE m.type = 'table' AND i.seqno = 0 AND NOT l.partial"
            }
            Backend::Postgres => {
                "SELECT format('%s %s', i.indrelid::regclass, a.attname)
                FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                WHERE i.indpred IS NULL"
            }
        };
        let indexed = conn.texts(indexed);
        for key in known {
            assert!(indexed.iter().any(|column| column == key), "{key} leads no index: {indexed:?}");
        }
    }

    async fn audit_log_is_append_only(database: TestDatabase) {
        let mut conn = populated(&database);
        let before = conn.rows("audit_log");
        let copy = "(id, created_at, actor_id, procedure, entity, entity_id, detail, request_id) SELECT id, created_at, actor_id, procedure, entity, entity_id, 'forged', request_id FROM audit_log WHERE true";
        let mut attempts = vec![
            "UPDATE audit_log SET detail = 'forged'".to_owned(),
            "UPDATE audit_log SET detail = 'forged' WHERE false OR id = 1".to_owned(),
            "DELETE FROM audit_log".to_owned(),
            format!("INSERT INTO audit_log {copy} ON CONFLICT (id) DO UPDATE SET detail = 'forged'"),
        ];
        match database.backend {
            Backend::Sqlite => attempts.push(format!("REPLACE INTO audit_log {copy}")),
            Backend::Postgres => attempts.push("TRUNCATE audit_log".to_owned()),
        }
        for attempt in attempts {
            let refusal = conn.refusal(&attempt).unwrap_or_default();
            assert!(refusal.contains("audit_log is append-only"), "{attempt}: {refusal}");
        }
        assert_eq!(conn.rows("audit_log"), before);
    }
}
