//! Events on their way to their effect: both in one transaction, one event at a time, each once.

use std::time::Duration;

use serde_json::json;

use super::{Event, Prices, effect, event::Told};
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

/// How long events are kept that were handled. Stripe sends one again for three days.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Events that were handled before this moment may go.
pub fn oldest_kept(now: Timestamp) -> Timestamp {
    now.minus(KEPT)
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is there, if it has one.
    Processed,
    /// It was there already.
    Duplicate,
    /// It is kept, with the reason, until somebody tries again.
    Failed(String),
}

/// Handles an event in the open transaction. Whatever goes wrong with it undoes its effect and is kept with it.
///
/// # Errors
/// The database's.
pub fn receive(
    conn: &mut DbConnection,
    prices: &Prices,
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<Outcome> {
    dialect::lock_until_commit(conn, dialect::STRIPE)?;
    let known = StripeEvent::find(conn, &event.id)?;
    if known.as_ref().is_some_and(|known| known.processed_at.is_some()) {
        return Ok(Outcome::Duplicate);
    }
    let effect = transaction::savepoint(conn, |conn| act(conn, prices, event, request_id, now));
    let (failed, reason) = match effect {
        Ok(reason) => (false, reason.map(str::to_owned)),
        Err(Error::PreconditionFailed(why)) => (true, Some(why)),
        // Worth another try by itself: Stripe makes one.
        Err(transient @ (Error::Unavailable { .. } | Error::Contention | Error::Timeout)) => return Err(transient),
        Err(error) => {
            tracing::error!(event = event.id, request_id, ?error, "an event of Stripe's could not be handled");
            (true, Some(error.to_string()))
        }
    };
    let receipt = Receipt { id: &event.id, kind: &event.kind, created_at: event.created_at, payload: &event.payload };
    receipt.note(conn, known.as_ref(), failed, reason.as_deref(), now)?;
    Ok(if failed { Outcome::Failed(reason.unwrap_or_default()) } else { Outcome::Processed })
}

/// Tries again to handle an event that is kept.
///
/// # Errors
/// NOT_FOUND; the database's.
pub fn replay(conn: &mut DbConnection, prices: &Prices, id: &str, request_id: &str, now: Timestamp) -> Result<Outcome> {
    let kept = StripeEvent::find(conn, id)?.ok_or(Error::NotFound("event"))?;
    receive(conn, prices, &Event::read(kept.payload.as_bytes())?, request_id, now)
}

/// What the event does, or why nothing. A PRECONDITION_FAILED says why it can't.
fn act(
    conn: &mut DbConnection,
    prices: &Prices,
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<Option<&'static str>> {
    let told = event.told().map_err(Error::PreconditionFailed)?;
    let subscription = match &told {
        Told::State(state) => Some(state.subscription.as_str()),
        Told::Paid { subscription, .. } => Some(subscription.as_str()),
        Told::Bought { subscription, .. } => subscription.as_deref(),
        Told::Nothing => None,
    };
    let known = subscription.map(|id| StripeSubscription::find(conn, id)).transpose()?.flatten();
    let mut merged = effect::merged(known.as_ref(), event, &told);
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
    let (user, customer) = match told {
        Told::Bought { user, customer, .. } => (Some(user), Some(customer)),
        _ => (None, None),
    };
    let theirs = merged.as_ref().and_then(|merged| merged.stripe_customer_id.clone()).or_else(|| customer.clone());
    let Some(owner) = merged.and_then(|merged| merged.auth_user_id).or(user) else { return Ok(None) };
    // Others of the same customer may have come first, and named nobody.
    if let Some(theirs) = &theirs {
        StripeSubscription::adopt(conn, theirs, &owner)?;
    }
    let subscriptions = StripeSubscription::of(conn, &owner)?;
    let standing = effect::standing(&subscriptions, prices).map_err(Error::PreconditionFailed)?;
    let standing = match Customer::of(conn, &owner)? {
        Some(customer) if customer.is_paying(now) && is_on_untold(&customer, &subscriptions) => {
            let known = (customer.plan, customer.stripe_current_period_end);
            standing.filter(|standing| (standing.plan, standing.stripe_current_period_end) > known)
        }
        _ => standing,
    };
    settle(conn, &owner, (standing, customer), event, request_id, now)
}

/// Whether a customer is on a subscription of which no event has come: they were imported with it. While it is paid for,
/// only a better one takes its place.
fn is_on_untold(customer: &Customer, told: &[StripeSubscription]) -> bool {
    let is_told = |id: &String| told.iter().any(|told| told.id == *id && told.status.is_some());
    customer.stripe_subscription_id.as_ref().is_some_and(|id| !is_told(id))
}

/// Gives a user their standing, or at least their name at Stripe, as a customer if need be. Somebody who is gone has none.
fn settle(
    conn: &mut DbConnection,
    owner: &str,
    (standing, stripe_customer_id): (Option<Standing>, Option<String>),
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<Option<&'static str>> {
    dialect::lock_user(conn, owner)?;
    if !user::exists(conn, owner)? {
        // Who was never here may yet come: then another try has its effect.
        return match user::is_gone(conn, owner)? {
            true => Ok(Some("the user was deleted")),
            false => Err(Error::PreconditionFailed("the user is not known yet".to_owned())),
        };
    }
    let customer = match Customer::of(conn, owner)? {
        Some(customer) => customer,
        None => {
            Customer::create(conn, owner, now)?;
            Customer::of(conn, owner)?.ok_or(Error::NotFound("customer"))?
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
