//! Processing of events. An event and its effect are committed in one transaction, one event at a time, each once.

use serde_json::json;

use super::{account::Stripe, content::EventContent, effect, event::Event, subscriptions::Subscriptions};
use crate::{
    db::{DbConnection, Timestamp, locks, transaction},
    error::{Error, Result},
    models::{
        audit::{Door, NewAuditEntry},
        customer::{Customer, Standing},
        gone_stripe_customer::GoneStripeCustomer,
        stripe_event::{Receipt, StripeEvent},
        stripe_subscription::StripeSubscription,
        user,
    },
};

/// How the processing of an event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// The event was processed.
    Processed,
    /// The event was processed, and for this reason an operator should look at the user's subscriptions.
    Double(String),
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
    /// The names of all.
    pub const NAMES: [&'static str; 6] = ["processed", "double", "ignored", "duplicate", "conflict", "failed"];

    /// Its name in metrics and reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Double(_) => "double",
            Self::Ignored(_) => "ignored",
            Self::Duplicate => "duplicate",
            Self::Conflict(_) => "conflict",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether the event needs another attempt.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Conflict(_))
    }

    /// What there is to say about it, such as why the event had no effect.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Double(why) | Self::Ignored(why) | Self::Failed(why) | Self::Conflict(why) => Some(why),
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
        EventOutcome::Double(why) => tracing::warn!(event = event.id, request_id, why, "a user pays twice"),
        EventOutcome::Ignored(why) => tracing::info!(event = event.id, request_id, why, "a Stripe event was ignored"),
        EventOutcome::Conflict(why) => {
            tracing::warn!(event = event.id, request_id, why, "a Stripe event conflicts and is kept for a replay");
        }
        EventOutcome::Processed | EventOutcome::Duplicate | EventOutcome::Failed(_) => {}
    }
    let receipt = Receipt { id: &event.id, kind: &event.kind, created_at: event.created_at, payload: &event.payload };
    receipt.note(conn, known.as_ref(), outcome.is_open(), outcome.reason(), now)?;
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
        EventContent::InvoicePaid(invoice) => Some(invoice.subscription.as_str()),
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
        EventContent::CustomerDeleted(customer) => return forget(conn, stripe, customer, event, request_id, now),
        EventContent::Irrelevant => return Ok(EventOutcome::Processed),
    };
    let known = subscription.map(|id| StripeSubscription::find(conn, id)).transpose()?.flatten();
    let is_ours = effect::is_ours(known.as_ref(), &content, stripe.prices());
    let subscriber = match subscription {
        // Imported ones may have neither a configured price nor our metadata.
        Some(id) if !is_ours => Customer::subscriber(conn, id)?,
        _ => None,
    };
    if !is_ours && subscriber.is_none() {
        return Ok(ignored("it is about something else that the account sells"));
    }
    let mut merged = effect::merged(known.as_ref(), event, &content, stripe.prices());
    if let Some(merged) = &mut merged {
        if merged.auth_user_id.is_none()
            && let Some(customer) = &merged.stripe_customer_id
        {
            merged.auth_user_id = Customer::user_of(conn, customer)?;
        }
        merged.auth_user_id = merged.auth_user_id.take().or(subscriber);
        if known.as_ref() != Some(merged) {
            merged.store(conn, known.is_none())?;
        }
        if let EventContent::InvoicePaid(invoice) = &content
            && let Some(payment) = effect::payment(merged, event, invoice, stripe.prices())
        {
            payment.store(conn)?;
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
    let subscriptions = Subscriptions::of(conn, &owner)?;
    let record = Customer::of(conn, &owner)?;
    let standing = derived(&subscriptions, record.as_ref(), stripe, now).map_err(Error::PreconditionFailed)?;
    let settlement = Settlement { owner, standing, stripe_customer_id: customer, gone: None };
    let outcome = settle(conn, settlement, event, request_id, now)?;
    Ok(match subscriptions.charged(stripe.prices()) {
        several if several.len() > 1 && outcome == EventOutcome::Processed => {
            EventOutcome::Double(format!("the user has {} running subscriptions: {several:?}", several.len()))
        }
        _ => outcome,
    })
}

/// The standing of a customer, if their record has to change.
fn derived(
    subscriptions: &Subscriptions,
    record: Option<&Customer>,
    stripe: &Stripe,
    now: Timestamp,
) -> Result<Option<Standing>, String> {
    let standing = subscriptions.standing(stripe.prices())?;
    Ok(match record {
        Some(customer) if customer.is_paying(now) && subscriptions.lack_that_of(customer) => {
            let known = (customer.plan, customer.stripe_current_period_end);
            standing.filter(|standing| (standing.plan, standing.stripe_current_period_end) > known)
        }
        _ => standing,
    })
}

/// Whether a user's record has the standing that follows from their subscriptions. One that got its user by an import may
/// not be applied yet.
///
/// # Errors
/// The database's.
pub fn is_settled(conn: &mut DbConnection, stripe: &Stripe, owner: &str, now: Timestamp) -> Result<bool> {
    let Some(record) = Customer::of(conn, owner)? else { return Ok(!user::exists(conn, owner)?) };
    let Ok(standing) = derived(&Subscriptions::of(conn, owner)?, Some(&record), stripe, now) else { return Ok(false) };
    let before = record.standing();
    Ok(standing.is_none_or(|standing| {
        let stripe_customer_id = standing.stripe_customer_id.or_else(|| before.stripe_customer_id.clone());
        Standing { stripe_customer_id, ..standing } == before
    }))
}

/// Forgets a Stripe customer that was deleted, so that the user becomes another one with the next purchase.
fn forget(
    conn: &mut DbConnection,
    stripe: &Stripe,
    stripe_customer: &str,
    event: &Event,
    request_id: &str,
    now: Timestamp,
) -> Result<EventOutcome> {
    let Some(owner) = Customer::user_of(conn, stripe_customer)? else {
        return Ok(ignored("no user has the Stripe customer"));
    };
    let (id, gone_at) = (stripe_customer.to_owned(), event.created_at);
    GoneStripeCustomer { id, auth_user_id: owner.clone(), gone_at }.store(conn)?;
    let standing = Subscriptions::of(conn, &owner)?.standing(stripe.prices()).map_err(Error::PreconditionFailed)?;
    let gone = Some(stripe_customer.to_owned());
    settle(conn, Settlement { owner, standing, stripe_customer_id: None, gone }, event, request_id, now)
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

/// What an event changes for a user.
struct Settlement {
    owner: String,
    standing: Option<Standing>,
    stripe_customer_id: Option<String>,
    /// A Stripe customer that is gone.
    gone: Option<String>,
}

/// Updates a user's customer record, and creates it if there is none.
fn settle(
    conn: &mut DbConnection,
    Settlement { owner, standing, stripe_customer_id, gone }: Settlement,
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
    let known = standing.stripe_customer_id.or(stripe_customer_id).or_else(|| before.stripe_customer_id.clone());
    standing.stripe_customer_id = known.filter(|id| gone.as_ref() != Some(id));
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
        client_address: None,
        token_id: None,
        door: Door::Stripe,
    };
    entry.insert(conn)?;
    Ok(EventOutcome::Processed)
}
