use serde_json::{Value, json};

use super::{MONTH, record, running, subscribed};
use crate::support::{BUSINESS, Builder, Subscription, TestApp, both_databases, event, now};

async fn with_stripe(builder: Builder) -> TestApp {
    builder.with_stripe().start().await
}

/// Milliseconds of `customer.get`'s end of the period.
async fn ends(client: &crate::support::Client) -> String {
    client.call("customer.get", Value::Null).await["stripeCurrentPeriodEnd"].as_str().unwrap().to_owned()
}

fn moment(seconds: u64) -> String {
    chrono::DateTime::from_timestamp(seconds as i64, 0).unwrap().format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

both_databases! {
    async fn a_new_subscription_makes_a_customer_and_one_audit_row(builder: Builder) {
        let app = with_stripe(builder).await;
        let client = subscribed(&app, "user_1").await;
        assert_eq!(record(&client).await, json!(["PRO", "cus_user_1", "sub_1", "price_pro_monthly"]));
        let rows = app.lines("SELECT actor_id || ' ' || procedure || ' ' || entity || ' ' || detail AS line FROM audit_log");
        assert_eq!(rows.len(), 1);
        assert!(rows[0].starts_with("stripe stripe.webhook customer {") && rows[0].contains("evt_begun"), "{rows:?}");
        // And may use what is paid for.
        client.create("web", "PRO").await;
    }

    async fn the_whole_life_of_a_subscription(builder: Builder) {
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
        // And back again, as the same customer there.
        let again = Subscription { id: "sub_2", ..upgraded };
        assert_eq!(client.tell(&step(8, "created", again)).await, 200);
        assert_eq!(record(&client).await, json!(["BUSINESS", "cus_user_1", "sub_2", BUSINESS]));
        assert_eq!(app.count("audit_log WHERE actor_id = 'stripe'"), 9);
        assert_eq!(app.count("stripe_events WHERE processed_at IS NOT NULL"), 9);
    }

    async fn a_period_that_was_not_paid_has_not_begun(builder: Builder) {
        let app = with_stripe(builder).await;
        let client = subscribed(&app, "user_1").await;
        let old_end = ends(&client).await;
        let run = running("user_1");
        let overdue = Subscription { status: "past_due", start: run.end, end: run.end + MONTH, ..run.clone() };
        let told = event("evt_due", "customer.subscription.updated", now() + 1, overdue.object());
        assert_eq!(client.tell(&told).await, 200);
        let failed = event("evt_failed", "invoice.payment_failed", now() + 1, overdue.invoice());
        assert_eq!(client.tell(&failed).await, 200);
        assert_eq!((&record(&client).await[0], ends(&client).await), (&json!("PRO"), old_end), "and a day of grace");
        let paid = event("evt_paid", "invoice.paid", now() + 2, overdue.invoice());
        assert_eq!(client.tell(&paid).await, 200);
        assert_eq!(ends(&client).await, moment(overdue.end));
    }

    async fn both_shapes_of_the_api_are_read(builder: Builder) {
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

    async fn a_checkout_says_whose_a_subscription_is_before_or_after_it(builder: Builder) {
        let app = with_stripe(builder).await;
        for (user, checkout_first) in [("user_1", true), ("user_2", false)] {
            let client = app.user(user);
            client.call("user.me", Value::Null).await;
            let id = format!("sub_{user}");
            let mut nameless = Subscription { id: &id, ..running(user) }.object();
            nameless["metadata"] = json!({});
            let session = json!({
                "id": "cs_1", "object": "checkout.session", "mode": "subscription", "client_reference_id": user,
                "customer": format!("cus_{user}"), "subscription": id,
            });
            let mut both = vec![
                event(&format!("evt_cs_{user}"), "checkout.session.completed", now(), session),
                event(&format!("evt_sub_{user}"), "customer.subscription.created", now(), nameless),
            ];
            if !checkout_first {
                both.reverse();
            }
            for told in both {
                assert_eq!(client.tell(&told).await, 200);
            }
            assert_eq!(record(&client).await, json!(["PRO", format!("cus_{user}"), id, "price_pro_monthly"]));
        }
    }

    async fn what_we_do_not_act_on_is_recorded(builder: Builder) {
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

    async fn somebody_who_is_gone_is_nobodys_trouble(builder: Builder) {
        let app = with_stripe(builder).await;
        let user = app.user("user_1");
        user.call("user.delete", Value::Null).await;
        for (user, answer) in [("user_1", 200), ("never_seen", 500)] {
            let id = format!("sub_{user}");
            let told = Subscription { id: &id, ..running(user) }.object();
            let told = event(&format!("evt_{user}"), "customer.subscription.created", now(), told);
            assert_eq!(app.anonymous().tell(&told).await, answer);
        }
        assert_eq!((app.count("customers"), app.count("stripe_events WHERE processed_at IS NULL")), (0, 1));
    }

    async fn an_imported_customer_is_not_rolled_back_by_an_invoice_alone(builder: Builder) {
        let app = with_stripe(builder).await;
        let client = app.rich("user_1");
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_user_1', stripe_subscription_id = 'sub_1'");
        assert_eq!(client.tell(&event("evt_1", "invoice.paid", now(), running("user_1").invoice())).await, 200);
        assert_eq!(record(&client).await[0], "BUSINESS");
    }
}
