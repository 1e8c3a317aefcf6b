//! The account sells other things too, on their own or in one subscription with a plan.

use serde_json::{Value, json};

use super::{MONTH, record, running, subscribed};
use crate::support::{BUSINESS, Builder, Client, PRO, Subscription, all, both_databases, event, fixed_now, now};

const ADD_ON: &str = "price_add_on";

fn item(price: &str, start: u64, end: u64) -> Value {
    json!({
        "id": format!("si_{price}"), "price": {"id": price, "object": "price"},
        "current_period_start": start, "current_period_end": end,
    })
}

/// A subscription of the user's Stripe customer to something else.
fn another_product(user: &str) -> Value {
    let mut object = Subscription { id: "sub_other", price: ADD_ON, ..running(user) }.object();
    object["metadata"] = json!({});
    object
}

async fn end_of_period(client: &Client) -> String {
    client.call("customer.get", Value::Null).await["stripeCurrentPeriodEnd"].as_str().unwrap().to_owned()
}

fn moment(seconds: u64) -> String {
    chrono::DateTime::from_timestamp(seconds as i64, 0).unwrap().format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

both_databases! {
    async fn the_highest_plan_among_the_items_counts_wherever_it_is(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let (start, end) = (fixed_now() - 60, fixed_now() + MONTH);
        let (pro, business) = (item(PRO, start, end), item(BUSINESS, start, end + MONTH));
        let add_on = item(ADD_ON, start, end + 5 * MONTH);
        for (number, (items, plan, price, until)) in [
            (vec![&add_on, &pro], "PRO", PRO, end),
            (vec![&pro, &add_on, &business], "BUSINESS", BUSINESS, end + MONTH),
            (vec![&business, &pro], "BUSINESS", BUSINESS, end + MONTH),
        ].into_iter().enumerate() {
            let user = format!("user_{number}");
            let id = format!("sub_{number}");
            let client = app.user(&user);
            client.call("user.me", Value::Null).await;
            let mut object = Subscription { id: &id, ..running(&user) }.object();
            object["items"]["data"] = json!(items);
            let message = event(&format!("evt_{number}"), "customer.subscription.created", now(), object);
            assert_eq!(client.tell(&message).await, 200);
            assert_eq!(record(&client).await, json!([plan, format!("cus_{user}"), id, price]));
            assert_eq!(end_of_period(&client).await, moment(until), "the period is that of the plan");
            client.create("web", plan).await;
        }
    }

    async fn lines_for_an_add_on_do_not_extend_the_paid_period(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        let next = Subscription { start: running("user_1").end, end: fixed_now() + 2 * MONTH, ..running("user_1") };
        let yearly = Subscription { price: ADD_ON, end: fixed_now() + 12 * MONTH, ..next.clone() };
        let (mut current, mut old) = (next.invoice(), yearly.old_invoice());
        let line = yearly.invoice()["lines"]["data"][0].clone();
        current["lines"]["data"].as_array_mut().unwrap().insert(0, line);
        assert_eq!(client.tell(&event("evt_1", "invoice.paid", now(), current)).await, 200);
        assert_eq!(end_of_period(&client).await, moment(next.end));
        old["customer"] = json!("cus_user_1");
        assert_eq!(client.tell(&event("evt_2", "invoice.paid", now(), old)).await, 200);
        assert_eq!(end_of_period(&client).await, moment(next.end));
    }

    async fn another_product_of_our_customer_is_recorded_without_effect(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        let before = client.call("customer.get", Value::Null).await;
        let other = Subscription { id: "sub_other", price: ADD_ON, ..running("user_1") };
        let mut old_format = other.old_object();
        old_format["metadata"] = json!({});
        let mut incomplete = another_product("user_1");
        incomplete["status"] = json!("incomplete");
        let mut ended = another_product("user_1");
        ended["status"] = json!("canceled");
        for (number, (kind, object)) in [
            ("customer.subscription.created", incomplete),
            ("customer.subscription.updated", another_product("user_1")),
            ("customer.subscription.updated", old_format),
            ("invoice.paid", other.invoice()),
            ("invoice.payment_succeeded", other.old_invoice()),
            ("customer.subscription.deleted", ended),
        ].into_iter().enumerate() {
            assert_eq!(client.tell(&event(&format!("evt_{number}"), kind, now() + 1, object)).await, 200, "{kind}");
        }
        assert_eq!(client.call("customer.get", Value::Null).await, before);
        assert_eq!(app.count("stripe_subscriptions"), 1);
        let listed = app.admin().call("admin.webhookEvents", json!({})).await;
        let errors = all(&listed["items"], "error");
        let ignored = errors.iter().filter(|error| **error == "it is about something else that the account sells");
        assert_eq!((errors.len(), ignored.count()), (7, 6));
        assert_eq!(app.count("stripe_events WHERE processed_at IS NULL"), 0);
    }

    // A state that was stored before it was known to be about something else.
    async fn a_stored_subscription_to_another_product_is_ignored_too(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        app.execute(&format!(
            "INSERT INTO stripe_subscriptions (id, stripe_customer_id, auth_user_id, status, price_id)
             VALUES ('sub_other', 'cus_user_1', 'user_1', 'incomplete', '{ADD_ON}')"
        ));
        let active = event("evt_1", "customer.subscription.updated", now() + 1, another_product("user_1"));
        assert_eq!(client.tell(&active).await, 200);
        assert_eq!(record(&client).await[0], "PRO");
    }

    async fn a_subscription_of_ours_with_an_unknown_price_fails(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        let unknown = Subscription { price: "price_new", ..running("user_1") };
        // With our metadata, and without it when the subscription had one of our prices before.
        let mut nameless = unknown.object();
        nameless["metadata"] = json!({});
        for (id, object) in [("evt_1", unknown.object()), ("evt_2", nameless)] {
            assert_eq!(client.tell(&event(id, "customer.subscription.updated", now() + 1, object)).await, 500);
        }
        assert_eq!(record(&client).await[0], "PRO");
        assert_eq!(app.count("stripe_events WHERE processed_at IS NULL AND error LIKE '%price_new%'"), 2);
    }
}
