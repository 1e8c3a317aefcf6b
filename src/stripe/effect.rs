//! The effect of events, as pure functions. It does not depend on the order in which events arrive: the newest state
//! of a subscription applies, the paid period only grows, and a customer's standing is derived from all their
//! subscriptions.

use super::{
    content::{EventContent, Item, PaidInvoice, SubscriptionState},
    event::Event,
    prices::Prices,
};
use crate::{
    db::Timestamp,
    models::{
        customer::Standing,
        payment::Payment,
        plan::Plan,
        stripe_subscription::{StripeSubscription, is_end},
    },
};

/// Whether an event is about something that this server sells. The account may sell other things, to the same Stripe
/// customers. `known` is the stored state of the event's subscription. The subscription in a customer's record is ours too,
/// which the caller knows.
pub fn is_ours(known: Option<&StripeSubscription>, content: &EventContent, prices: &Prices) -> bool {
    let is_known = known.is_some_and(|known| {
        let price = known.price_id.as_deref();
        known.auth_user_id.is_some() && (price.is_none() || prices.sells(price))
    });
    match content {
        EventContent::Subscription(state) => {
            // An end needs no price.
            let is_over = known.is_some() && is_end(&state.status);
            is_known
                || is_over
                || state.user.is_some()
                || state.items.iter().any(|item| prices.sells(item.price.as_deref()))
        }
        EventContent::InvoicePaid(PaidInvoice { user, lines, .. }) => {
            let names_another = lines.iter().any(|line| line.price.is_some());
            is_known || user.is_some() || !names_another || lines.iter().any(|line| prices.sells(line.price.as_deref()))
        }
        EventContent::CheckoutCompleted { .. } | EventContent::CustomerDeleted(_) | EventContent::Irrelevant => true,
    }
}

/// Applies an event to its subscription, of which `known` is the stored state. None if the event concerns none.
pub fn merged(
    known: Option<&StripeSubscription>,
    event: &Event,
    content: &EventContent,
    prices: &Prices,
) -> Option<StripeSubscription> {
    let known_or_new =
        |id: &str| known.cloned().unwrap_or_else(|| StripeSubscription { id: id.to_owned(), ..Default::default() });
    match content {
        EventContent::Subscription(state) => {
            let mut subscription = known_or_new(&state.subscription);
            subscription.auth_user_id = subscription.auth_user_id.or_else(|| state.user.clone());
            subscription.stripe_customer_id = subscription.stripe_customer_id.or_else(|| state.customer.clone());
            if is_newer(&subscription, event, state) {
                let item = decisive(&state.items, prices);
                subscription.status = Some(state.status.clone());
                subscription.price_id = item.price;
                subscription.period_start = item.period_start;
                subscription.period_end = item.period_end;
                subscription.cancel_at_period_end = state.cancel_at_period_end;
                subscription.event_created_at = Some(event.created_at);
                subscription.event_rank = event.rank();
                subscription.event_id = Some(event.id.clone());
            }
            Some(subscription)
        }
        EventContent::InvoicePaid(invoice) => {
            let mut subscription = known_or_new(&invoice.subscription);
            subscription.auth_user_id = subscription.auth_user_id.or_else(|| invoice.user.clone());
            subscription.stripe_customer_id = subscription.stripe_customer_id.or_else(|| invoice.customer.clone());
            let known = subscription.paid_from.zip(subscription.paid_until);
            let paid = known.max(paid_period(invoice, prices));
            (subscription.paid_from, subscription.paid_until) = paid.unzip();
            Some(subscription)
        }
        EventContent::CheckoutCompleted { user, customer, subscription: Some(subscription) } => {
            let mut subscription = known_or_new(subscription);
            subscription.auth_user_id = subscription.auth_user_id.or_else(|| user.clone());
            subscription.stripe_customer_id = subscription.stripe_customer_id.or_else(|| customer.clone());
            Some(subscription)
        }
        EventContent::CheckoutCompleted { subscription: None, .. }
        | EventContent::CustomerDeleted(_)
        | EventContent::Irrelevant => None,
    }
}

/// What a paid invoice brings, for the highest plan among its lines, or that of the subscription if its lines have none of our
/// prices. None without a plan or an amount.
pub fn payment(
    subscription: &StripeSubscription,
    event: &Event,
    invoice: &PaidInvoice,
    prices: &Prices,
) -> Option<Payment> {
    let paid = invoice.paid.as_ref()?;
    let plan_of = |price: Option<&str>| prices.find(price?).map(|(plan, _)| plan);
    let plans = invoice.lines.iter().filter_map(|line| plan_of(line.price.as_deref()));
    let plan = plans.max().or_else(|| plan_of(subscription.price_id.as_deref()))?;
    let amount = paid.amount.min(ours(invoice, prices).unwrap_or(i64::MAX));
    (amount > 0).then(|| Payment {
        invoice_id: paid.invoice.clone(),
        paid_at: paid.at.unwrap_or(event.created_at),
        plan,
        currency: paid.currency.clone(),
        amount,
    })
}

