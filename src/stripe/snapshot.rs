//! States of a subscription that Stripe was asked for. They go through the inbox like events.

use serde_json::Value;

use super::{
    account::Stripe,
    client::Retrieved,
    content::subscription_state,
    effect,
    event::Event,
    inbox::{self, EventOutcome},
};
use crate::{
    db::{DbConnection, Timestamp, locks},
    error::{Error, Result},
    models::{customer::Customer, stripe_subscription::StripeSubscription},
};

/// Processes the state of a subscription in the open transaction. None if it is known already.
///
/// # Errors
/// PRECONDITION_FAILED if it is not a subscription; a temporary failure.
pub fn receive(
    conn: &mut DbConnection,
    stripe: &Stripe,
    retrieved: &Retrieved<Value>,
    request_id: &str,
    now: Timestamp,
) -> Result<Option<EventOutcome>> {
    locks::lock_until_commit(conn, locks::STRIPE)?;
    let state = subscription_state(&retrieved.content).map_err(Error::PreconditionFailed)?;
    let known = StripeSubscription::find(conn, &state.subscription)?;
    let reported_by = known.as_ref().and_then(|known| known.event_id.as_deref());
    let snapshot = Event::snapshot(&retrieved.content, retrieved.read_after, reported_by)?;
    if let Some(known) = &known
        && says_nothing_new(known, &snapshot, stripe)?
        && is_applied(conn, known, stripe, now)?
    {
        return Ok(None);
    }
    inbox::receive(conn, stripe, &snapshot, request_id, now).map(Some)
}

/// Whether a snapshot would change only by whom the state was reported.
fn says_nothing_new(known: &StripeSubscription, snapshot: &Event, stripe: &Stripe) -> Result<bool> {
    let content = snapshot.content().map_err(Error::PreconditionFailed)?;
    let merged = effect::merged(Some(known), snapshot, &content, stripe.prices());
    Ok(merged.is_some_and(|merged| {
        let same_source = StripeSubscription {
            event_created_at: known.event_created_at,
            event_rank: known.event_rank,
            event_id: known.event_id.clone(),
            ..merged
        };
        same_source == *known
    }))
}

/// Whether a subscription has the user of its Stripe customer, if there is one, and that user's record agrees with it.
fn is_applied(conn: &mut DbConnection, known: &StripeSubscription, stripe: &Stripe, now: Timestamp) -> Result<bool> {
    match (&known.auth_user_id, &known.stripe_customer_id) {
        (Some(user), _) => inbox::is_settled(conn, stripe, user, now),
        (None, Some(customer)) => Ok(Customer::user_of(conn, customer)?.is_none()),
        (None, None) => Ok(true),
    }
}
