//! The result does not depend on the order of events, nor on repetitions.

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use super::{MONTH, record};
use crate::support::{BUSINESS, Backend, Builder, Client, PRO, Subscription, TestApp, event, now};

/// All events of two subscriptions of a user: created, upgraded, past due, paid, cancelled, ended, and created anew.
fn history(user: &str, start: u64, same_second: bool) -> Vec<Value> {
    let (first, second) = (format!("sub_1_{user}"), format!("sub_2_{user}"));
    let base =
        Subscription { id: &first, user, status: "incomplete", price: PRO, start, end: start + MONTH, cancel: false };
    let active = Subscription { status: "active", ..base.clone() };
    let upgraded = Subscription { price: BUSINESS, ..active.clone() };
    let overdue = Subscription { status: "past_due", start: base.end, end: base.end + MONTH, ..upgraded.clone() };
    let renewed = Subscription { status: "active", ..overdue.clone() };
    let ending = Subscription { cancel: true, ..renewed.clone() };
    let over = Subscription { status: "canceled", ..ending.clone() };
    let next = Subscription { id: &second, ..active.clone() };
    // Created by a checkout: at first only the checkout names the user.
    let mut nameless = base.object();
    nameless["metadata"] = json!({});
    let checkout = json!({
        "id": "cs_1", "object": "checkout.session", "mode": "subscription", "metadata": {"userId": user},
        "customer": format!("cus_{user}"), "subscription": first,
    });
    let steps = [
        ("customer.subscription.created", nameless),
        ("customer.subscription.updated", active.object()),
        ("checkout.session.completed", checkout),
        ("invoice.paid", active.invoice()),
        ("customer.subscription.updated", upgraded.old_object()),
        ("customer.subscription.updated", overdue.object()),
        ("invoice.payment_failed", overdue.invoice()),
        ("invoice.payment_succeeded", renewed.old_invoice()),
        ("customer.subscription.updated", renewed.object()),
        ("customer.subscription.updated", ending.object()),
        ("customer.subscription.deleted", over.object()),
        ("customer.subscription.created", next.object()),
    ];
    // With `same_second` the subscription is created, activated and paid in one second, and cancelled and ended in
    // another.
    let at = |number: u64| match number {
        0..=3 if same_second => start,
        9..=11 if same_second => start + 9,
        _ => start + number,
    };
    let message = steps.into_iter().zip(0..);
    // Later events have smaller ids, so that ids do not give the right order by chance.
    let id = |number: u64| format!("evt_{user}_{}", 99 - number);
    message.map(|((kind, object), number)| event(&id(number), kind, at(number), object)).collect()
}

/// Sends the events and returns the resulting customer.
async fn result(app: &TestApp, user: &str, events: &[Value]) -> Value {
    let client: Client = app.user(user);
    client.call("user.me", Value::Null).await;
    for event in events {
        assert_eq!(client.tell(event).await, 200);
    }
    let period = client.call("customer.get", Value::Null).await["stripeCurrentPeriodEnd"].clone();
    let result = json!([record(&client).await, period]).to_string().replace(user, "user");
    serde_json::from_str(&result).unwrap()
}

/// The numbers below `length` in any order, some of them repeated.
fn shuffled(length: usize) -> impl Strategy<Value = Vec<usize>> {
    let again = proptest::collection::vec(0..length, 0..length);
    again.prop_flat_map(move |again| Just((0..length).chain(again).collect::<Vec<_>>()).prop_shuffle())
}

async fn check(backend: Backend, same_second: bool) {
    let app = Builder::new(backend).with_stripe().start().await;
    let start = now() - 1000;
    // The expected plan and price after so many events in order.
    let parts = [
        (2, "PRO", Some(PRO)),
        (4, "PRO", Some(PRO)),
        (9, "BUSINESS", Some(BUSINESS)),
        (11, "FREE", None),
        (12, "PRO", Some(PRO)),
    ];
    for (length, plan, price) in parts {
        let in_order = format!("in_order_{length}");
        let expected = result(&app, &in_order, &history(&in_order, start, same_second)[..length]).await;
        assert_eq!((&expected[0][0], &expected[0][3]), (&json!(plan), &json!(price)), "{length}");
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
        for case in 0..5 {
            let order = shuffled(length).new_tree(&mut runner).unwrap().current();
            let user = format!("user_{length}_{case}");
            let history = history(&user, start, same_second);
            let events: Vec<Value> = order.iter().map(|index| history[*index].clone()).collect();
            assert_eq!(result(&app, &user, &events).await, expected, "{order:?}");
        }
    }
}

#[tokio::test]
async fn the_order_of_events_does_not_matter_on_sqlite() {
    check(Backend::Sqlite, false).await;
    check(Backend::Sqlite, true).await;
}

#[tokio::test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn the_order_of_events_does_not_matter_on_postgres() {
    check(Backend::Postgres, false).await;
    check(Backend::Postgres, true).await;
}
