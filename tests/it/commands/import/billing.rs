//! Subscriptions after an import: what callers see, and what Stripe's next events do.

use serde_json::{Value, json};

use super::{Importer, Shape};
use crate::support::{
    BUSINESS, Builder, Client, PRO, Process, StripeStandIn, Subscription, TestApp, WEBHOOK_SECRET, event, now,
    signature,
};

const DAY: u64 = 24 * 60 * 60;

/// `user_1` pays until in 20 days, and the old server last heard of it yesterday. The period of `user_2` has ended.
async fn subscribed(importer: Importer) -> TestApp {
    subscribed_after(importer, "SELECT 1").await
}

/// The same, after these changes of the old database.
async fn subscribed_after(importer: Importer, changes: &str) -> TestApp {
    importer.old.run(&format!(
        r#"INSERT INTO "User" ("id") VALUES ('user_1'), ('user_2');
        INSERT INTO "Customer" ("authUserId", "plan", "stripeCustomerId", "stripeSubscriptionId", "stripePriceId",
            "stripeCurrentPeriodEnd", "createdAt", "updatedAt") VALUES
            ('user_1', 'PRO', 'cus_user_1', 'sub_1', '{PRO}', to_timestamp({}) AT TIME ZONE 'utc', '2024-01-01',
                to_timestamp({}) AT TIME ZONE 'utc'),
            ('user_2', 'PRO', 'cus_user_2', 'sub_2', '{PRO}', '2024-02-01', '2024-01-01', '2024-02-01');
        INSERT INTO "StripeWebhookEvent" VALUES ('evt_done', 'customer.subscription.deleted', true, now(), now())"#,
        now() + 20 * DAY,
        now() - DAY,
    ));
    importer.old.run(changes);
    let report = importer.report(&["--on-conflict", "repair"], 0);
    assert_eq!(report["subscriptions"], 2);
    Builder::with_database(importer.new.0).with_stripe().start().await
}

/// Sends an event about the subscription of a user, and requires that it is accepted.
async fn send(client: &Client, id: &str, kind: &str, created: u64, subscription: &Subscription<'_>) {
    let payload = event(id, kind, created, subscription.object()).to_string();
    assert_eq!(client.webhook(&payload, &signature(&payload, WEBHOOK_SECRET, now())).await, 200, "{id}");
}

fn subscription(id: &'static str, user: &'static str, end: u64) -> Subscription<'static> {
    Subscription { id, user, status: "active", price: PRO, start: end - 30 * DAY, end, cancel: false }
}

/// The plan of a user, and in how many days it ends.
async fn plan(client: &Client) -> (String, i64) {
    let known = client.call("auth.mySubscription", Value::Null).await;
    let ends = chrono_seconds(&client.call("stripe.userPlans", Value::Null).await);
    (
        known["plan"].as_str().unwrap().to_owned(),
        (ends - i64::try_from(now()).unwrap() + 60) / i64::try_from(DAY).unwrap(),
    )
}

