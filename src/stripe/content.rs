//! What Stripe's events say, in the formats of API versions before and since 2025-03-31.

use serde_json::Value;

use crate::db::Timestamp;

/// The greatest amount that is counted. Sums of such amounts can still be stored.
const GREATEST: i64 = 1_000_000_000_000_000;

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventContent {
    /// The complete state of a subscription.
    Subscription(SubscriptionState),
    /// An invoice of a subscription was paid.
    InvoicePaid(PaidInvoice),
    /// A checkout session was completed. Only a holder of the account's key can set `user`.
    CheckoutCompleted { user: Option<String>, customer: Option<String>, subscription: Option<String> },
    /// A customer was deleted, and with them their subscriptions.
    CustomerDeleted(String),
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
    /// At least one.
    pub items: Vec<Item>,
    pub cancel_at_period_end: bool,
}

/// One of the things that a subscription buys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    pub price: Option<String>,
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
}

/// A paid invoice of a subscription. Ids are Stripe's, except `user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidInvoice {
    pub subscription: String,
    pub customer: Option<String>,
    pub user: Option<String>,
    pub lines: Vec<InvoiceLine>,
    /// None if the event does not say what was paid, or nothing had to be.
    pub paid: Option<Paid>,
}

/// What was paid for an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    pub invoice: String,
    /// In capital letters: `USD`.
    pub currency: String,
    /// In the smallest unit of the currency; more than 0.
    pub amount: i64,
    /// None if the event does not say so.
    pub at: Option<Timestamp>,
}

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceLine {
    pub price: Option<String>,
    /// The period that it pays; None for a proration, which covers the rest of one only.
    pub period: Option<(Timestamp, Timestamp)>,
    /// In the smallest unit of the currency, before discounts and taxes; negative for what is given back.
    pub amount: i64,
}

/// Reads a subscription.
///
/// # Errors
/// What is missing, for the log and for admins.
pub fn subscription_state(object: &Value) -> Result<SubscriptionState, String> {
    let items = object.pointer("/items/data").and_then(Value::as_array).into_iter().flatten();
    let mut items: Vec<Item> = items.map(|item| read_item(object, item)).collect();
    if items.is_empty() {
        items.push(read_item(object, &Value::Null));
    }
    Ok(SubscriptionState {
        subscription: id(object.get("id")).ok_or("the subscription has no id")?,
        customer: id(object.get("customer")),
        user: text(object.pointer("/metadata/userId")),
        status: text(object.get("status")).ok_or("the subscription has no status")?,
        items,
        cancel_at_period_end: object.get("cancel_at_period_end").and_then(Value::as_bool).unwrap_or(false)
            || object.get("cancel_at").is_some_and(|at| !at.is_null()),
    })
}

fn read_item(subscription: &Value, item: &Value) -> Item {
    // The period is in the item since 2025-03-31, before that in the subscription.
    let moment = |name: &str| seconds(item.get(name).or_else(|| subscription.get(name)));
    let price = id(item.get("price").or_else(|| item.get("plan"))).or_else(|| id(subscription.get("plan")));
    Item { price, period_start: moment("current_period_start"), period_end: moment("current_period_end") }
}

/// Reads a paid invoice. Irrelevant if it is not one of a subscription.
pub fn paid_invoice(object: &Value) -> EventContent {
    // The subscription is in the parent since 2025-03-31, before that in the invoice.
    let parent = object.pointer("/parent/subscription_details");
    let subscription = parent.and_then(|parent| parent.get("subscription")).or_else(|| object.get("subscription"));
    let Some(subscription) = id(subscription) else { return EventContent::Irrelevant };
    let details = parent.or_else(|| object.get("subscription_details"));
    let lines = object.pointer("/lines/data").and_then(Value::as_array).into_iter().flatten();
    EventContent::InvoicePaid(PaidInvoice {
        subscription,
        customer: id(object.get("customer")),
        user: text(details.and_then(|details| details.pointer("/metadata/userId"))),
        lines: lines.map(read_line).collect(),
        paid: read_paid(object),
    })
}

fn read_paid(invoice: &Value) -> Option<Paid> {
    let currency = text(invoice.get("currency")).filter(|code| code.len() == 3 && code.is_ascii())?;
    let amount = invoice.get("amount_paid").and_then(Value::as_i64);
    Some(Paid {
        invoice: id(invoice.get("id"))?,
        currency: currency.to_ascii_uppercase(),
        amount: amount.filter(|amount| (1..=GREATEST).contains(amount))?,
        at: seconds(invoice.pointer("/status_transitions/paid_at")),
    })
}

fn read_line(line: &Value) -> InvoiceLine {
    // The price is in `pricing` since 2025-03-31.
    let price = line.pointer("/pricing/price_details/price").or_else(|| line.get("price"));
    let price = id(price).or_else(|| id(line.get("plan")));
    let period = seconds(line.pointer("/period/start")).zip(seconds(line.pointer("/period/end")));
    let amount = line.get("amount").and_then(Value::as_i64).unwrap_or(0);
    InvoiceLine { price, period: period.filter(|_| !is_proration(line)), amount }
}

/// The flag is in the line's parent since 2025-03-31, before that in the line.
fn is_proration(line: &Value) -> bool {
    let places =
        ["/parent/subscription_item_details/proration", "/parent/invoice_item_details/proration", "/proration"];
    places.iter().any(|place| line.pointer(place).and_then(Value::as_bool) == Some(true))
}

/// Reads a completed checkout session. `client_reference_id` is not read: the visitor of a payment link chooses it, in
/// the link's address.
pub fn completed_checkout(object: &Value) -> EventContent {
    EventContent::CheckoutCompleted {
        user: text(object.pointer("/metadata/userId")),
        customer: id(object.get("customer")),
        subscription: id(object.get("subscription")),
    }
}

/// Reads a deleted customer.
pub fn deleted_customer(object: &Value) -> EventContent {
    id(object.get("id")).map_or(EventContent::Irrelevant, EventContent::CustomerDeleted)
}

fn seconds(value: Option<&Value>) -> Option<Timestamp> {
    Timestamp::from_millis(value?.as_i64()?.checked_mul(1000)?)
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
