//! Processing of events. An event and its effect are committed in one transaction, one event at a time, each once.

use std::time::Duration;

use serde_json::json;

use super::{
    account::Stripe,
    effect,
    event::{Event, EventContent},
};
use crate::{
    db::{DbConnection, Timestamp, locks, transaction},
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
    /// The event was processed.
    Processed,
    /// The event does not concern this server, for this reason, and had no effect.
    Ignored(String),
    /// The event had been processed before.
    Duplicate,
    /// The event could not be processed, for this reason. It is stored for another attempt.
    Failed(String),
    /// The event contradicts what this server knows, for this reason. It is stored until an admin has resolved that;
    /// the same event from Stripe would not help.
    Conflict(String),
}

impl EventOutcome {
    /// Why the event had no effect.
    fn reason(&self) -> Option<&str> {
        match self {
            Self::Ignored(why) | Self::Failed(why) | Self::Conflict(why) => Some(why),
            Self::Processed | Self::Duplicate => None,
        }
    }
}

/// Processes an event in the open transaction. If that fails, its effect is rolled back and the event is stored with
/// the reason.
///
/// # Errors
/// A temporary failure, after which Stripe should send the event again.
pub fn receive(
    conn: &mut DbConnection,
    stripe: &Stripe,
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<EventOutcome> {
    locks::lock_until_commit(conn, locks::STRIPE)?;
    let known = StripeEvent::find(conn, &event.id)?;
    if known.as_ref().is_some_and(|known| known.processed_at.is_some()) {
        return Ok(EventOutcome::Duplicate);
    }
    let effect = transaction::savepoint(conn, |conn| apply(conn, stripe, event, request_id, now));
    let outcome = match effect {
        Ok(outcome) => outcome,
        Err(Error::PreconditionFailed(why)) => EventOutcome::Failed(why),
        Err(Error::Conflict { message, .. }) => EventOutcome::Conflict(message),
        // Temporary: Stripe sends the event again.
        Err(transient @ (Error::Unavailable { .. } | Error::Contention | Error::Timeout)) => return Err(transient),
        Err(error) => {
            tracing::error!(event = event.id, request_id, ?error, "a Stripe event could not be processed");
            EventOutcome::Failed(error.to_string())
        }
    };
    match &outcome {
        EventOutcome::Ignored(why) => tracing::info!(event = event.id, request_id, why, "a Stripe event was ignored"),
        EventOutcome::Conflict(why) => {
            tracing::warn!(event = event.id, request_id, why, "a Stripe event conflicts and is kept for a replay");
        }
        EventOutcome::Processed | EventOutcome::Duplicate | EventOutcome::Failed(_) => {}
    }
    let receipt = Receipt { id: &event.id, kind: &event.kind, created_at: event.created_at, payload: &event.payload };
    let is_open = matches!(outcome, EventOutcome::Failed(_) | EventOutcome::Conflict(_));
    receipt.note(conn, known.as_ref(), is_open, outcome.reason(), now)?;
    Ok(outcome)
}

/// Processes a stored event again.
///
/// # Errors
/// NOT_FOUND if there is no such event; a temporary failure.
pub fn replay(
    conn: &mut DbConnection,
    stripe: &Stripe,
    id: &str,
    request_id: &str,
    now: Timestamp,
) -> Result<EventOutcome> {
    let stored = StripeEvent::find(conn, id)?.ok_or(Error::NotFound("event"))?;
    receive(conn, stripe, &Event::read(stored.payload.as_bytes())?, request_id, now)
}

/// Applies an event. PRECONDITION_FAILED says why it failed, CONFLICT what it contradicts.
fn apply(
    conn: &mut DbConnection,
    stripe: &Stripe,
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<EventOutcome> {
    if let Some(account) = &event.account {
        return Ok(ignored(format!("it is about another account, {account:?}")));
    }
    check_mode(event, stripe)?;
    let content = event.content().map_err(Error::PreconditionFailed)?;
    let subscription = match &content {
        EventContent::Subscription(state) => Some(state.subscription.as_str()),
        EventContent::InvoicePaid { subscription, .. } => Some(subscription.as_str()),
        EventContent::CheckoutCompleted { user, customer, subscription } => {
            // The Stripe customer of a user is stored before a session is created for it.
            let is_ours = match (user, customer) {
                (Some(_), Some(customer)) => Customer::user_of(conn, customer)?.is_some(),
                _ => false,
            };
            if !is_ours {
                return Ok(ignored("this server did not create the checkout session"));
            }
            subscription.as_deref()
        }
        EventContent::Irrelevant => return Ok(EventOutcome::Processed),
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
        EventContent::CheckoutCompleted { user, customer, .. } => (user, customer),
        _ => (None, None),
    };
    let stripe_customer =
        merged.as_ref().and_then(|merged| merged.stripe_customer_id.clone()).or_else(|| customer.clone());
    let Some(owner) = merged.and_then(|merged| merged.auth_user_id).or(user) else {
        return Ok(ignored("no user is known for the subscription"));
    };
    if let Some(stripe_customer) = &stripe_customer {
        check_owner(conn, stripe_customer, &owner)?;
        // Subscriptions of the same Stripe customer may have arrived before their user was known.
        StripeSubscription::adopt(conn, stripe_customer, &owner)?;
    }
    let subscriptions = StripeSubscription::of(conn, &owner)?;
    let standing = effect::standing(&subscriptions, stripe.prices()).map_err(Error::PreconditionFailed)?;
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

fn ignored(why: impl Into<String>) -> EventOutcome {
    EventOutcome::Ignored(why.into())
}

/// Requires that an event and the secret key are both of Stripe's live mode, or both of its test mode.
fn check_mode(event: &Event, stripe: &Stripe) -> Result<()> {
    let mode = |is_live| if is_live { "live" } else { "test" };
    match event.is_live.zip(stripe.is_live()) {
        Some((event, key)) if event != key => {
            let (event, key) = (mode(event), mode(key));
            Err(conflict(format!("the event is of Stripe's {event} mode, and STRIPE_SECRET_KEY of its {key} mode")))
        }
        _ => Ok(()),
    }
}

/// Requires that a Stripe customer is not that of another user.
fn check_owner(conn: &mut DbConnection, stripe_customer: &str, owner: &str) -> Result<()> {
    match Customer::user_of(conn, stripe_customer)? {
        Some(other) if other != owner => Err(conflict(format!(
            "Stripe customer {stripe_customer:?} belongs to user {other:?}, and the event names user {owner:?}"
        ))),
        _ => Ok(()),
    }
}

fn conflict(message: String) -> Error {
    Error::Conflict { message, conflicting_id: None }
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

/// Updates a user's customer record, and creates it if there is none.
fn settle(
    conn: &mut DbConnection,
    Settlement { owner, standing, stripe_customer_id }: Settlement,
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<EventOutcome> {
    locks::lock_user(conn, &owner)?;
    if !user::exists(conn, &owner)? {
        // A user who is not known yet may still sign in: then another attempt succeeds.
        return match user::is_gone(conn, &owner)? {
            true => Ok(ignored("the user was deleted")),
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
        return Ok(EventOutcome::Processed);
    }
    customer.set_standing(conn, &standing, now)?;
    let detail = json!({"event": event.id, "type": event.kind, "from": before.plan, "to": standing.plan});
    let entry = NewAuditEntry {
        created_at: now,
        actor_id: "stripe".to_owned(),
        procedure: "stripe.webhook",
        entity: "customer",
        entity_id: customer.id.to_string(),
        detail: detail.to_string(),
        request_id: request_id.to_owned(),
    };
    entry.insert(conn)?;
    Ok(EventOutcome::Processed)
}
