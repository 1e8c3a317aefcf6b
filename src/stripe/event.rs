//! Stripe's events, and states of a subscription that Stripe was asked for.

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::content::{EventContent, completed_checkout, deleted_customer, paid_invoice, subscription_state};
use crate::{
    db::Timestamp,
    error::{Error, Result},
};

/// The types of Stripe's events that have an effect.
pub const HANDLED: [&str; 9] = [
    "checkout.session.completed",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "invoice.paid",
    "invoice.payment_succeeded",
];
/// The type of an event that this server makes from the state of a subscription that Stripe was asked for.
const SNAPSHOT: &str = "reconcile.subscription";

/// An event from Stripe, or a snapshot of a subscription.
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

    /// An event that says what Stripe answered when it was asked for a subscription. `read_after` is a time by Stripe's
    /// clock before the state was read. `known` is the event that reported the stored state: the same answer to the
    /// same state is the same event.
    ///
    /// # Errors
    /// BAD_REQUEST if the answer cannot be stored.
    pub fn snapshot(subscription: &Value, read_after: Timestamp, known: Option<&str>) -> Result<Self> {
        let digest = Sha256::digest(format!("{} {subscription}", known.unwrap_or_default()));
        let event = json!({
            "id": format!("snapshot_{}", HEXLOWER.encode(&digest)), "object": "event", "type": SNAPSHOT,
            "created": read_after.seconds(), "livemode": subscription.get("livemode"),
            "data": {"object": subscription},
        });
        Self::read(event.to_string().as_bytes())
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
            | "customer.subscription.resumed"
            | SNAPSHOT => subscription_state(object).map(EventContent::Subscription),
            "invoice.paid" | "invoice.payment_succeeded" => Ok(paid_invoice(object)),
            "customer.deleted" => Ok(deleted_customer(object)),
            "checkout.session.completed" => Ok(completed_checkout(object)),
            // customer.subscription.trial_will_end and invoice.payment_failed have no effect either: another event
            // brings the new state of the subscription.
            _ => Ok(EventContent::Irrelevant),
        }
    }

    /// Orders events of the same second by the lifecycle of a subscription: it is created once, deleted once, and
    /// incomplete only before it was ever active. A snapshot may be older than any event of its second.
    pub fn rank(&self) -> i32 {
        match self.kind.as_str() {
            SNAPSHOT => -1,
            "customer.subscription.deleted" => 3,
            _ if self.object.get("status").and_then(Value::as_str) == Some("incomplete") => 0,
            "customer.subscription.created" => 1,
            _ => 2,
        }
    }
}
