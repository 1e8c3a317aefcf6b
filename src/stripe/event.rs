//! The parts of Stripe's events that are used, in the formats of API versions before and since 2025-03-31.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    db::Timestamp,
    error::{Error, Result},
};

/// An event that a webhook received.
#[derive(Clone, Debug)]
pub struct Event {
    /// Stripe's id: `evt_…`.
    pub id: String,
    /// The type, such as `customer.subscription.updated`.
    pub kind: String,
    /// When Stripe created the event, in whole seconds.
    pub created_at: Timestamp,
    /// The JSON text, unchanged.
    pub payload: String,
    /// Whether it is about real money; None if the event does not say so.
    pub is_live: Option<bool>,
    /// The connected account that it is about (Stripe Connect); None for an event of the own account.
    pub account: Option<String>,
    object: Value,
}

/// What an event says about a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventContent {
    /// The complete state of a subscription.
    Subscription(SubscriptionState),
    /// An invoice of a subscription was paid, for this billing period.
    InvoicePaid { subscription: String, customer: Option<String>, period: Option<(Timestamp, Timestamp)> },
    /// A checkout session was completed. Only a holder of the account's key can set `user`.
    CheckoutCompleted { user: Option<String>, customer: Option<String>, subscription: Option<String> },
    /// Nothing that has an effect.
    Irrelevant,
}

/// The state of a subscription at the time of an event. Ids are Stripe's, except `user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    pub subscription: String,
    pub customer: Option<String>,
    pub user: Option<String>,
    pub status: String,
    pub price: Option<String>,
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
    pub cancel_at_period_end: bool,
}

#[derive(Deserialize)]
struct RawEvent {
    id: String,
    r#type: String,
    created: i64,
    livemode: Option<bool>,
    account: Option<String>,
    data: RawEventData,
}

#[derive(Deserialize)]
struct RawEventData {
    object: Value,
}

impl Event {
    /// Parses the payload of a webhook.
    ///
    /// # Errors
    /// BAD_REQUEST if the payload is not an event.
    pub fn read(payload: &[u8]) -> Result<Self> {
        let invalid = || Error::InvalidRequest("the body is not a Stripe event");
        let text = std::str::from_utf8(payload).map_err(|_binary| invalid())?;
        let event: RawEvent = serde_json::from_str(text).map_err(|_why| invalid())?;
        let fits = |text: &str, most: usize| (1..=most).contains(&text.chars().count()) && !text.contains('\0');
        let created_at = event.created.checked_mul(1000).and_then(Timestamp::from_millis).ok_or_else(invalid)?;
        if !fits(&event.id, 255) || !fits(&event.r#type, 100) {
            return Err(invalid());
        }
        Ok(Self {
            id: event.id,
            kind: event.r#type,
            created_at,
            payload: text.to_owned(),
            is_live: event.livemode,
            account: event.account,
            object: event.data.object,
        })
    }

    /// Reads the content that has an effect.
    ///
    /// # Errors
    /// What is missing, for the log and for admins.
    pub fn content(&self) -> Result<EventContent, String> {
        let object = &self.object;
        match self.kind.as_str() {
            "customer.subscription.created"
            | "customer.subscription.updated"
            | "customer.subscription.deleted"
            | "customer.subscription.paused"
            | "customer.subscription.resumed" => subscription_state(object).map(EventContent::Subscription),
            "invoice.paid" | "invoice.payment_succeeded" => Ok(paid_invoice(object)),
            "checkout.session.completed" => Ok(completed_checkout(object)),
            // customer.subscription.trial_will_end and invoice.payment_failed have no effect either: another event
            // brings the new state of the subscription.
            _ => Ok(EventContent::Irrelevant),
        }
    }

    /// Orders events of the same second by the lifecycle of a subscription: it is created once, deleted once, and
    /// incomplete only before it was ever active.
    pub fn rank(&self) -> i32 {
        match self.kind.as_str() {
            "customer.subscription.deleted" => 3,
            _ if self.object.get("status").and_then(Value::as_str) == Some("incomplete") => 0,
            "customer.subscription.created" => 1,
            _ => 2,
        }
    }
}

fn subscription_state(object: &Value) -> Result<SubscriptionState, String> {
    let item = object.pointer("/items/data/0");
    // The period is in the item since 2025-03-31, before that in the subscription.
    let moment = |name: &str| {
        let value = item.and_then(|item| item.get(name)).or_else(|| object.get(name));
        value.and_then(Value::as_i64).and_then(|seconds| Timestamp::from_millis(seconds.checked_mul(1000)?))
    };
    let price = item.and_then(|item| id(item.get("price").or_else(|| item.get("plan"))));
    Ok(SubscriptionState {
        subscription: id(object.get("id")).ok_or("the subscription has no id")?,
        customer: id(object.get("customer")),
        user: text(object.pointer("/metadata/userId")),
        status: text(object.get("status")).ok_or("the subscription has no status")?,
        price: price.or_else(|| id(object.get("plan"))),
        period_start: moment("current_period_start"),
        period_end: moment("current_period_end"),
        cancel_at_period_end: object.get("cancel_at_period_end").and_then(Value::as_bool).unwrap_or(false)
            || object.get("cancel_at").is_some_and(|at| !at.is_null()),
    })
}

fn paid_invoice(object: &Value) -> EventContent {
    // The subscription is in the parent since 2025-03-31, before that in the invoice.
    let subscription =
        object.pointer("/parent/subscription_details/subscription").or_else(|| object.get("subscription"));
    let Some(subscription) = id(subscription) else { return EventContent::Irrelevant };
    let lines = object.pointer("/lines/data").and_then(Value::as_array).into_iter().flatten();
    let moment = |line: &Value, name: &str| Timestamp::from_millis(line.pointer(name)?.as_i64()?.checked_mul(1000)?);
    // A proration covers the rest of a period only.
    let whole = lines.filter(|line| !is_proration(line));
    let period = whole.filter_map(|line| Some((moment(line, "/period/start")?, moment(line, "/period/end")?))).max();
    EventContent::InvoicePaid { subscription, customer: id(object.get("customer")), period }
}

/// The flag is in the line's parent since 2025-03-31, before that in the line.
fn is_proration(line: &Value) -> bool {
    let places =
        ["/parent/subscription_item_details/proration", "/parent/invoice_item_details/proration", "/proration"];
    places.iter().any(|place| line.pointer(place).and_then(Value::as_bool) == Some(true))
}

/// `client_reference_id` is not read: the visitor of a payment link chooses it, in the link's address.
fn completed_checkout(object: &Value) -> EventContent {
    EventContent::CheckoutCompleted {
        user: text(object.pointer("/metadata/userId")),
        customer: id(object.get("customer")),
        subscription: id(object.get("subscription")),
    }
}

/// An id, or the id of an expanded object.
fn id(value: Option<&Value>) -> Option<String> {
    text(value).or_else(|| text(value?.get("id")))
}

/// A string that can be stored as an id.
fn text(value: Option<&Value>) -> Option<String> {
    let fits = |text: &&str| (1..=255).contains(&text.chars().count()) && !text.contains('\0');
    value.and_then(Value::as_str).filter(fits).map(str::to_owned)
}
