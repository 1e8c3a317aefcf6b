use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use super::Operator;
use crate::support::{Builder, Sql, TestApp, both_databases, hours_ago};

const REFUSAL: &str = "the database is not empty; --force adds the sample data anyway";

/// What an admin sees in a chart.
async fn lines(app: &TestApp, metric: &str, days: u64) -> Value {
    app.admin().call("admin.series", json!({"metric": metric, "from": hours_ago(24 * days)})).await["lines"].clone()
}

fn sum(values: &[Value]) -> i64 {
    values.iter().map(|value| value.as_i64().unwrap()).sum()
}

both_databases! {
    async fn the_printed_numbers_of_rows_are_inserted(operator: Operator) {
        operator.user("root", Role::Admin);
        assert_eq!(operator.ok(&["seed"]), "seeded 20 users, 6 customers, 24 clusters\n");
        let mut conn = operator.connect();
        let live = conn.number("SELECT count(*) FROM k8s_cluster_configs WHERE deleted_at IS NULL");
        let users = conn.number("SELECT count(*) FROM users WHERE deleted_at IS NULL");
        for (query, number) in [
            ("SELECT count(*) FROM users WHERE id LIKE 'user_sample_%'", 20),
            ("SELECT count(*) FROM customers", 6),
            ("SELECT count(*) FROM customers WHERE plan <> 'FREE' AND stripe_current_period_end > created_at", 4),
            ("SELECT count(*) FROM k8s_cluster_configs", 24),
            ("SELECT CAST(sum(live) AS BIGINT) FROM live_counts WHERE entity = 'cluster'", live),
            ("SELECT CAST(sum(live) AS BIGINT) FROM live_counts WHERE entity = 'user'", users),
            ("SELECT count(*) FROM audit_log WHERE actor_id = 'root' AND procedure <> 'k8s.setStatus'", 0),
        ] {
            assert_eq!(conn.number(query), number, "{query}");
        }
        assert!((10..=20).contains(&live), "{live} clusters are live");
        let last = "SELECT actor_id || ' ' || procedure || ' ' || detail FROM audit_log ORDER BY id DESC LIMIT 1";
        assert_eq!(conn.texts(last), ["cli seed {\"users\":20,\"clusters\":24}"]);
    }

    async fn many_users_are_seeded_with_lines_about_the_progress(operator: Operator) {
        let few = operator.run(&["seed", "--users", "5"]);
        assert_eq!((few.code, few.errors.as_str()), (0, ""));
        let many = operator.run(&["seed", "--users", "1250", "--force"]);
        assert!(many.errors.contains("users seeded: 1000 of 1245\nusers seeded: 1245 of 1245\n"), "{}", many.errors);
        let events: Vec<&str> = many.errors.lines().filter(|line| line.starts_with("events seeded: ")).collect();
        assert!(events.len() > 3 && events.len() <= 11, "{}", many.errors);
        assert!(many.code == 0 && many.output.starts_with("seeded 1245 users"), "{}", many.output);
    }

    async fn two_seeded_databases_have_the_same_data(operator: Operator) {
        let other = Operator(operator.0.backend.database());
        let seeded = [&operator, &other].map(|operator| {
            operator.ok(&["seed", "--users", "60"]);
            let mut conn = operator.connect();
            [
                "SELECT id || coalesce(name, '') || email FROM users ORDER BY id",
                "SELECT id || name || location || plan || status || auth_user_id FROM k8s_cluster_configs ORDER BY id",
                "SELECT id || auth_user_id || plan || coalesce(stripe_subscription_id, '') FROM customers ORDER BY id",
                "SELECT actor_id || procedure || entity_id || detail FROM audit_log ORDER BY id",
                "SELECT kind || cluster_id || status FROM cluster_events ORDER BY id",
                "SELECT id || status FROM stripe_subscriptions ORDER BY id",
                "SELECT invoice_id || plan || currency || amount FROM payments ORDER BY invoice_id",
            ]
            .map(|query| conn.texts(query))
        });
        assert_eq!(seeded[0], seeded[1]);
    }

    async fn a_year_of_a_business_is_inserted(operator: Operator) {
        operator.user("root", Role::Admin);
        operator.ok(&["seed", "--users", "900"]);
        let mut conn = operator.connect();
        // Everything that a chart or a list can tell apart is there.
        for (query, least) in [
            ("SELECT count(*) FROM users WHERE deleted_at IS NOT NULL AND email LIKE 'deleted_%' AND name IS NULL", 10),
            ("SELECT count(*) FROM k8s_cluster_configs WHERE status = 'RUNNING'", 300),
            ("SELECT count(*) FROM k8s_cluster_configs WHERE status = 'STOPPED'", 30),
            ("SELECT count(*) FROM k8s_cluster_configs WHERE status IN ('PENDING', 'CREATING', 'INITING')", 5),
            ("SELECT count(*) FROM k8s_cluster_configs WHERE plan <> 'FREE' AND deleted_at IS NOT NULL", 2),
            ("SELECT count(DISTINCT location) FROM k8s_cluster_configs", 4),
            ("SELECT count(*) FROM stripe_subscriptions WHERE status = 'active'", 100),
            ("SELECT count(*) FROM stripe_subscriptions WHERE status = 'past_due'", 2),
            ("SELECT count(*) FROM stripe_subscriptions WHERE status = 'canceled'", 5),
            ("SELECT count(*) FROM stripe_events WHERE kind = 'invoice.payment_failed'", 2),
            ("SELECT count(*) FROM stripe_events WHERE processed_at IS NULL AND error IS NOT NULL", 2),
            ("SELECT count(DISTINCT procedure) FROM audit_log", 7),
            ("SELECT count(DISTINCT kind) FROM cluster_events", 3),
        ] {
            let found = conn.number(query);
            assert!(found >= least, "{query}: {found}");
        }
        // What is said in one place fits the others.
        let none = [
            "SELECT count(*) FROM users WHERE length(CAST(created_at AS TEXT)) > length('2026-01-02 03:04:05.678')",
            "SELECT count(*) FROM audit_log WHERE length(CAST(created_at AS TEXT)) > length('2026-01-02 03:04:05.678')",
            "SELECT count(*) FROM customers JOIN stripe_subscriptions ON stripe_subscriptions.id = stripe_subscription_id
             WHERE period_end <> stripe_current_period_end OR stripe_subscriptions.auth_user_id <> customers.auth_user_id",
            "SELECT count(*) FROM k8s_cluster_configs JOIN users ON users.id = auth_user_id
             WHERE users.deleted_at IS NOT NULL AND k8s_cluster_configs.deleted_at IS NULL",
            "SELECT count(*) FROM k8s_cluster_configs WHERE (status IN ('RUNNING', 'STOPPED') AND NOT has_run)
             OR updated_at < created_at OR deleted_at < created_at",
            "SELECT count(*) FROM k8s_cluster_configs AS c WHERE status <> (SELECT status FROM cluster_events AS e
             WHERE e.cluster_id = c.id ORDER BY e.id DESC LIMIT 1)",
            "SELECT count(*) FROM k8s_cluster_configs AS c WHERE updated_at <> (SELECT max(created_at) FROM cluster_events AS e
             WHERE e.cluster_id = c.id)",
            "SELECT count(*) FROM k8s_cluster_configs AS c WHERE NOT EXISTS (SELECT 1 FROM cluster_events AS e
             WHERE e.cluster_id = c.id AND kind = 'created' AND e.created_at = c.created_at)",
            "SELECT count(*) FROM stripe_events AS e WHERE kind = 'invoice.paid' AND NOT EXISTS (SELECT 1 FROM payments AS p
             WHERE p.paid_at = e.created_at AND p.currency = 'USD' AND e.payload LIKE '%\"' || p.invoice_id || '\"%'
             AND e.payload LIKE '%\"amount_paid\":' || p.amount || ',\"currency\":\"usd\"%')",
            "SELECT count(*) FROM stripe_events WHERE kind <> 'invoice.paid' AND payload NOT LIKE '%\"amount_paid\":0,%'",
            "SELECT count(*) FROM audit_log AS a JOIN audit_log AS b ON b.id = a.id + 1 WHERE a.created_at > b.created_at",
            "SELECT count(*) FROM cluster_events AS a JOIN cluster_events AS b ON b.id = a.id + 1 WHERE a.created_at > b.created_at",
        ];
        for query in none {
            assert_eq!(conn.number(query), 0, "{query}");
        }
        assert_eq!(operator.connect().number("SELECT count(*) FROM cluster_events WHERE kind = 'deleted'"),
            operator.connect().number("SELECT count(*) FROM k8s_cluster_configs WHERE deleted_at IS NOT NULL"));
        let app = Builder::with_database(operator.0).start().await;
        let sign_ups = lines(&app, "signUps", 365).await;
        let days = sign_ups[0]["values"].as_array().unwrap();
        let quarters: Vec<i64> = days.chunks(92).map(sum).collect();
        assert!(quarters.windows(2).all(|pair| pair[0] < pair[1]), "more sign up every quarter: {quarters:?}");
        assert_eq!(quarters.iter().sum::<i64>(), 901);
    }

    async fn the_charts_are_alive(operator: Operator) {
        operator.user("root", Role::Admin);
        operator.ok(&["seed", "--users", "300"]);
        let app = Builder::with_database(operator.0).start().await;
        for (metric, labels) in [("clustersByPlan", 3), ("clustersByStatus", 4), ("clustersByLocation", 4)] {
            let found = lines(&app, metric, 365).await;
            assert!(found.as_array().unwrap().len() >= labels, "{metric}: {found}");
            for line in found.as_array().unwrap() {
                let values = line["values"].as_array().unwrap();
                assert!(values.iter().all(|value| value.as_i64() >= Some(0)), "{metric}: {line}");
            }
        }
        let plans = lines(&app, "clustersByPlan", 365).await;
        let values = plans[0]["values"].as_array().unwrap();
        assert!(values.windows(2).any(|pair| pair[0].as_i64() > pair[1].as_i64()), "some clusters are deleted: {plans}");
        let input = json!({"metric": "revenue", "bucket": "month", "from": hours_ago(24 * 365)});
        let revenue = app.admin().call("admin.series", input).await["lines"].clone();
        let labels: Vec<&Value> = revenue.as_array().unwrap().iter().map(|line| &line["label"]).collect();
        assert_eq!(labels, ["BUSINESS USD", "PRO USD"], "{revenue}");
        for line in revenue.as_array().unwrap() {
            let values = line["values"].as_array().unwrap();
            let paid = values.iter().filter(|value| value.as_i64() > Some(0)).count();
            assert!(values.len() >= 12 && paid >= 9, "something is paid in most months: {line}");
        }
        let changes = lines(&app, "changes", 30).await;
        let busy = changes[0]["values"].as_array().unwrap().iter().filter(|value| value.as_i64() > Some(0)).count();
        assert!(busy > 25, "something changes nearly every day: {changes}");
        // Changes leave events again.
        let before = app.count("cluster_events");
        app.user("somebody").create("new", "FREE").await;
        assert_eq!(app.count("cluster_events"), before + 1);
    }

    async fn a_database_with_data_is_not_seeded_without_force(operator: Operator) {
        operator.ok(&["seed", "--users", "3"]);
        operator.refused(&["seed"], REFUSAL);
        assert_eq!(operator.ok(&["seed", "--users", "5", "--force"]), "seeded 2 users, 0 customers, 2 clusters\n");
        let mut conn = operator.connect();
        assert_eq!(conn.number("SELECT count(*) FROM users"), 5, "existing users are not changed");
        assert_eq!(conn.number("SELECT count(DISTINCT id) FROM k8s_cluster_configs"), 5);
    }

    async fn the_users_of_the_examples_stay(operator: Operator) {
        operator.ok(&["seed", "--users", "9"]);
        let mut conn = operator.connect();
        assert_eq!(conn.number("SELECT count(*) FROM users WHERE deleted_at IS NULL AND name IS NOT NULL"), 9);
        // README.md deletes the third and the fourth.
        let paying = "SELECT count(*) FROM customers WHERE plan <> 'FREE' AND auth_user_id IN ('user_sample_000003', 'user_sample_000004')";
        assert_eq!(conn.number(paying), 0);
    }

    async fn a_database_with_one_user_is_not_seeded_without_force(operator: Operator) {
        operator.user("ann", Role::User);
        operator.refused(&["seed"], REFUSAL);
    }
}
