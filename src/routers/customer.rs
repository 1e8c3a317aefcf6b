//! `customer.*`: the caller's customer record, which holds the plan and the Stripe ids.

use procedures::{Access, Code};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    example,
    success::{SUCCESS, Success},
};
use crate::{
    db::Timestamp,
    error::Result,
    kernel::{Audited, Call, Router},
    models::{customer::Customer, plan::Plan},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OwnUser {
    /// The caller's own id, which is the default. Another id is FORBIDDEN.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

/// A user's customer record: the plan and the Stripe ids.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Customer")]
pub struct CustomerOutput {
    id: i64,
    /// The id of the user.
    auth_user_id: String,
    name: Option<String>,
    plan: Plan,
    stripe_customer_id: Option<String>,
    stripe_subscription_id: Option<String>,
    stripe_price_id: Option<String>,
    /// The end of the paid period; null on FREE.
    stripe_current_period_end: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("customer")
        .query("get", Access::User, "The caller's customer record, or null if there is none.", get)
        .old_name("customer.queryCustomer")
        .one_statement()
        .example(json!({}), example::customer())
        .mutation("create", Access::User, "Creates the caller's customer record with the plan FREE.", create)
        .old_name("customer.insertCustomer")
        .errors([Code::Conflict])
        .example(json!({}), example::success())
}

fn get(call: &mut Call<'_>, input: OwnUser) -> Result<Option<CustomerOutput>> {
    let user = call.own(input.user_id.as_deref())?;
    Ok(Customer::of(call.conn, &user.id)?.map(CustomerOutput::from))
}

fn create(call: &mut Call<'_>, input: OwnUser) -> Result<Audited<Success>> {
    let user = call.own(input.user_id.as_deref())?;
    let id = Customer::create(call.conn, &user.id, call.now)?;
    Ok(Audited::changed(SUCCESS, "customer", id, json!({"userId": user.id, "plan": Plan::Free})))
}

impl From<Customer> for CustomerOutput {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id,
            auth_user_id: customer.auth_user_id,
            name: customer.name,
            plan: customer.plan,
            stripe_customer_id: customer.stripe_customer_id,
            stripe_subscription_id: customer.stripe_subscription_id,
            stripe_price_id: customer.stripe_price_id,
            stripe_current_period_end: customer.stripe_current_period_end,
            created_at: customer.created_at,
            updated_at: customer.updated_at,
        }
    }
}