fn chrono_seconds(plans: &Value) -> i64 {
    plans["stripeCurrentPeriodEnd"].as_i64().unwrap() / 1000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_subscription_goes_on_after_the_import() {
    for importer in Importer::all(Shape::After) {
        let app = subscribed(importer).await;
        let user = app.user("user_1");
        assert_eq!(plan(&user).await, ("PRO".to_owned(), 20));
        let plans = user.call("stripe.userPlans", Value::Null).await;
        assert_eq!((&plans["isPaid"], &plans["stripeSubscriptionId"]), (&json!(true), &json!("sub_1")));
        user.call("k8s.create", json!({"name": "paid", "location": "eu", "plan": "PRO"})).await;
        let stats = app.admin().call("admin.getStats", Value::Null).await;
        assert_eq!(stats["activeSubscriptions"], 1);
        app.user("user_2")
            .fail("PAYMENT_REQUIRED", "k8s.create", json!({"name": "a", "location": "eu", "plan": "PRO"}))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn later_events_change_a_subscription_and_earlier_ones_do_not() {
    for importer in Importer::all(Shape::After) {
        let app = subscribed(importer).await;
        let (anonymous, user) = (app.anonymous(), app.user("user_1"));
        let updated = "customer.subscription.updated";
        send(&anonymous, "evt_late", updated, now() - 5 * DAY, &subscription("sub_1", "user_1", now() - 10 * DAY))
            .await;
        assert_eq!(plan(&user).await, ("PRO".to_owned(), 20), "an event from before the last change is no news");
        send(&anonymous, "evt_new", updated, now(), &subscription("sub_1", "user_1", now() + 50 * DAY)).await;
        assert_eq!(plan(&user).await, ("PRO".to_owned(), 50));
        let other = app.user("user_2");
        send(&anonymous, "evt_again", updated, now(), &subscription("sub_2", "user_2", now() + 30 * DAY)).await;
        assert_eq!(plan(&other).await, ("PRO".to_owned(), 30), "a subscription that had ended is renewed");
    }
}

// The old database has another time zone, or no time at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_last_change_that_is_still_to_come_holds_no_event_back() {
    for time in ["now() AT TIME ZONE 'utc' + interval '8 hours'", "'infinity'"] {
        for importer in Importer::all(Shape::After) {
            let app = subscribed_after(importer, &format!("UPDATE \"Customer\" SET \"updatedAt\" = {time}")).await;
            let renewed = subscription("sub_1", "user_1", now() + 50 * DAY);
            send(&app.anonymous(), "evt_new", "customer.subscription.updated", now(), &renewed).await;
            assert_eq!(plan(&app.user("user_1")).await, ("PRO".to_owned(), 50), "{time}");
        }
    }
}

// The old server sold it without metadata, at a price that is not for sale any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_subscription_with_a_price_of_old_ends_too() {
    for importer in Importer::all(Shape::After) {
        let app = subscribed_after(importer, "UPDATE \"Customer\" SET \"stripePriceId\" = 'price_of_old'").await;
        for (id, user) in [("sub_1", "user_1"), ("sub_2", "user_2")] {
            for (status, code) in [("active", 500), ("canceled", 200)] {
                let old = Subscription { status, price: "price_of_old", ..subscription(id, user, now() + 20 * DAY) };
                let mut object = old.object();
                object["metadata"] = json!({});
                let message = event(&format!("evt_{user}_{status}"), "customer.subscription.updated", now(), object);
                assert_eq!(app.anonymous().tell(&message).await, code, "{user} {status}");
            }
            let customer = app.user(user).call("customer.get", Value::Null).await;
            assert_eq!((&customer["plan"], &customer["stripeSubscriptionId"]), (&json!("FREE"), &Value::Null));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_cancellation_counts_even_if_it_was_delayed() {
    for importer in Importer::all(Shape::After) {
        let app = subscribed(importer).await;
        let (anonymous, user) = (app.anonymous(), app.user("user_1"));
        let ended = Subscription { status: "canceled", ..subscription("sub_1", "user_1", now() - DAY) };
        let deleted = "customer.subscription.deleted";
        send(&anonymous, "evt_done", deleted, now(), &ended).await;
        assert_eq!(plan(&user).await.0, "PRO", "the old server has processed this event");
        send(&anonymous, "evt_delayed", deleted, now() - 2 * DAY, &ended).await;
        let known = user.call("auth.mySubscription", Value::Null).await;
        assert_eq!(known["plan"], "FREE");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_replay_says_that_an_event_was_processed() {
    for importer in Importer::all(Shape::After) {
        let app = subscribed(importer).await;
        let events = app.admin().call("admin.webhookEvents", json!({})).await;
        assert_eq!(events["items"][0]["id"], "evt_done");
        let replayed = app.admin().call("admin.replayWebhook", json!({"eventId": "evt_done"})).await;
        assert_eq!(replayed["success"], true);
        let audited = app.count("audit_log WHERE procedure = 'admin.replayWebhook'");
        assert_eq!(audited, 0, "nothing was done again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_reconciliation_after_the_import_brings_what_stripe_says() {
    for importer in Importer::all(Shape::After) {
        let app = subscribed(importer).await;
        let stripe = StripeStandIn::start().await;
        // The old server missed an upgrade, and an end.
        let upgraded = Subscription { price: BUSINESS, ..subscription("sub_1", "user_1", now() + 50 * DAY) };
        stripe.store("/v1/subscriptions/sub_1", upgraded.object());
        let ended = Subscription { status: "canceled", ..subscription("sub_2", "user_2", now() - 50 * DAY) };
        stripe.store("/v1/subscriptions/sub_2", ended.object());
        let settings = stripe.settings(&app.database.url);
        for expected in ["2 changed, 0 unchanged", "0 changed, 1 unchanged"] {
            let reconcile = || Process::run(app.database.folder.path(), &["webhooks", "reconcile"], &settings);
            let output = tokio::task::block_in_place(reconcile);
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.ends_with(&format!("subscriptions: {expected}, 0 gone, 0 failed\n")), "{text}");
        }
        assert_eq!(plan(&app.user("user_1")).await, ("BUSINESS".to_owned(), 50));
        assert_eq!(app.user("user_2").call("customer.get", Value::Null).await["plan"], "FREE");
    }
}
