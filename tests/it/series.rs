//! `admin.series`: numbers over time.

use serde_json::{Value, json};

use crate::support::{Backend, Client, Sql, TestApp, TestDatabase, both_databases};

/// The lines of a metric from 2026-01-01 to the end of 2026-01-05, by day.
async fn lines(admin: &Client, metric: &str) -> Value {
    let input = json!({"metric": metric, "from": "2026-01-01T12:00:00.000Z", "to": "2026-01-06T00:00:00.000Z"});
    let series = admin.call("admin.series", input).await;
    let days: Vec<String> = (1..=5).map(|day| format!("2026-01-{day:02}T00:00:00.000Z")).collect();
    assert_eq!(series["at"], json!(days));
    series["lines"].clone()
}

fn line(label: &str, values: &[i64]) -> Value {
    json!({"label": label, "values": values})
}

/// A user of a day of January.
fn user(id: &str, day: u8) -> String {
    format!(
        "INSERT INTO users (id, created_at, updated_at) VALUES ('{id}', '2026-01-{day:02} 10:00:00', '2026-01-01 10:00:00')"
    )
}

/// A cluster of a day of January.
fn cluster(owner: &str, plan: &str, location: &str, day: u8) -> String {
    format!(
        "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, created_at, updated_at)
        VALUES ('a', '{location}', '{owner}', '{plan}', '2026-01-{day:02} 10:00:00', '2026-01-{day:02} 10:00:00')"
    )
}

/// A change of the clusters of a user on a day of January.
fn update(owner: &str, change: &str, day: u8) -> String {
    format!(
        "UPDATE k8s_cluster_configs SET {change}, updated_at = '2026-01-{day:02} 23:59:59.999' WHERE auth_user_id = '{owner}'"
    )
}

/// What the tables say now of the live clusters by a column.
fn counted(conn: &mut clusterdesk::db::DbConnection, column: &str) -> Vec<String> {
    conn.texts(&format!(
        "SELECT {column} || ' ' || count(*) FROM k8s_cluster_configs WHERE deleted_at IS NULL GROUP BY {column} ORDER BY 1"
    ))
}

/// What the rollup says now.
fn rolled_up(conn: &mut clusterdesk::db::DbConnection, column: &str) -> Vec<String> {
    conn.texts(&format!(
        "SELECT label || ' ' || sum(clusters) FROM (
            SELECT label, clusters FROM cluster_totals WHERE kind = '{column}' UNION ALL SELECT {column}, change FROM cluster_days
        ) AS numbers GROUP BY label HAVING sum(clusters) <> 0 ORDER BY 1"
    ))
}

const ENTRIES: &str =
    "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id) VALUES";

/// The values of an audit entry of a day of January.
fn entry(actor: &str, day: u8) -> String {
    format!("('2026-01-{day:02} 23:59:59.999', '{actor}', 'p', 'e', 'i', '{{}}', 'r')")
}

