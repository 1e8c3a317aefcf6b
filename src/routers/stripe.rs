//! `stripe.*`: what the caller pays for, and where to pay.

use procedures::{Access, Code, NoInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::example;
use crate::{
    error::{Error, Result},
    kernel::{AsyncCall, Audited, Call, Reply, Router, limiter},
    models::customer::Customer,
    stripe::{Amounts, Interval, session},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateSession {
    /// The Stripe price to buy: one of those that `stripe.userPlans` names, or any other that is for sale.
    #[schemars(length(min = 7, max = 255), regex(pattern = "^price_"))]
    plan_id: String,
}

/// Where to send the browser.
#[derive(Debug, Serialize, JsonSchema)]
struct SessionCreated {
    /// Whether there is somewhere to go.
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// The card of the caller's plan, and what they have of it.
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
    /// Milliseconds since 1970; null when no period is paid.
    stripe_current_period_end: Option<i64>,
    /// Until a day after the period's end.
    is_paid: bool,
    /// Null when nothing is paid, or by a price that is not for sale any more.
    interval: Option<Interval>,
    /// Whether the subscription ends with its period.
    is_canceled: bool,
}

/// The plan's prices, where it is for sale.
#[derive(Debug, Serialize, JsonSchema)]
struct StripeIds {
    monthly: Option<String>,
    yearly: Option<String>,
}

pub fn router() -> Router {
    Router::new("stripe")
        .async_mutation(
            "createSession",
            Access::User,
            "Begins to buy a subscription; for who has one already, the way to change or cancel it.",
            create_session,
        )
        .bucket(limiter::STRIPE)
        .errors([Code::BadGateway, Code::GatewayTimeout])
        .example(
            json!({"planId": example::PRICE}),
            json!({"success": true, "url": "https://billing.stripe.com/p/session/example"}),
        )
        .query("userPlans", Access::User, "The caller's plan, or null when they are no customer.", user_plans)
        .one_statement()
        .example(json!({}), example::user_plan())
}

fn create_session(call: AsyncCall, input: CreateSession) -> Reply<SessionCreated> {
    Box::pin(async move {
        let stripe = call.stripe();
        let (client, app) = (stripe.client()?, stripe.app()?);
        if stripe.prices().find(&input.plan_id).is_none() {
            return Err(Error::field("planId", "invalid_value", "must be a price that is for sale"));
        }
        let user = call.caller().ok_or(Error::Unauthorized("Nobody is signed in."))?.clone();
        let id = user.id.clone();
        let customer = call.read(move |call| Ok(Customer::of(call.conn, &id)?)).await?;
        let (now, deadline) = (call.now.millis().div_euclid(1000), call.deadline().into());
        let create = async |path: &'static str, form| {
            client.create(path, &form, &session::idempotency_key(&user, path, &form, now), deadline).await
        };
        let is_paying = customer.as_ref().is_some_and(|customer| customer.is_paying(call.now));
        let (known, portal) = match customer.and_then(|customer| customer.stripe_customer_id) {
            Some(known) => (known, is_paying),
            None => {
                let created = create(session::CUSTOMERS, session::customer(&user)).await?.id;
                // Kept before anything else can fail: Stripe forgets the key after a day, and would make another.
                (call.write(link(user.id.clone(), created)).await?, false)
            }
        };
        let session = match portal {
            true => create(session::PORTAL, session::portal(&known, app)).await?,
            false => create(session::CHECKOUT, session::checkout(&user, &known, &input.plan_id, app)).await?,
        };
        let Some(url) = session.url else { return Ok(SessionCreated { success: false, url: None }) };
        let (id, detail) = (session.id, json!({"planId": input.plan_id, "portal": portal}));
        call.write(move |_| Ok(Audited::changed((), "stripe_session", &id, detail.clone()))).await?;
        Ok(SessionCreated { success: true, url: Some(url) })
    })
}

/// Keeps who the caller is at Stripe, and gives that back: what is known already stays.
fn link(user: String, created: String) -> impl FnMut(&mut Call<'_>) -> Result<Audited<String>> {
    move |call| {
        let (changed, known) = Customer::link(call.conn, &user, &created, call.now)?;
        Ok(match changed {
            Some(id) => {
                let detail = json!({"stripeCustomerId": known});
                Audited::changed(known, "customer", id, detail)
            }
            None => Audited::unchanged(known),
        })
    }
}

fn user_plans(call: &mut Call<'_>, _: NoInput) -> Result<Option<UserPlan>> {
    let stripe = call.stripe;
    stripe.client()?;
    let caller = call.caller()?;
    let Some(customer) = Customer::of(call.conn, &caller.id)? else { return Ok(None) };
    let is_paid = customer.is_paying(call.now);
    let plan = customer.allowance(call.now);
    let card =
        stripe.cards().of(plan).cloned().ok_or_else(|| Error::Internal(anyhow::anyhow!("no card for {plan:?}")))?;
    let price = |interval| stripe.prices().of(plan, interval).map(str::to_owned);
    let paid_price = customer.stripe_price_id.as_deref().filter(|_| is_paid);
    Ok(Some(UserPlan {
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
        stripe_current_period_end: customer.stripe_current_period_end.map(|end| end.millis()),
        is_paid,
        is_canceled: is_paid && customer.stripe_cancel_at_period_end,
    }))
}
