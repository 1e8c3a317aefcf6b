//! Cases where money or plans went wrong once: prorations, late ends, ties, users who are gone or not yet here.

use serde_json::{Value, json};

use super::{MONTH, record, running};
use crate::support::{BUSINESS, Builder, PRO, Subscription, both_databases, event, hours_ago, now};

both_databases! {
    // A customer who was there before the inbox, on sub_1; the end of an older subscription is told late.
    async fn the_end_of_an_older_subscription_leaves_a_known_customer_alone(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.rich("user_1");
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_user_1', stripe_subscription_id = 'sub_1'");
        let old = Subscription { id: "sub_0", status: "canceled", ..running("user_1") };
        assert_eq!(client.tell(&event("evt_1", "customer.subscription.deleted", now(), old.object())).await, 200);
        assert_eq!(record(&client).await[0], "BUSINESS");
    }

    // From a year to a month: the credit line of the proration ends with the year.
    async fn a_credit_line_is_no_paid_period(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let year = Subscription { price: BUSINESS, end: now() + 12 * MONTH, ..running("user_1") };
        let month = Subscription { price: PRO, start: now(), ..running("user_1") };
        let mut invoice = month.invoice();
        invoice["lines"]["data"] = json!([
            {"id": "il_0", "amount": -9000, "proration": true, "period": {"start": now(), "end": year.end},
             "parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": true}}},
            {"id": "il_1", "amount": 1000, "proration": false, "period": {"start": month.start, "end": month.end}},
        ]);
        for told in [
            event("evt_1", "customer.subscription.created", now() - 9, year.object()),
            event("evt_0", "invoice.paid", now() - 9, year.invoice()),
            event("evt_2", "customer.subscription.updated", now() - 8, month.object()),
            event("evt_3", "invoice.paid", now() - 7, invoice),
        ] {
            assert_eq!(client.tell(&told).await, 200);
        }
        let end = chrono::DateTime::from_timestamp(month.end as i64, 0).unwrap().format("%Y-%m-%dT%H:%M:%S.000Z");
        assert_eq!(client.call("customer.get", Value::Null).await["stripeCurrentPeriodEnd"], end.to_string());
    }

    // Two updates within one second: active never goes back to incomplete, whatever the ids.
    async fn active_does_not_fall_back_to_incomplete_in_a_tie(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let at = now();
        let active = event("evt_a", "customer.subscription.updated", at, running("user_1").object());
        let incomplete = Subscription { status: "incomplete", ..running("user_1") };
        let incomplete = event("evt_b", "customer.subscription.updated", at, incomplete.object());
        for told in [&incomplete, &active] {
            assert_eq!(client.tell(told).await, 200);
        }
        assert_eq!(record(&client).await[0], "PRO");
    }

    async fn an_event_of_a_deleted_user_keeps_the_reason(builder: Builder) {
        let app = builder.with_stripe().start().await;
        app.user("user_1").call("user.delete", Value::Null).await;
        let told = event("evt_1", "customer.subscription.created", now(), running("user_1").object());
        assert_eq!(app.anonymous().tell(&told).await, 200);
        assert_eq!(app.count("stripe_events WHERE processed_at IS NOT NULL AND error IS NOT NULL"), 1);
    }

    // A user who is seen for the first time after Stripe told of their subscription.
    async fn who_signs_in_after_paying_has_what_was_paid_for(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        let told = event("evt_1", "customer.subscription.created", now(), running("user_1").object());
        assert_eq!(client.tell(&told).await, 500);
        client.call("user.me", Value::Null).await;
        assert_eq!(client.tell(&told).await, 200);
        assert_eq!(record(&client).await[0], "PRO");
    }

    // Never paid, and left like that at Stripe; then bought again, less of it.
    async fn what_is_owed_does_not_hide_what_is_paid(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let run = running("user_1");
        let owed = Subscription { price: BUSINESS, status: "past_due", start: now() - 3 * MONTH, ..run.clone() };
        let bought = Subscription { id: "sub_2", ..run };
        assert_eq!(client.tell(&event("evt_1", "customer.subscription.updated", now() - 9, owed.object())).await, 200);
        assert_eq!(client.tell(&event("evt_2", "customer.subscription.created", now(), bought.object())).await, 200);
        assert_eq!(record(&client).await, json!(["PRO", "cus_user_1", "sub_2", PRO]));
        client.create("web", "PRO").await;
    }

    // The old server never took a plan away: its customers may be on one that ended long ago.
    async fn a_known_customer_whose_plan_has_run_out_can_buy_it_again(builder: Builder) {
        let app = builder.with_stripe().start().await;
        app.customer("user_1", "PRO", hours_ago(24 * 90));
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_user_1', stripe_subscription_id = 'sub_0'");
        let client = app.user("user_1");
        assert_eq!(client.tell(&event("evt_1", "customer.subscription.created", now(), running("user_1").object())).await, 200);
        assert_eq!(record(&client).await, json!(["PRO", "cus_user_1", "sub_1", PRO]));
        client.create("web", "PRO").await;
    }

    // A subscription that was made by hand at Stripe names no user; another one of the same customer does.
    async fn a_subscription_that_names_nobody_is_its_customers_in_either_order(builder: Builder) {
        let app = builder.with_stripe().start().await;
        for (user, nameless_first) in [("user_1", true), ("user_2", false)] {
            let client = app.user(user);
            client.call("user.me", Value::Null).await;
            let (by_hand, bought) = (format!("sub_hand_{user}"), format!("sub_{user}"));
            let mut nameless = Subscription { id: &by_hand, price: BUSINESS, ..running(user) }.object();
            nameless["metadata"] = json!({});
            let named = Subscription { id: &bought, ..running(user) }.object();
            let mut both = vec![
                event(&format!("evt_hand_{user}"), "customer.subscription.created", now() - 9, nameless),
                event(&format!("evt_{user}"), "customer.subscription.created", now(), named),
            ];
            if !nameless_first {
                both.reverse();
            }
            for told in both {
                assert_eq!(client.tell(&told).await, 200);
            }
            assert_eq!(record(&client).await, json!(["BUSINESS", format!("cus_{user}"), by_hand, BUSINESS]));
        }
    }

    // Stripe dates an update after the end, or it was on its way when the subscription ended.
    async fn what_is_over_stays_over(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let over = Subscription { status: "canceled", ..running("user_1") };
        for told in [
            event("evt_1", "customer.subscription.deleted", now(), over.object()),
            event("evt_2", "customer.subscription.updated", now() + 5, running("user_1").object()),
            event("evt_3", "invoice.paid", now() + 6, running("user_1").invoice()),
        ] {
            assert_eq!(client.tell(&told).await, 200);
        }
        assert_eq!(record(&client).await, json!(["FREE", "cus_user_1", null, null]));
    }
}