both_databases! {
    async fn sign_ups_are_counted_by_day_and_stay(app: TestApp) {
        let admin = app.admin();
        for (id, day) in [("u1", 1), ("u2", 1), ("u3", 4)] {
            app.execute(&user(id, day));
        }
        let expected = json!([line("", &[2, 0, 0, 1, 0])]);
        assert_eq!(lines(&admin, "signUps").await, expected);
        app.user("u1").call("user.softDelete", Value::Null).await;
        app.user("u2").call("user.delete", Value::Null).await;
        assert_eq!(lines(&admin, "signUps").await, expected);
    }

    async fn clusters_are_counted_at_the_end_of_each_day(app: TestApp) {
        let admin = app.admin();
        for id in ["u1", "u2"] {
            app.execute(&user(id, 1));
        }
        app.execute(&cluster("u1", "FREE", "eu", 1));
        app.execute(&cluster("u1", "PRO", "us", 2));
        app.execute(&cluster("u2", "FREE", "us", 2));
        app.execute(&update("u2", "status = 'CREATING'", 3));
        app.execute(&update("u2", "status = 'DELETED', deleted_at = '2026-01-04 10:00:00'", 4));
        app.execute(&update("u1", "location = 'ap'", 4));
        app.execute(&update("u2", "status = 'PENDING', deleted_at = NULL", 5));
        assert_eq!(lines(&admin, "clustersByPlan").await, json!([line("FREE", &[1, 2, 2, 1, 2]), line("PRO", &[0, 1, 1, 1, 1])]));
        let by_status = json!([line("CREATING", &[0, 0, 1, 0, 0]), line("PENDING", &[1, 3, 2, 2, 3])]);
        assert_eq!(lines(&admin, "clustersByStatus").await, by_status);
        let by_location =
            json!([line("ap", &[0, 0, 0, 2, 2]), line("eu", &[1, 1, 1, 0, 0]), line("us", &[0, 2, 2, 0, 1])]);
        assert_eq!(lines(&admin, "clustersByLocation").await, by_location);
        // The rows of deleted clusters have left the numbers before they are purged.
        app.execute(&update("u2", "status = 'DELETED', deleted_at = '2026-01-05 10:00:00'", 5));
        let before = lines(&admin, "clustersByStatus").await;
        app.execute("DELETE FROM k8s_cluster_configs WHERE deleted_at IS NOT NULL");
        assert_eq!(lines(&admin, "clustersByStatus").await, before);
    }

    async fn calls_are_in_the_numbers_of_today(app: TestApp) {
        let admin = app.admin();
        let today = async |metric: &str| {
            let now = clusterdesk::db::Timestamp::now();
            let series = admin.call("admin.series", json!({"metric": metric, "from": now.minus(std::time::Duration::from_secs(1))})).await;
            let last = |line: &Value| json!([line["label"], line["values"].as_array().unwrap().last().unwrap()]);
            Value::from(series["lines"].as_array().unwrap().iter().map(last).collect::<Vec<_>>())
        };
        let user = app.rich("u1");
        let id = user.create("web", "PRO").await;
        user.create("db", "FREE").await;
        assert_eq!(today("clustersByPlan").await, json!([["FREE", 1], ["PRO", 1]]));
        assert_eq!(today("changes").await, json!([["", 2]]));
        user.call("k8s.delete", json!({"id": id})).await;
        assert_eq!(today("clustersByPlan").await, json!([["FREE", 1]]));
        user.call("k8s.restore", json!({"id": id})).await;
        admin.call("k8s.setStatus", json!({"id": id, "status": "CREATING"})).await;
        assert_eq!(today("clustersByStatus").await, json!([["CREATING", 1], ["PENDING", 1]]));
        assert_eq!(today("clustersByLocation").await, json!([["eu", 2]]));
        assert_eq!(today("signUps").await, json!([["", 2]]));
        admin.call("user.delete", json!({"userId": "u1", "force": true})).await;
        assert_eq!(today("clustersByPlan").await, json!([]));
    }

    async fn changes_are_counted_by_hour(app: TestApp) {
        let admin = app.admin();
        for at in ["10:00:00", "10:59:59.999", "11:00:00", "13:10:00"] {
            app.execute(&format!(
                "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
                VALUES ('2026-01-01 {at}', 'a', 'p', 'e', 'i', '{{}}', 'r')"
            ));
        }
        let range = json!({"metric": "changes", "bucket": "hour",
            "from": "2026-01-01T10:30:00.000Z", "to": "2026-01-01T13:00:00.001Z"});
        let series = admin.call("admin.series", range).await;
        assert_eq!(series["lines"], json!([line("", &[2, 1, 0, 1])]));
        assert_eq!(series["at"][0], "2026-01-01T10:00:00.000Z");
        assert_eq!(lines(&admin, "changes").await, json!([line("", &[4, 0, 0, 0, 0])]));
    }

    async fn each_user_is_active_once_a_day(app: TestApp) {
        let admin = app.admin();
        // Two entries of one statement and several statements, in no order; the last four actors are no users.
        for entries in [
            vec![("ada", 1), ("ada", 1), ("bob", 1), ("ada", 4)],
            vec![("ada", 1), ("bob", 3), ("ada", 3), ("cy", 3)],
            vec![("ada", 2)],
            vec![("cli", 1), ("bootstrap", 2), ("stripe", 3), ("server", 4)],
        ] {
            let rows: Vec<String> = entries.into_iter().map(|(actor, day)| entry(actor, day)).collect();
            app.execute(&format!("{ENTRIES} {}", rows.join(", ")));
        }
        let expected = json!([line("", &[2, 1, 3, 1, 0])]);
        assert_eq!(lines(&admin, "activeUsers").await, expected);
        app.user("ada").call("user.delete", Value::Null).await;
        assert_eq!(lines(&admin, "activeUsers").await, expected);
    }

    async fn calls_make_their_users_active(app: TestApp) {
        let admin = app.admin();
        let now = clusterdesk::db::Timestamp::now();
        for id in ["u1", "u2"] {
            let user = app.user(id);
            user.call("k8s.list", Value::Null).await;
            if id == "u1" {
                user.create("web", "FREE").await;
                user.call("user.updateName", json!({"name": "Ann"})).await;
            }
        }
        let series = admin.call("admin.series", json!({"metric": "activeUsers", "from": now.minus(std::time::Duration::from_secs(1))})).await;
        assert_eq!(series["lines"][0]["values"].as_array().unwrap().iter().map(|value| value.as_i64().unwrap()).sum::<i64>(), 1);
    }

    async fn revenue_is_by_month_plan_and_currency(app: TestApp) {
        let admin = app.admin();
        for (id, month, plan, currency, amount) in [
            ("in_1", "2026-01-01 00:00:00", "PRO", "USD", 3000),
            ("in_2", "2026-01-31 23:59:59.999", "PRO", "USD", 3000),
            ("in_3", "2026-02-01 00:00:00", "PRO", "EUR", 2800),
            ("in_4", "2026-03-31 12:00:00", "BUSINESS", "USD", 99_000),
        ] {
            app.execute(&format!("INSERT INTO payments VALUES ('{id}', '{month}', '{plan}', '{currency}', {amount})"));
        }
        let input = json!({"metric": "revenue", "from": "2026-01-31T12:00:00.000Z", "to": "2026-03-31T00:00:00.000Z"});
        let series = admin.call("admin.series", input.clone()).await;
        let months = ["2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"];
        assert_eq!(series["at"], json!(months));
        let expected =
            json!([line("BUSINESS USD", &[0, 0, 99_000]), line("PRO EUR", &[0, 2800, 0]), line("PRO USD", &[6000, 0, 0])]);
        assert_eq!(series["lines"], expected);
        let mut by_month = input;
        by_month["bucket"] = json!("month");
        assert_eq!(admin.call("admin.series", by_month).await, series);
    }

    async fn failed_events_are_counted_once_on_the_day_they_came(app: TestApp) {
        let admin = app.admin();
        for (id, day, is_failed) in [("evt_1", 1, true), ("evt_2", 1, false), ("evt_3", 3, true), ("evt_4", 3, true)] {
            let processed = if is_failed { "NULL" } else { "'2026-01-01'" };
            app.execute(&format!(
                "INSERT INTO stripe_events (id, kind, created_at, received_at, processed_at, attempts, error, payload)
                VALUES ('{id}', 'x', '2025-12-31', '2026-01-0{day} 23:00:00', {processed}, 1, 'why', '{{}}')"
            ));
        }
        let expected = json!([line("", &[1, 0, 2, 0, 0])]);
        assert_eq!(lines(&admin, "webhookFailures").await, expected);
        app.execute("UPDATE stripe_events SET processed_at = '2026-01-04', attempts = 2");
        app.execute("DELETE FROM stripe_events WHERE id = 'evt_3'");
        assert_eq!(lines(&admin, "webhookFailures").await, expected);
    }

    async fn a_range_that_makes_no_sense_is_refused(app: TestApp) {
        let admin = app.admin();
        let (old, new) = ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z");
        for (input, issue) in [
            (json!({"metric": "changes", "from": new, "to": old}), "from: invalid_value"),
            (json!({"metric": "changes", "from": new, "to": new}), "from: invalid_value"),
            (json!({"metric": "changes", "from": "9998-01-01T00:00:00.000Z"}), "from: invalid_value"),
            (json!({"metric": "changes", "from": "2020-01-01T00:00:00.000Z", "to": new}), "from: invalid_value"),
            (json!({"metric": "changes", "from": "2025-11-01T00:00:00.000Z", "to": new, "bucket": "hour"}), "from: invalid_value"),
            (json!({"metric": "clustersByPlan", "from": "2024-11-01T00:00:00.000Z", "to": new}), "from: invalid_value"),
            (json!({"metric": "signUps", "from": old, "to": new, "bucket": "hour"}), "bucket: invalid_value"),
            (json!({"metric": "signUps", "from": old, "to": new, "bucket": "month"}), "bucket: invalid_value"),
            (json!({"metric": "revenue", "from": old, "to": new, "bucket": "day"}), "bucket: invalid_value"),
            (json!({"metric": "revenue", "from": "2020-01-01T00:00:00.000Z", "to": new}), "from: invalid_value"),
        ] {
            assert_eq!(admin.fail("BAD_REQUEST", "admin.series", input.clone()).await.issues(), [issue], "{input}");
        }
    }

    async fn the_longest_range_may_begin_within_a_bucket(app: TestApp) {
        let admin = app.admin();
        let to = "2026-11-20T00:00:00.000Z";
        for (metric, first, bucket, too_early) in [
            ("signUps", "2025-10-16T23:00:00.000Z", "2025-10-16T00:00:00.000Z", "2025-10-15T23:00:00.000Z"),
            ("changes", "2026-10-20T12:00:00.000Z", "2026-10-20T00:00:00.000Z", "2026-10-19T23:59:59.999Z"),
            ("revenue", "2021-11-25T00:00:00.000Z", "2021-11-01T00:00:00.000Z", "2021-11-15T00:00:00.000Z"),
        ] {
            let found = admin.call("admin.series", json!({"metric": metric, "from": first, "to": to})).await;
            assert_eq!(found["at"][0], bucket, "{metric}");
            let failure = admin.fail("BAD_REQUEST", "admin.series", json!({"metric": metric, "from": too_early, "to": to})).await;
            assert_eq!(failure.issues(), ["from: invalid_value"], "{metric}");
        }
    }

    async fn the_numbers_at_present_are_those_of_the_tables_also_after_the_migration(database: TestDatabase) {
        let mut conn = database.connect();
        for owner in ["u1", "u2", "u3"] {
            conn.run(&user(owner, 1));
        }
        for statement in [
            cluster("u1", "FREE", "eu", 1),
            cluster("u2", "PRO", "eu", 2),
            cluster("u3", "PRO", "us", 2),
            update("u2", "status = 'RUNNING', has_run = true", 3),
            update("u3", "plan = 'BUSINESS'", 4),
            "UPDATE k8s_cluster_configs SET location = 'ap'".to_owned(),
            "INSERT INTO k8s_cluster_configs (name, location, status, created_at, updated_at, deleted_at)
            VALUES ('a', 'eu', 'DELETED', '2026-01-01', '2026-01-01', '2026-01-02')".to_owned(),
            "BEGIN; DELETE FROM k8s_cluster_configs; ROLLBACK".to_owned(),
            update("u1", "status = 'DELETED', deleted_at = '2026-01-05'", 5),
            "DELETE FROM k8s_cluster_configs WHERE auth_user_id = 'u2'".to_owned(),
        ] {
            conn.run(&statement);
            for column in ["plan", "status", "location"] {
                assert_eq!(rolled_up(&mut conn, column), counted(&mut conn, column), "after {statement}");
            }
        }
        let sign_ups = "SELECT CAST(sum(users) AS BIGINT) FROM sign_up_days";
        assert_eq!(conn.number(sign_ups), 3);
        let mut migrations = clusterdesk::db::migrations::Migrations::open(&database.address()).unwrap();
        while migrations.status().unwrap().iter().any(|step| step.applied && step.name.ends_with("series")) {
            migrations.down(1).unwrap();
        }
        migrations.up(usize::MAX).unwrap();
        for column in ["plan", "status", "location"] {
            assert_eq!(rolled_up(&mut conn, column), counted(&mut conn, column), "after the migration");
        }
        assert_eq!(conn.number(sign_ups), 3);
        if database.backend == Backend::Postgres {
            conn.run("TRUNCATE k8s_cluster_configs");
            assert!(rolled_up(&mut conn, "plan").is_empty());
        }
    }

    async fn what_was_before_the_migration_is_counted_by_it(database: TestDatabase) {
        let mut conn = database.connect();
        let mut migrations = clusterdesk::db::migrations::Migrations::open(&database.address()).unwrap();
        while migrations.status().unwrap().iter().any(|step| step.applied && step.name.ends_with("more_series")) {
            migrations.down(1).unwrap();
        }
        let entries = [("ada", 1), ("ada", 1), ("bob", 1), ("ada", 2), ("cli", 2)].map(|(actor, day)| entry(actor, day));
        conn.run(&format!("{ENTRIES} {}", entries.join(", ")));
        for (id, processed, attempts) in [("evt_1", "NULL", 3), ("evt_2", "'2026-01-02'", 2), ("evt_3", "'2026-01-01'", 1)] {
            conn.run(&format!(
                "INSERT INTO stripe_events (id, kind, created_at, received_at, processed_at, attempts, error, payload)
                VALUES ('{id}', 'x', '2026-01-01', '2026-01-01 10:00:00', {processed}, {attempts}, 'why', '{{}}')"
            ));
        }
        migrations.up(usize::MAX).unwrap();
        conn.run(&format!("{ENTRIES} {}, {}", entry("ada", 2), entry("bob", 2)));
        let users = conn.texts("SELECT CAST(sum(users) AS TEXT) FROM active_days GROUP BY day ORDER BY day");
        assert_eq!(users, ["2", "2"]);
        assert_eq!(conn.number("SELECT events FROM webhook_failure_days"), 2);
    }

    async fn who_was_active_is_forgotten_with_the_entries_of_the_audit_log(app: TestApp) {
        let entries: Vec<String> = (1..=5).flat_map(|day| [entry("ada", day), entry("bob", day)]).collect();
        app.execute(&format!("{ENTRIES} {}", entries.join(", ")));
        let mut conn = app.database.connect();
        let before = serde_json::from_value(json!("2026-01-04T12:00:00.000Z")).unwrap();
        let mut forget = || clusterdesk::models::series::forget_active(&mut conn, before, 4).unwrap();
        // The notes of several days at a time.
        assert_eq!([forget(), forget(), forget()], [4, 2, 0]);
        assert_eq!(app.count("active_users WHERE day >= '2026-01-04'"), 4);
        assert_eq!(app.count("active_users"), 4);
        assert_eq!(lines(&app.admin(), "activeUsers").await, json!([line("", &[2, 2, 2, 2, 2])]));
    }
}
