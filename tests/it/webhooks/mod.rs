//! Stripe's events: their signatures and effects, and that none is lost or applied twice.

mod corners;
mod customers;
mod delivery;
mod double;
mod effects;
mod operators;
mod order;
mod other_products;
mod reconcile;
mod reconcile_user;
mod revenue;
mod signatures;

use serde_json::{Value, json};

use crate::support::{Client, PRO, Subscription, TestApp, event, fixed_now, now};

const MONTH: u64 = 30 * 24 * 3600;

/// An active subscription.
fn running(user: &str) -> Subscription<'_> {
    Subscription {
        id: "sub_1",
        user,
        status: "active",
        price: PRO,
        start: fixed_now() - 60,
        end: fixed_now() + MONTH,
        cancel: false,
    }
}

/// Plan, Stripe customer, subscription and price of a customer.
async fn record(client: &Client) -> Value {
    let customer = client.call("customer.get", Value::Null).await;
    json!([customer["plan"], customer["stripeCustomerId"], customer["stripeSubscriptionId"], customer["stripePriceId"]])
}

/// Creates a user with an active subscription.
async fn subscribed(app: &TestApp, user: &str) -> Client {
    let client = app.user(user);
    client.call("user.me", Value::Null).await;
    let begun = event("evt_begun", "customer.subscription.created", now() - 60, running(user).object());
    assert_eq!(client.tell(&begun).await, 200);
    client
}
