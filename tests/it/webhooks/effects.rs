use serde_json::{Value, json};

use super::{MONTH, record, running, subscribed};
use crate::support::{BUSINESS, Builder, PRO, StripeStandIn, Subscription, TestApp, both_databases, event, now};

async fn with_stripe(builder: Builder) -> TestApp {
    builder.with_stripe().start().await
}

/// `stripeCurrentPeriodEnd` of `customer.get`.
async fn ends(client: &crate::support::Client) -> String {
    client.call("customer.get", Value::Null).await["stripeCurrentPeriodEnd"].as_str().unwrap().to_owned()
}

/// A time in seconds since the Unix epoch, as the API formats it.
fn moment(seconds: u64) -> String {
    chrono::DateTime::from_timestamp(seconds as i64, 0).unwrap().format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

both_databases! {
    async fn a_new_subscription_creates_a_customer_and_one_audit_entry(builder: Builder) {
        let app = with_stripe(builder).await;
        let client = subscribed(&app, "user_1").await;
        assert_eq!(record(&client).await, json!(["PRO", "cus_user_1", "sub_1", "price_pro_monthly"]));
        let rows = app.lines("SELECT actor_id || ' ' || procedure || ' ' || entity || ' ' || detail AS line FROM audit_log");
        assert_eq!(rows.len(), 1);
        assert!(rows[0].starts_with("stripe stripe.webhook customer {") && rows[0].contains("evt_begun"), "{rows:?}");
        // The plan can be used.
        client.create("web", "PRO").await;
    }

    async fn each_step_of_a_subscription_sets_the_plan(builder: Builder) {
        let app = with_stripe(builder).await;
        let client = subscribed(&app, "user_1").await;
        let base = now();
        let step = |at: u64, kind: &str, subscription: Subscription<'_>| {
            event(&format!("evt_{at}"), &format!("customer.subscription.{kind}"), base + at, subscription.object())
        };
        let run = running("user_1");
        let upgraded = Subscription { price: BUSINESS, ..run.clone() };
        assert_eq!(client.tell(&step(1, "updated", upgraded.clone())).await, 200);
        assert_eq!(record(&client).await[0], "BUSINESS");
        assert_eq!(client.tell(&step(2, "updated", run.clone())).await, 200);
        assert_eq!(record(&client).await[0], "PRO");
        assert_eq!(client.tell(&step(3, "updated", Subscription { cancel: true, ..run.clone() })).await, 200);
        assert_eq!(record(&client).await[0], "PRO", "until the period ends");
        assert_eq!(app.count("customers WHERE stripe_cancel_at_period_end"), 1);
        assert_eq!(client.tell(&step(4, "updated", run.clone())).await, 200);
        assert_eq!(app.count("customers WHERE stripe_cancel_at_period_end"), 0);
        assert_eq!(client.tell(&step(5, "paused", Subscription { status: "paused", ..run.clone() })).await, 200);
        assert_eq!(record(&client).await[0], "FREE");
        assert_eq!(client.tell(&step(6, "resumed", run.clone())).await, 200);
        assert_eq!(record(&client).await[0], "PRO");
        assert_eq!(client.tell(&step(7, "deleted", Subscription { status: "canceled", ..run.clone() })).await, 200);
        assert_eq!(record(&client).await, json!(["FREE", "cus_user_1", null, null]));
        // A new subscription of the same Stripe customer.
        let again = Subscription { id: "sub_2", ..upgraded };
        assert_eq!(client.tell(&step(8, "created", again)).await, 200);
        assert_eq!(record(&client).await, json!(["BUSINESS", "cus_user_1", "sub_2", BUSINESS]));
        assert_eq!(app.count("audit_log WHERE actor_id = 'stripe'"), 9);
        assert_eq!(app.count("stripe_events WHERE processed_at IS NOT NULL"), 9);
    }

    async fn an_unpaid_period_does_not_extend_the_plan(builder: Builder) {
        let app = with_stripe(builder).await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let run = running("user_1");
        let begun = event("evt_begun", "customer.subscription.created", now() - 60, run.object());
        assert_eq!(client.tell(&begun).await, 200);
        let old_end = ends(&client).await;
        let overdue = Subscription { status: "past_due", start: run.end, end: run.end + MONTH, ..run.clone() };
        let message = event("evt_due", "customer.subscription.updated", now() + 1, overdue.object());
        assert_eq!(client.tell(&message).await, 200);
        let failed = event("evt_failed", "invoice.payment_failed", now() + 1, overdue.invoice());
        assert_eq!(client.tell(&failed).await, 200);
        assert_eq!((&record(&client).await[0], ends(&client).await), (&json!("PRO"), old_end), "until the end of the paid period");
        let paid = event("evt_paid", "invoice.paid", now() + 2, overdue.invoice());
        assert_eq!(client.tell(&paid).await, 200);
        assert_eq!(ends(&client).await, moment(overdue.end));
    }

    async fn both_formats_of_the_api_are_read(builder: Builder) {
        let app = with_stripe(builder).await;
        let run = running("user_1");
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let begun = event("evt_1", "customer.subscription.created", now(), run.old_object());
        assert_eq!(client.tell(&begun).await, 200);
        assert_eq!((&record(&client).await[0], ends(&client).await), (&json!("PRO"), moment(run.end)));
        let next = Subscription { start: run.end, end: run.end + MONTH, ..run };
        assert_eq!(client.tell(&event("evt_2", "invoice.payment_succeeded", now(), next.old_invoice())).await, 200);
        assert_eq!(ends(&client).await, moment(next.end));
    }

    async fn a_checkout_assigns_its_subscription_to_the_user_in_either_order(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        for (user, checkout_first) in [("user_1", true), ("user_2", false)] {
            let client = app.user(user);
            client.call("stripe.createSession", json!({"planId": PRO})).await;
            let form = stripe.requests().pop().unwrap().form;
            let id = format!("sub_{user}");
            let mut nameless = Subscription { id: &id, ..running(user) }.object();
            nameless["metadata"] = json!({});
            nameless["customer"] = json!(form["customer"]);
            let session = json!({
                "id": "cs_1", "object": "checkout.session", "mode": "subscription", "subscription": id,
                "customer": form["customer"], "metadata": {"userId": form["metadata[userId]"]},
            });
            let mut both = vec![
                event(&format!("evt_cs_{user}"), "checkout.session.completed", now(), session),
                event(&format!("evt_sub_{user}"), "customer.subscription.created", now(), nameless),
            ];
            if !checkout_first {
                both.reverse();
            }
            for message in both {
                assert_eq!(client.tell(&message).await, 200);
            }
            assert_eq!(record(&client).await, json!(["PRO", form["customer"], id, PRO]));
        }
        assert_eq!(app.count("stripe_events WHERE error IS NOT NULL"), 0);
    }

    async fn events_without_effect_are_stored(builder: Builder) {
        let app = with_stripe(builder).await;
        let client = subscribed(&app, "user_1").await;
        let before = record(&client).await;
        for (number, kind) in ["customer.subscription.trial_will_end", "invoice.payment_failed", "product.created"].iter().enumerate() {
            let object = Subscription { status: "canceled", ..running("user_1") }.object();
            assert_eq!(client.tell(&event(&format!("evt_{number}"), kind, now(), object)).await, 200);
        }
        assert_eq!(record(&client).await, before);
        assert_eq!((app.count("stripe_events"), app.count("audit_log")), (4, 1));
    }

    async fn events_of_deleted_users_are_acknowledged_and_of_unknown_ones_retried(builder: Builder) {
        let app = with_stripe(builder).await;
        let user = app.user("user_1");
        user.call("user.delete", Value::Null).await;
        for (user, answer) in [("user_1", 200), ("never_seen", 500)] {
            let id = format!("sub_{user}");
            let message = Subscription { id: &id, ..running(user) }.object();
            let message = event(&format!("evt_{user}"), "customer.subscription.created", now(), message);
            assert_eq!(app.anonymous().tell(&message).await, answer);
        }
        assert_eq!((app.count("customers"), app.count("stripe_events WHERE processed_at IS NULL")), (0, 1));
    }

    async fn an_invoice_alone_does_not_change_an_imported_customer(builder: Builder) {
        let app = with_stripe(builder).await;
        let client = app.rich("user_1");
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_user_1', stripe_subscription_id = 'sub_1'");
        assert_eq!(client.tell(&event("evt_1", "invoice.paid", now(), running("user_1").invoice())).await, 200);
        assert_eq!(record(&client).await[0], "BUSINESS");
    }
}
