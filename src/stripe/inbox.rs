//! Processing of events. An event and its effect are committed in one transaction, one event at a time, each once.

use std::time::Duration;

use serde_json::json;

use super::{
    effect,
    event::{Event, EventContent},
    prices::Prices,
};
use crate::{
    db::{DbConnection, Timestamp, dialect, transaction},
    error::{Error, Result},
    models::{
        audit::NewAuditEntry,
        customer::{Customer, Standing},
        stripe_event::{Receipt, StripeEvent},
        stripe_subscription::StripeSubscription,
        user,
    },
};

/// How long processed events are kept. Stripe retries an event for up to three days.
const RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Events that were processed before this moment may be purged.
pub fn oldest_kept(now: Timestamp) -> Timestamp {
    now.minus(RETENTION)
}

/// How the processing of an event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// The event was processed; it may have had no effect.
    Processed,
    /// The event had been processed before.
    Duplicate,
    /// The event could not be processed, for this reason. It is stored for another attempt.
    Failed(String),
}

/// Processes an event in the open transaction. If that fails, its effect is rolled back and the event is stored with
/// the reason.
///
/// # Errors
/// A temporary failure, after which Stripe should send the event again.
pub fn receive(
    conn: &mut DbConnection,
    prices: &Prices,
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<EventOutcome> {
    dialect::lock_until_commit(conn, dialect::STRIPE)?;
    let known = StripeEvent::find(conn, &event.id)?;
    if known.as_ref().is_some_and(|known| known.processed_at.is_some()) {
        return Ok(EventOutcome::Duplicate);
    }
    let effect = transaction::savepoint(conn, |conn| apply(conn, prices, event, request_id, now));
    let (failed, reason) = match effect {
        Ok(reason) => (false, reason.map(str::to_owned)),
        Err(Error::PreconditionFailed(why)) => (true, Some(why)),
        // Temporary: Stripe sends the event again.
        Err(transient @ (Error::Unavailable { .. } | Error::Contention | Error::Timeout)) => return Err(transient),
        Err(error) => {
            tracing::error!(event = event.id, request_id, ?error, "a Stripe event could not be processed");
            (true, Some(error.to_string()))
        }
    };
    let receipt = Receipt { id: &event.id, kind: &event.kind, created_at: event.created_at, payload: &event.payload };
    receipt.note(conn, known.as_ref(), failed, reason.as_deref(), now)?;
    Ok(if failed { EventOutcome::Failed(reason.unwrap_or_default()) } else { EventOutcome::Processed })
}

/// Processes a stored event again.
///
/// # Errors
/// NOT_FOUND if there is no such event; a temporary failure.
pub fn replay(
    conn: &mut DbConnection,
    prices: &Prices,
    id: &str,
    request_id: &str,
    now: Timestamp,
) -> Result<EventOutcome> {
    let stored = StripeEvent::find(conn, id)?.ok_or(Error::NotFound("event"))?;
    receive(conn, prices, &Event::read(stored.payload.as_bytes())?, request_id, now)
}

/// Applies an event. Returns why it had no effect, if that is worth recording; PRECONDITION_FAILED says why it failed.
fn apply(
    conn: &mut DbConnection,
    prices: &Prices,
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<Option<&'static str>> {
    let content = event.content().map_err(Error::PreconditionFailed)?;
    let subscription = match &content {
        EventContent::Subscription(state) => Some(state.subscription.as_str()),
        EventContent::InvoicePaid { subscription, .. } => Some(subscription.as_str()),
        EventContent::CheckoutCompleted { subscription, .. } => subscription.as_deref(),
        EventContent::Irrelevant => None,
    };
    let known = subscription.map(|id| StripeSubscription::find(conn, id)).transpose()?.flatten();
    let mut merged = effect::merged(known.as_ref(), event, &content);
    if let Some(merged) = &mut merged {
        if merged.auth_user_id.is_none()
            && let Some(customer) = &merged.stripe_customer_id
        {
            merged.auth_user_id = Customer::user_of(conn, customer)?;
        }
        if known.as_ref() != Some(merged) {
            merged.store(conn, known.is_none())?;
        }
    }
    let (user, customer) = match content {
        EventContent::CheckoutCompleted { user, customer, .. } => (Some(user), Some(customer)),
        _ => (None, None),
    };
    let stripe_customer =
        merged.as_ref().and_then(|merged| merged.stripe_customer_id.clone()).or_else(|| customer.clone());
    let Some(owner) = merged.and_then(|merged| merged.auth_user_id).or(user) else { return Ok(None) };
    // Subscriptions of the same Stripe customer may have arrived before their user was known.
    if let Some(stripe_customer) = &stripe_customer {
        StripeSubscription::adopt(conn, stripe_customer, &owner)?;
    }
    let subscriptions = StripeSubscription::of(conn, &owner)?;
    let standing = effect::standing(&subscriptions, prices).map_err(Error::PreconditionFailed)?;
    let standing = match Customer::of(conn, &owner)? {
        Some(customer) if customer.is_paying(now) && has_unknown_subscription(&customer, &subscriptions) => {
            let known = (customer.plan, customer.stripe_current_period_end);
            standing.filter(|standing| (standing.plan, standing.stripe_current_period_end) > known)
        }
        _ => standing,
    };
    let settlement = Settlement { owner, standing, stripe_customer_id: customer };
    settle(conn, settlement, event, request_id, now)
}

/// Whether a customer has a subscription without any event, as imported customers do. As long as it is paid for, only a
/// better one replaces it.
fn has_unknown_subscription(customer: &Customer, known: &[StripeSubscription]) -> bool {
    let is_known = |id: &String| known.iter().any(|known| known.id == *id && known.status.is_some());
    customer.stripe_subscription_id.as_ref().is_some_and(|id| !is_known(id))
}

/// What an event changes for a user.
struct Settlement {
    owner: String,
    standing: Option<Standing>,
    stripe_customer_id: Option<String>,
}

/// Updates a user's customer record, and creates it if there is none. Returns why nothing was done, if so.
fn settle(
    conn: &mut DbConnection,
    Settlement { owner, standing, stripe_customer_id }: Settlement,
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<Option<&'static str>> {
    dialect::lock_user(conn, &owner)?;
    if !user::exists(conn, &owner)? {
        // A user who is not known yet may still sign in: then another attempt succeeds.
        return match user::is_gone(conn, &owner)? {
            true => Ok(Some("the user was deleted")),
            false => Err(Error::PreconditionFailed("the user is not known yet".to_owned())),
        };
    }
    let customer = match Customer::of(conn, &owner)? {
        Some(customer) => customer,
        None => {
            Customer::create(conn, &owner, now)?;
            Customer::of(conn, &owner)?.ok_or(Error::NotFound("customer"))?
        }
    };
    let before = customer.standing();
    let mut standing = standing.unwrap_or_else(|| before.clone());
    standing.stripe_customer_id =
        standing.stripe_customer_id.or(stripe_customer_id).or_else(|| before.stripe_customer_id.clone());
    if before == standing {
        return Ok(None);
    }
    customer.set_standing(conn, &standing, now)?;
    let detail = json!({"event": event.id, "type": event.kind, "from": before.plan, "to": standing.plan});
    let entry = NewAuditEntry {
        created_at: now,
        actor_id: "stripe",
        procedure: "stripe.webhook",
        entity: "customer",
        entity_id: &customer.id.to_string(),
        detail: &detail.to_string(),
        request_id,
    };
    entry.insert(conn)?;
    Ok(None)
}