/// What the lines for our plans amount to, if there are others too. None if the whole invoice is ours.
fn ours(invoice: &PaidInvoice, prices: &Prices) -> Option<i64> {
    let (ours, others): (Vec<_>, Vec<_>) =
        invoice.lines.iter().partition(|line| line.price.is_none() || prices.sells(line.price.as_deref()));
    if ours.is_empty() || others.is_empty() {
        return None;
    }
    Some(ours.iter().fold(0, |sum, line| line.amount.saturating_add(sum)))
}

/// The item that decides the plan: the highest of our plans, else the first item.
fn decisive(items: &[Item], prices: &Prices) -> Item {
    let ours = items.iter().filter_map(|item| Some((prices.find(item.price.as_deref()?)?.0, item.period_end, item)));
    let highest = ours.max_by_key(|(plan, period_end, _)| (*plan, *period_end)).map(|(_, _, item)| item);
    highest.or(items.first()).cloned().unwrap_or_default()
}

/// The period that an invoice pays. Lines of something else that the account sells may have another one.
fn paid_period(invoice: &PaidInvoice, prices: &Prices) -> Option<(Timestamp, Timestamp)> {
    let price = |price: &Option<String>| price.is_none() || prices.sells(price.as_deref());
    invoice.lines.iter().filter(|line| price(&line.price)).filter_map(|line| line.period).max()
}

/// Whether an event's state replaces the stored one. An ended subscription does not come back.
fn is_newer(known: &StripeSubscription, event: &Event, state: &SubscriptionState) -> bool {
    let Some(known_at) = known.event_created_at else { return true };
    let known = (known.has_ended(), known_at, known.event_rank, known.event_id.as_deref());
    (is_end(&state.status), event.created_at, event.rank(), Some(event.id.as_str())) > known
}

/// A running subscription.
struct Running<'a> {
    subscription: &'a StripeSubscription,
    plan: Plan,
    paid_until: Option<Timestamp>,
}

/// Which of several running subscriptions determines the plan: the greatest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'a> {
    /// A settled subscription is preferred to a past-due one, which may stay unpaid forever.
    is_settled: bool,
    plan: Plan,
    paid_until: Option<Timestamp>,
    id: &'a str,
}

impl Running<'_> {
    fn rank(&self) -> Rank<'_> {
        Rank {
            is_settled: self.subscription.status.as_deref() != Some("past_due"),
            plan: self.plan,
            paid_until: self.paid_until,
            id: &self.subscription.id,
        }
    }
}

/// Derives a customer's standing from their subscriptions: the best running one determines it. None if no state of the
/// latest subscription is known.
///
/// # Errors
/// A price that is not configured, for the log and for admins.
pub fn standing(subscriptions: &[StripeSubscription], prices: &Prices) -> Result<Option<Standing>, String> {
    let running = subscriptions.iter().filter_map(|subscription| running(subscription, prices).transpose());
    let running: Vec<Running<'_>> = running.collect::<Result<_, _>>()?;
    let latest = subscriptions.iter().max_by_key(|known| (known.event_created_at, known.id.as_str()));
    let Some(latest) = latest.filter(|latest| latest.status.is_some()) else { return Ok(None) };
    Ok(Some(match running.iter().max_by(|one, other| one.rank().cmp(&other.rank())) {
        Some(Running { subscription, plan, paid_until }) => Standing {
            plan: *plan,
            stripe_customer_id: subscription.stripe_customer_id.clone(),
            stripe_subscription_id: Some(subscription.id.clone()),
            stripe_price_id: subscription.price_id.clone(),
            stripe_current_period_end: *paid_until,
            stripe_cancel_at_period_end: subscription.cancel_at_period_end,
        },
        // The Stripe customer stays known, for a later subscription.
        None => Standing { stripe_customer_id: latest.stripe_customer_id.clone(), ..Default::default() },
    }))
}

/// Whether Stripe charges for a subscription, or tries to.
pub fn is_charged(subscription: &StripeSubscription) -> bool {
    matches!(subscription.status.as_deref(), Some("active" | "trialing" | "past_due" | "unpaid"))
}

/// The plan of a subscription, and until when it is paid for. None if it is not running: never paid, paused, or ended.
fn running<'a>(subscription: &'a StripeSubscription, prices: &Prices) -> Result<Option<Running<'a>>, String> {
    // A payment for an earlier period does not count: that period may have been longer, at another price.
    let is_current = subscription.paid_from >= subscription.period_start;
    let paid_until = subscription.paid_until.filter(|_| is_current);
    let paid_until = match subscription.status.as_deref() {
        Some("active" | "trialing") => subscription.period_end.max(paid_until),
        // Only the period before the current one is paid.
        Some("past_due") => subscription.period_start.max(paid_until),
        _ => return Ok(None),
    };
    let price = subscription.price_id.as_deref().unwrap_or_default();
    let (plan, _) = prices.find(price).ok_or_else(|| format!("price {price:?} is not one of the configured ones"))?;
    Ok(Some(Running { subscription, plan, paid_until }))
}
