use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{record, running, subscribed};
use crate::support::{
    Backend, Builder, Client, PRO, Process, SECRET, Signal, Sql, Subscription, TestDatabase, WEBHOOK_SECRET,
    both_databases, claims, event, eventually, hs256, now,
};

both_databases! {
    async fn a_duplicate_has_no_effect_and_is_acknowledged(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        let begun = event("evt_begun", "customer.subscription.created", now(), running("user_1").object());
        for _ in 0..3 {
            assert_eq!(client.tell(&begun).await, 200);
        }
        assert_eq!((app.count("stripe_events"), app.count("audit_log")), (1, 1));
        assert_eq!(app.count("stripe_events WHERE attempts = 1"), 1);
    }

    async fn an_event_that_fails_is_stored_and_can_be_retried(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let unknown = Subscription { price: "price_of_nobody", ..running("user_1") }.object();
        let message = event("evt_1", "customer.subscription.created", now(), unknown);
        for attempt in 1..=2 {
            assert_eq!(client.tell(&message).await, 500);
            assert_eq!(app.count(&format!("stripe_events WHERE attempts = {attempt} AND processed_at IS NULL")), 1);
        }
        let error = app.lines("SELECT error AS line FROM stripe_events").remove(0);
        assert!(error.contains("price_of_nobody"), "{error}");
        assert_eq!((app.count("customers"), app.count("stripe_subscriptions"), app.count("audit_log")), (0, 0, 0));
        let nameless = event("evt_2", "customer.subscription.updated", now(), json!({"id": "sub_1"}));
        assert_eq!(client.tell(&nameless).await, 500);

        let configured = app.beside().with_stripe().flag("stripe-business-monthly-price-id", "price_of_nobody").start().await;
        assert_eq!(configured.anonymous().tell(&message).await, 200);
        assert_eq!(record(&client).await[0], "BUSINESS");
        assert_eq!(app.count("stripe_events WHERE attempts = 3 AND error IS NULL"), 1);
    }

    async fn simultaneous_duplicates_have_one_effect(builder: Builder) {
        let one = builder.with_stripe().start().await;
        let two = one.beside().with_stripe().start().await;
        one.user("user_1").call("user.me", Value::Null).await;
        let begun = event("evt_1", "customer.subscription.created", now(), running("user_1").object());
        let mut sending = JoinSet::new();
        for number in 0..32 {
            let client = if number % 2 == 0 { one.anonymous() } else { two.anonymous() };
            let begun = begun.clone();
            sending.spawn(async move { client.tell(&begun).await });
        }
        assert_eq!(sending.join_all().await, vec![200; 32]);
        assert_eq!((one.count("stripe_events"), one.count("audit_log"), one.count("customers")), (1, 1, 1));
    }

    async fn a_killed_server_loses_no_event_and_applies_none_twice(database: TestDatabase) {
        let folder = database.folder.path();
        let settings = [
            ("DATABASE_URL", database.url.as_str()),
            ("JWT_SECRET", SECRET),
            ("BOOTSTRAP_ADMIN", "off"),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("STRIPE_PRO_MONTHLY_PRICE_ID", PRO),
            ("RATE_LIMIT_READ_MAX_REQUESTS", "0"),
        ];
        const USERS: u64 = 40;
        let user = |number: u64| format!("user_{number}");
        let mut server = Process::serve(folder, &settings);
        for number in 0..USERS {
            server.client(&hs256(&claims(&user(number)))).call("user.me", Value::Null).await;
        }
        let events: Vec<Value> = (0..USERS)
            .map(|number| {
                let (id, user) = (format!("sub_{number}"), user(number));
                let object = Subscription { id: &id, ..running(&user) }.object();
                event(&format!("evt_{number}"), "customer.subscription.created", now(), object)
            })
            .collect();
        // The server is killed while some of them are being processed.
        let mut sending = JoinSet::new();
        for event in events.clone() {
            let client = server.client("");
            sending.spawn(async move { deliver(&client, &event).await });
        }
        let first = sending.join_next().await.unwrap().unwrap();
        server.signal(Signal::KILL);
        server.wait();
        let mut acknowledged = usize::from(first);
        while let Some(done) = sending.join_next().await {
            acknowledged += usize::from(done.unwrap());
        }
        let mut conn = database.connect();
        let kept = conn.number("SELECT count(*) FROM stripe_events");
        assert!(kept >= acknowledged as i64, "{kept} events are stored, {acknowledged} were acknowledged");
        let effects = "SELECT count(*) FROM customers WHERE plan = 'PRO'";
        assert_eq!(conn.number(effects), kept, "an event and its effect are stored together");

        let server = Process::serve(folder, &settings);
        for event in &events {
            assert!(deliver(&server.client(""), event).await);
        }
        for sql in [effects, "SELECT count(*) FROM stripe_events", "SELECT count(*) FROM audit_log WHERE actor_id = 'stripe'"] {
            assert_eq!(conn.number(sql), USERS as i64, "{sql}");
        }
    }
}

