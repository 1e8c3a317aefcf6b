//! `admin.reconcileUser`: asks Stripe for the subscriptions of one user, and applies what it says. For all users the command
//! `clusterdesk webhooks reconcile` does it, because that takes longer than a call may.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::user_detail::OneUser;
use crate::{
    error::{Error, Result},
    kernel::{AsyncCall, Audited, Call, Reply},
    models::{any_user::AnyUser, customer::Customer, stripe_subscription::StripeSubscription},
    stripe::{
        Retrieved,
        reconcile::{Reconciled, apply},
    },
};

/// Subscriptions that are asked for one by one at most.
const ASKED: usize = 10;

/// What came of asking Stripe.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Reconciliation {
    /// Each subscription that Stripe or this server knows. Of those that Stripe does not list, it is asked for ten; the others fail.
    subscriptions: Vec<ReconciledSubscription>,
}

/// What came of one subscription.
#[derive(Debug, Serialize, JsonSchema)]
struct ReconciledSubscription {
    /// Stripe's id.
    id: String,
    outcome: Outcome,
    /// Why it was ignored or failed, or what somebody should look at.
    detail: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    /// Its state was applied.
    Changed,
    /// Its state was known.
    Unchanged,
    /// Its state has no effect.
    Ignored,
    /// Stripe does not know it. What is stored stays.
    Gone,
    /// Its state could not be applied.
    Failed,
}

/// What is known of a user's payments.
#[derive(Clone, Debug)]
struct Payments {
    stripe_customer: Option<String>,
    /// Subscriptions that have not ended.
    subscriptions: Vec<String>,
}

/// The handler of `admin.reconcileUser`.
pub(super) fn reconcile(call: AsyncCall, input: OneUser) -> Reply<Reconciliation> {
    Box::pin(async move {
        call.stripe().client()?;
        let user_id = input.user_id;
        let account = call.read(move |call| account(call, &user_id)).await?;
        let mut subscriptions = Vec::new();
        for asked in ask(&call, account).await? {
            subscriptions.push(match asked {
                Asked::Gone(id) => ReconciledSubscription { id, outcome: Outcome::Gone, detail: None },
                Asked::State(id, state) => settle(&call, id, state).await?,
                Asked::Skipped(id) => ReconciledSubscription {
                    id,
                    outcome: Outcome::Failed,
                    detail: Some(format!("not asked about: one call asks for at most {ASKED}")),
                },
            });
        }
        Ok(Reconciliation { subscriptions })
    })
}

fn account(call: &mut Call<'_>, user_id: &str) -> Result<Payments> {
    AnyUser::find(call.conn, user_id)?.ok_or(Error::NotFound("user"))?;
    let customer = Customer::of(call.conn, user_id)?;
    let known = StripeSubscription::of(call.conn, user_id)?;
    let recorded = customer.as_ref().and_then(|customer| customer.stripe_subscription_id.clone());
    let recorded = recorded.filter(|id| known.iter().all(|one| one.id != *id));
    let open = known.iter().filter(|one| !one.has_ended()).map(|one| one.id.clone());
    let subscriptions = open.chain(recorded).collect();
    let of_subscription = || known.iter().rev().find_map(|one| one.stripe_customer_id.clone());
    let stripe_customer = customer.and_then(|customer| customer.stripe_customer_id).or_else(of_subscription);
    Ok(Payments { stripe_customer, subscriptions })
}

/// Stripe's answer about a subscription with this id.
enum Asked {
    Gone(String),
    State(String, Retrieved<Value>),
    /// Not asked about, because the call has to end in time.
    Skipped(String),
}

/// Asks for the subscriptions of the Stripe customer, of which some may not be known here, and for the others that are.
async fn ask(call: &AsyncCall, account: Payments) -> Result<Vec<Asked>> {
    let (client, deadline) = (call.stripe().client()?, call.deadline().into());
    let listed = match &account.stripe_customer {
        Some(customer) => match client.subscriptions(customer, deadline).await {
            Err(Error::NotAtStripe { .. }) => Vec::new(),
            listed => listed?,
        },
        None => Vec::new(),
    };
    let mut asked = Vec::new();
    for state in listed {
        let id = state.content.get("id").and_then(Value::as_str).map(str::to_owned);
        let id = id.ok_or_else(|| Error::BadGateway("a subscription in Stripe's list has no id".to_owned()))?;
        asked.push(Asked::State(id, state));
    }
    let is_listed =
        |asked: &[Asked], id: &str| asked.iter().any(|one| matches!(one, Asked::State(known, _) if known == id));
    let others: Vec<String> = account.subscriptions.into_iter().filter(|id| !is_listed(&asked, id)).collect();
    for (number, id) in others.into_iter().enumerate() {
        if number >= ASKED {
            asked.push(Asked::Skipped(id));
            continue;
        }
        asked.push(match client.retrieve("subscriptions", &id, deadline).await {
            Err(Error::NotAtStripe { .. }) => Asked::Gone(id),
            state => Asked::State(id, state?),
        });
    }
    Ok(asked)
}

/// Applies a state in a transaction of its own, with an audit entry if it changes something.
///
/// # Errors
/// What keeps the others from being applied too: the caller's rights, the database.
async fn settle(call: &AsyncCall, id: String, state: Retrieved<Value>) -> Result<ReconciledSubscription> {
    let (state, entity_id) = (Arc::new(state), id.clone());
    let settle = move |call: &mut Call<'_>| {
        let reconciled = apply(call.conn, call.stripe, &state, call.request_id)?;
        Ok(match reconciled.is_change() {
            true => Audited::changed(reconciled, "stripe_subscription", &entity_id, json!({})),
            false => Audited::unchanged(reconciled),
        })
    };
    let (outcome, detail) = match call.write(settle).await {
        Ok(Reconciled::Changed) => (Outcome::Changed, None),
        Ok(Reconciled::Double(why)) => (Outcome::Changed, Some(why)),
        Ok(Reconciled::Unchanged) => (Outcome::Unchanged, None),
        Ok(Reconciled::Ignored(why)) => (Outcome::Ignored, Some(why)),
        Ok(Reconciled::Failed(why)) => (Outcome::Failed, Some(why)),
        // About this subscription only: others have been applied, or can be.
        Err(
            error @ (Error::PreconditionFailed(_) | Error::Conflict { .. } | Error::Contention | Error::NotFound(_)),
        ) => (Outcome::Failed, Some(error.to_string())),
        Err(error) => return Err(error),
    };
    Ok(ReconciledSubscription { id, outcome, detail })
}
