//! Stripe's events, as far as we look into them: today's shapes, and the older ones that an account may still be set to.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    db::Timestamp,
    error::{Error, Result},
};

/// A webhook's message.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    /// `customer.subscription.updated`
    pub kind: String,
    pub created_at: Timestamp,
    /// As it came.
    pub payload: String,
    object: Value,
}

/// What an event tells us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The whole state of a subscription.
    State(State),
    /// An invoice of a subscription was paid.
    Paid { subscription: String, customer: Option<String>, period: Option<(Timestamp, Timestamp)> },
    /// A user has bought something.
    Bought { user: String, customer: String, subscription: Option<String> },
    /// Nothing that we would act on.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
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
struct Envelope {
    id: String,
    r#type: String,
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

impl Event {
    /// # Errors
    /// BAD_REQUEST for what is no event.
    pub fn read(payload: &[u8]) -> Result<Self> {
        let none = || Error::InvalidRequest("the body is not a Stripe event");
        let text = std::str::from_utf8(payload).map_err(|_binary| none())?;
        let event: Envelope = serde_json::from_str(text).map_err(|_why| none())?;
        let fits = |text: &str, most: usize| (1..=most).contains(&text.chars().count()) && !text.contains('\0');
        let created_at = event.created.checked_mul(1000).and_then(Timestamp::from_millis).ok_or_else(none)?;
        if !fits(&event.id, 255) || !fits(&event.r#type, 100) {
            return Err(none());
        }
        let payload = text.to_owned();
        Ok(Self { id: event.id, kind: event.r#type, created_at, payload, object: event.data.object })
    }

    /// # Errors
    /// What is missing: for the log and for admins.
    pub fn told(&self) -> Result<Told, String> {
        let object = &self.object;
        match self.kind.as_str() {
            "customer.subscription.created"
            | "customer.subscription.updated"
            | "customer.subscription.deleted"
            | "customer.subscription.paused"
            | "customer.subscription.resumed" => state(object).map(Told::State),
            "invoice.paid" | "invoice.payment_succeeded" => Ok(paid(object)),
            "checkout.session.completed" => Ok(bought(object)),
            // Also customer.subscription.trial_will_end and invoice.payment_failed: what follows from them comes as the
            // subscription's own state.
            _ => Ok(Told::Nothing),
        }
    }

    /// Which of two events of the same second comes later: a subscription begins once and ends once, and is incomplete only
    /// before it was ever active.
    pub fn rank(&self) -> i32 {
        match self.kind.as_str() {
            "customer.subscription.deleted" => 3,
            _ if self.object.get("status").and_then(Value::as_str) == Some("incomplete") => 0,
            "customer.subscription.created" => 1,
            _ => 2,
        }
    }
}

fn state(object: &Value) -> Result<State, String> {
    let item = object.pointer("/items/data/0");
    // In the items since 2025-03-31, before that in the subscription.
    let moment = |name: &str| {
        let value = item.and_then(|item| item.get(name)).or_else(|| object.get(name));
        value.and_then(Value::as_i64).and_then(|seconds| Timestamp::from_millis(seconds.checked_mul(1000)?))
    };
    let price = item.and_then(|item| id(item.get("price").or_else(|| item.get("plan"))));
    Ok(State {
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

fn paid(object: &Value) -> Told {
    // In the parent since 2025-03-31, before that in the invoice.
    let subscription =
        object.pointer("/parent/subscription_details/subscription").or_else(|| object.get("subscription"));
    let Some(subscription) = id(subscription) else { return Told::Nothing };
    let lines = object.pointer("/lines/data").and_then(Value::as_array).into_iter().flatten();
    let moment = |line: &Value, name: &str| Timestamp::from_millis(line.pointer(name)?.as_i64()?.checked_mul(1000)?);
    // The rest of a period, bought or given back, is no period.
    let whole = lines.filter(|line| !is_proration(line));
    let period = whole.filter_map(|line| Some((moment(line, "/period/start")?, moment(line, "/period/end")?))).max();
    Told::Paid { subscription, customer: id(object.get("customer")), period }
}

/// In the line's parent since 2025-03-31, before that in the line.
fn is_proration(line: &Value) -> bool {
    let places =
        ["/parent/subscription_item_details/proration", "/parent/invoice_item_details/proration", "/proration"];
    places.iter().any(|place| line.pointer(place).and_then(Value::as_bool) == Some(true))
}

fn bought(object: &Value) -> Told {
    let user = text(object.get("client_reference_id")).or_else(|| text(object.pointer("/metadata/userId")));
    match (user, id(object.get("customer"))) {
        (Some(user), Some(customer)) => Told::Bought { user, customer, subscription: id(object.get("subscription")) },
        _ => Told::Nothing,
    }
}

/// An id, or that of the object which stands in its place.
fn id(value: Option<&Value>) -> Option<String> {
    text(value).or_else(|| text(value?.get("id")))
}

/// Text that can be an id of somebody or something.
fn text(value: Option<&Value>) -> Option<String> {
    let fits = |text: &&str| (1..=255).contains(&text.chars().count()) && !text.contains('\0');
    value.and_then(Value::as_str).filter(fits).map(str::to_owned)
}
