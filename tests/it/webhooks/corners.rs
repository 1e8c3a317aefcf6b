//! Regressions: prorations, late cancellations, events of the same second, and deleted or unknown users.

use serde_json::{Value, json};

use super::{MONTH, record, running};
use crate::support::{BUSINESS, Builder, PRO, Subscription, both_databases, event, fixed_now, hours_ago, now};

both_databases! {
    // The customer was imported with sub_1; then the end of an older subscription arrives.
    async fn the_end_of_an_older_subscription_does_not_change_an_imported_customer(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.rich("user_1");
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_user_1', stripe_subscription_id = 'sub_1'");
        let old = Subscription { id: "sub_0", status: "canceled", ..running("user_1") };
        assert_eq!(client.tell(&event("evt_1", "customer.subscription.deleted", now(), old.object())).await, 200);
        assert_eq!(record(&client).await[0], "BUSINESS");
    }

    // After a change from yearly to monthly, the credit line of the proration ends with the year.
    async fn a_credit_line_does_not_extend_the_paid_period(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let year = Subscription { price: BUSINESS, end: fixed_now() + 12 * MONTH, ..running("user_1") };
        let month = Subscription { price: PRO, start: fixed_now(), ..running("user_1") };
        let mut invoice = month.invoice();
        invoice["lines"]["data"] = json!([
            {"id": "il_0", "amount": -9000, "proration": true, "period": {"start": fixed_now(), "end": year.end},
             "parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": true}}},
            {"id": "il_1", "amount": 1000, "proration": false, "period": {"start": month.start, "end": month.end}},
        ]);
        for message in [
            event("evt_1", "customer.subscription.created", now() - 9, year.object()),
            event("evt_0", "invoice.paid", now() - 9, year.invoice()),
            event("evt_2", "customer.subscription.updated", now() - 8, month.object()),
            event("evt_3", "invoice.paid", now() - 7, invoice),
        ] {
            assert_eq!(client.tell(&message).await, 200);
        }
        let end = chrono::DateTime::from_timestamp(month.end as i64, 0).unwrap().format("%Y-%m-%dT%H:%M:%S.000Z");
        assert_eq!(client.call("customer.get", Value::Null).await["stripeCurrentPeriodEnd"], end.to_string());
    }

    // Of two updates within one second, incomplete never replaces active, whatever their ids.
    async fn incomplete_does_not_replace_active_within_a_second(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let at = now();
        let active = event("evt_a", "customer.subscription.updated", at, running("user_1").object());
        let incomplete = Subscription { status: "incomplete", ..running("user_1") };
        let incomplete = event("evt_b", "customer.subscription.updated", at, incomplete.object());
        for message in [&incomplete, &active] {
            assert_eq!(client.tell(message).await, 200);
        }
        assert_eq!(record(&client).await[0], "PRO");
    }

    async fn an_event_of_a_deleted_user_is_stored_with_the_reason(builder: Builder) {
        let app = builder.with_stripe().start().await;
        app.user("user_1").call("user.delete", Value::Null).await;
        let message = event("evt_1", "customer.subscription.created", now(), running("user_1").object());
        assert_eq!(app.anonymous().tell(&message).await, 200);
        assert_eq!(app.count("stripe_events WHERE processed_at IS NOT NULL AND error IS NOT NULL"), 1);
    }

    // The subscription is reported before the user first signs in.
    async fn a_user_who_signs_in_after_paying_gets_the_plan(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        let message = event("evt_1", "customer.subscription.created", now(), running("user_1").object());
        assert_eq!(client.tell(&message).await, 500);
        client.call("user.me", Value::Null).await;
        assert_eq!(client.tell(&message).await, 200);
        assert_eq!(record(&client).await[0], "PRO");
    }

    // A subscription stays past due at Stripe, and the user buys a smaller plan.
    async fn a_past_due_subscription_does_not_hide_a_paid_one(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let run = running("user_1");
        let owed = Subscription { price: BUSINESS, status: "past_due", start: fixed_now() - 3 * MONTH, ..run.clone() };
        let bought = Subscription { id: "sub_2", ..run };
        assert_eq!(client.tell(&event("evt_1", "customer.subscription.updated", now() - 9, owed.object())).await, 200);
        assert_eq!(client.tell(&event("evt_2", "customer.subscription.created", now(), bought.object())).await, 200);
        assert_eq!(record(&client).await, json!(["PRO", "cus_user_1", "sub_2", PRO]));
        client.create("web", "PRO").await;
    }

    // The old server never downgraded a plan, so an imported customer may have one that ended long ago.
    async fn an_imported_customer_with_an_expired_plan_can_buy_it_again(builder: Builder) {
        let app = builder.with_stripe().start().await;
        app.customer("user_1", "PRO", hours_ago(24 * 90));
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_user_1', stripe_subscription_id = 'sub_0'");
        let client = app.user("user_1");
        assert_eq!(client.tell(&event("evt_1", "customer.subscription.created", now(), running("user_1").object())).await, 200);
        assert_eq!(record(&client).await, json!(["PRO", "cus_user_1", "sub_1", PRO]));
        client.create("web", "PRO").await;
    }

    // A subscription created in Stripe's dashboard names no user; another one of the same customer does.
    async fn a_subscription_without_user_belongs_to_the_user_of_its_customer(builder: Builder) {
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
            for message in both {
                assert_eq!(client.tell(&message).await, 200);
            }
            assert_eq!(record(&client).await, json!(["BUSINESS", format!("cus_{user}"), by_hand, BUSINESS]));
        }
    }

    // An update may have a later time than the cancellation.
    async fn an_ended_subscription_does_not_come_back(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = app.user("user_1");
        client.call("user.me", Value::Null).await;
        let ended = Subscription { status: "canceled", ..running("user_1") };
        for message in [
            event("evt_1", "customer.subscription.deleted", now(), ended.object()),
            event("evt_2", "customer.subscription.updated", now() + 5, running("user_1").object()),
            event("evt_3", "invoice.paid", now() + 6, running("user_1").invoice()),
        ] {
            assert_eq!(client.tell(&message).await, 200);
        }
        assert_eq!(record(&client).await, json!(["FREE", "cus_user_1", null, null]));
    }
}