/// Whether an event was acknowledged, by a server that may be killed meanwhile.
async fn deliver(client: &Client, event: &Value) -> bool {
    let payload = event.to_string();
    let signature = crate::support::signature(&payload, WEBHOOK_SECRET, now());
    let request = client.http.post(format!("{}webhooks/stripe", client.url)).header("stripe-signature", signature);
    request.body(payload).send().await.is_ok_and(|response| response.status() == 200)
}

#[tokio::test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_failure_of_the_database_is_not_acknowledged() {
    let app = Builder::new(Backend::Postgres).with_stripe().start().await;
    app.user("user_1").call("user.me", Value::Null).await;
    app.execute("ALTER TABLE stripe_events RENAME TO hidden");
    let begun = event("evt_1", "customer.subscription.created", now(), running("user_1").object());
    assert_eq!(app.anonymous().tell(&begun).await, 500);
    assert_eq!(app.count("customers"), 0);
    app.execute("ALTER TABLE hidden RENAME TO stripe_events");
    assert_eq!(app.anonymous().tell(&begun).await, 200);
    assert_eq!(record(&app.user("user_1")).await[0], "PRO");
}

// A lock stops the server between the effect and the commit, and it is killed there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_server_killed_between_effect_and_commit_leaves_nothing() {
    let database = Backend::Postgres.database();
    let settings = [
        ("DATABASE_URL", database.url.as_str()),
        ("JWT_SECRET", SECRET),
        ("BOOTSTRAP_ADMIN", "off"),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("STRIPE_PRO_MONTHLY_PRICE_ID", PRO),
    ];
    let mut server = Process::serve(database.folder.path(), &settings);
    let user = hs256(&claims("user_1"));
    server.client(&user).call("user.me", Value::Null).await;
    let begun = event("evt_1", "customer.subscription.created", now(), running("user_1").object());
    let (mut lock, mut conn) = (database.connect(), database.connect());
    lock.run("BEGIN; SELECT 1 FROM users WHERE id = 'user_1' FOR UPDATE");
    let (client, message) = (server.client(""), begun.clone());
    let sending = tokio::spawn(async move { deliver(&client, &message).await });
    // The subscription is written before its user is locked.
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND datname = current_database() AND query LIKE '%FOR NO KEY UPDATE%'";
    eventually(async || conn.number(waiting) == 1).await;
    server.signal(Signal::KILL);
    server.wait();
    assert!(!sending.await.unwrap());
    lock.run("COMMIT");
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'clusterdesk'
        AND state <> 'idle' AND pid <> pg_backend_pid()";
    eventually(async || conn.number(open) == 0).await;
    for table in ["stripe_events", "stripe_subscriptions", "customers", "audit_log"] {
        assert_eq!(conn.number(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    let server = Process::serve(database.folder.path(), &settings);
    for _ in 0..2 {
        assert!(deliver(&server.client(""), &begun).await);
    }
    assert_eq!(record(&server.client(&user)).await[0], "PRO");
    for table in ["stripe_events", "stripe_subscriptions", "customers", "audit_log"] {
        assert_eq!(conn.number(&format!("SELECT count(*) FROM {table}")), 1, "{table}");
    }
}
