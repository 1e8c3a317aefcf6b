//! `stripe.*`: the caller's plan, and the pages to buy, change or cancel a subscription (docs/API.md, "Billing").

use procedures::{Access, Code, NoInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{checkout, example};
use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::{AsyncCall, Audited, Call, Reply, Router, limiter},
    models::customer::Customer,
    stripe::{Amounts, Interval, Stripe},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateSession {
    /// The id of a Stripe price that the server sells, such as one of `stripeIds` in `stripe.userPlans`.
    #[schemars(length(min = 7, max = 255), regex(pattern = "^price_"), extend("x-message" = "must start with `price_`"))]
    plan_id: String,
}

/// A page to open in the browser.
#[derive(Debug, Serialize, JsonSchema)]
struct SessionCreated {
    /// Whether there is a `url`.
    success: bool,
    /// The Checkout or portal page.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// The description of the caller's plan, and the state of the subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UserPlan {
    title: String,
    description: String,
    benefits: Vec<String>,
    limitations: Vec<String>,
    prices: Amounts,
    stripe_ids: StripeIds,
    stripe_customer_id: Option<String>,
    stripe_subscription_id: Option<String>,
    stripe_price_id: Option<String>,
    /// The end of the paid period in milliseconds since 1970; 0 if none was paid.
    stripe_current_period_end: i64,
    /// Whether the subscription is running: until one day after the end of the paid period.
    is_paid: bool,
    /// The billing interval; null without a running subscription, or if its price is no longer sold.
    interval: Option<Interval>,
    /// Whether the subscription was cancelled and ends with the paid period.
    is_canceled: bool,
}

/// The ids of the plan's Stripe prices; null where the plan is not sold.
#[derive(Debug, Serialize, JsonSchema)]
struct StripeIds {
    monthly: Option<String>,
    yearly: Option<String>,
}

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("stripe")
        .async_mutation(
            "createSession",
            Access::User,
            "Returns the URL of a page to buy a subscription or, with one that is not over, to change, pay or cancel it.",
            create_session,
        )
        .bucket(limiter::STRIPE)
        .errors([Code::Conflict, Code::BadGateway, Code::GatewayTimeout])
        .example(
            json!({"planId": example::PRICE}),
            json!({"success": true, "url": "https://billing.stripe.com/p/session/example"}),
        )
        .query(
            "userPlans",
            Access::User,
            "The caller's plan and subscription, or null if the caller is not a customer.",
            user_plans,
        )
        .one_statement()
        .example(json!({}), example::user_plan())
}

fn create_session(call: AsyncCall, input: CreateSession) -> Reply<SessionCreated> {
    Box::pin(async move {
        let stripe = call.stripe();
        let (client, app) = (stripe.client()?, stripe.app()?);
        if stripe.prices().find(&input.plan_id).is_none() {
            return Err(Error::field("planId", "invalid_value", "must be a price that this server sells"));
        }
        let user = call.caller().ok_or(Error::Unauthorized("Nobody is signed in."))?.clone();
        let request = checkout::Request { call: &call, user: &user, price: &input.plan_id, client, app };
        let (page, session) = request.open().await?;
        let Some(url) = session.url else { return Ok(SessionCreated { success: false, url: None }) };
        let detail = json!({"planId": input.plan_id, "portal": page.is_portal()});
        let change = Audited::changed((), "stripe_session", session.id, detail);
        call.finish(SessionCreated { success: true, url: Some(url) }, change).await
    })
}

fn user_plans(call: &mut Call<'_>, _: NoInput) -> Result<Option<UserPlan>> {
    let caller = call.caller()?;
    let customer = Customer::of(call.conn, &caller.id)?;
    customer.map(|customer| user_plan(call.stripe, customer, call.now)).transpose()
}

fn user_plan(stripe: &Stripe, customer: Customer, now: Timestamp) -> Result<UserPlan> {
    let is_paid = customer.is_paying(now);
    let plan = customer.allowance(now);
    let card =
        stripe.cards().of(plan).cloned().ok_or_else(|| Error::Internal(anyhow::anyhow!("no card for {plan:?}")))?;
    let price = |interval| stripe.prices().of(plan, interval).map(str::to_owned);
    let paid_price = customer.stripe_price_id.as_deref().filter(|_| is_paid);
    Ok(UserPlan {
        title: card.title,
        description: card.description,
        benefits: card.benefits,
        limitations: card.limitations,
        prices: card.prices,
        stripe_ids: StripeIds { monthly: price(Interval::Month), yearly: price(Interval::Year) },
        interval: paid_price.and_then(|price| stripe.prices().find(price)).map(|(_, interval)| interval),
        stripe_customer_id: customer.stripe_customer_id,
        stripe_subscription_id: customer.stripe_subscription_id,
        stripe_price_id: customer.stripe_price_id,
        stripe_current_period_end: customer.stripe_current_period_end.map_or(0, |end| end.millis()),
        is_paid,
        is_canceled: is_paid && customer.stripe_cancel_at_period_end,
    })
}
