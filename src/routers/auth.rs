//! `auth.*`: the caller's subscription.

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

/// The plan that a customer pays for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct MySubscription {
    plan: Plan,
    /// The end of the paid period; null on FREE.
    ends_at: Option<Timestamp>,
}

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("auth")
        .query(
            "mySubscription",
            Access::User,
            "The caller's plan and the end of the paid period, or null if the caller is not a customer.",
            my_subscription,
        )
        .one_statement()
        .example(json!({}), example::subscription())
}

fn my_subscription(call: &mut Call<'_>, _: NoInput) -> Result<Option<MySubscription>> {
    let caller = call.caller()?;
    let customer = Customer::of(call.conn, &caller.id)?;
    Ok(customer.map(|customer| MySubscription { plan: customer.plan, ends_at: customer.stripe_current_period_end }))
}
