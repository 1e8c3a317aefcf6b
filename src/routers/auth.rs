//! `auth.*`: what the caller's subscription allows.

use procedures::{Access, NoInput};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::example;
use crate::{
    db::Timestamp,
    error::Result,
    kernel::{Call, Router},
    models::{customer::Customer, plan::Plan},
};

/// What a customer pays for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MySubscription")]
struct Subscription {
    plan: Plan,
    /// When the paid period ends; null on FREE.
    ends_at: Option<Timestamp>,
}

pub fn router() -> Router {
    Router::new("auth")
        .query("mySubscription", Access::User, "The caller's plan, or null when they are no customer.", my_subscription)
        .one_statement()
        .example(json!({}), example::subscription())
}

fn my_subscription(call: &mut Call<'_>, _: NoInput) -> Result<Option<Subscription>> {
    let caller = call.caller()?;
    let customer = Customer::of(call.conn, &caller.id)?;
    Ok(customer.map(|customer| Subscription { plan: customer.plan, ends_at: customer.stripe_current_period_end }))
}
