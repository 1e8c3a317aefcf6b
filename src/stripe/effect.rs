//! What events come to. Nothing here depends on the order in which they arrive: a subscription's state is the newest that
//! was told, what is paid only grows, and a customer's standing follows from their subscriptions.

use super::{
    Event, Prices,
    event::{State, Told},
};
use crate::{
    db::Timestamp,
    models::{customer::Standing, plan::Plan, stripe_subscription::StripeSubscription},
};

/// What Stripe calls a subscription that is over and never comes back.
const OVER: [&str; 2] = ["canceled", "incomplete_expired"];

/// A subscription after one more event. None when the event is about none.
pub fn merged(known: Option<&StripeSubscription>, event: &Event, told: &Told) -> Option<StripeSubscription> {
    let new =
        |id: &str| known.cloned().unwrap_or_else(|| StripeSubscription { id: id.to_owned(), ..Default::default() });
    match told {
        Told::State(state) => {
            let mut subscription = new(&state.subscription);
            subscription.auth_user_id = subscription.auth_user_id.or_else(|| state.user.clone());
            subscription.stripe_customer_id = subscription.stripe_customer_id.or_else(|| state.customer.clone());
            if is_newer(&subscription, event, state) {
                subscription.status = Some(state.status.clone());
                subscription.price_id.clone_from(&state.price);
                subscription.period_start = state.period_start;
                subscription.period_end = state.period_end;
                subscription.cancel_at_period_end = state.cancel_at_period_end;
                subscription.event_created_at = Some(event.created_at);
                subscription.event_rank = event.rank();
                subscription.event_id = Some(event.id.clone());
            }
            Some(subscription)
        }
        Told::Paid { subscription, customer, period } => {
            let mut subscription = new(subscription);
            subscription.stripe_customer_id = subscription.stripe_customer_id.or_else(|| customer.clone());
            let known = subscription.paid_from.zip(subscription.paid_until);
            (subscription.paid_from, subscription.paid_until) = known.max(*period).unzip();
            Some(subscription)
        }
        Told::Bought { user, customer, subscription: Some(subscription) } => {
            let mut subscription = new(subscription);
            subscription.auth_user_id = subscription.auth_user_id.or_else(|| Some(user.clone()));
            subscription.stripe_customer_id = subscription.stripe_customer_id.or_else(|| Some(customer.clone()));
            Some(subscription)
        }
        Told::Bought { subscription: None, .. } | Told::Nothing => None,
    }
}

fn is_newer(known: &StripeSubscription, event: &Event, state: &State) -> bool {
    let over = |status: &str| OVER.contains(&status);
    let Some(known_at) = known.event_created_at else { return true };
    let known = (known.status.as_deref().is_some_and(over), known_at, known.event_rank, known.event_id.as_deref());
    (over(&state.status), event.created_at, event.rank(), Some(event.id.as_str())) > known
}

/// What a user's subscriptions come to: the best of those that run. None while no state of any is known.
///
/// # Errors
/// A price that is not configured: for the log and for admins.
pub fn standing(subscriptions: &[StripeSubscription], prices: &Prices) -> Result<Option<Standing>, String> {
    let mut best: Option<(bool, Plan, Option<Timestamp>, &StripeSubscription)> = None;
    for subscription in subscriptions {
        let Some(paid_until) = running_until(subscription) else { continue };
        let price = subscription.price_id.as_deref().unwrap_or_default();
        let (plan, _) =
            prices.find(price).ok_or_else(|| format!("price {price:?} is not one of the configured ones"))?;
        // What is owed may stay so for ever: any that is paid is better.
        let is_settled = subscription.status.as_deref() != Some("past_due");
        let key = (is_settled, plan, paid_until, subscription);
        if best.is_none_or(|best| (best.0, best.1, best.2, &best.3.id) < (key.0, key.1, key.2, &key.3.id)) {
            best = Some(key);
        }
    }
    // Whoever comes back is the same customer at Stripe.
    let last = subscriptions.iter().max_by_key(|known| (known.event_created_at, known.id.as_str()));
    let Some(last) = last.filter(|last| last.status.is_some()) else { return Ok(None) };
    Ok(Some(match best {
        Some((_, plan, until, running)) => Standing {
            plan,
            stripe_customer_id: running.stripe_customer_id.clone(),
            stripe_subscription_id: Some(running.id.clone()),
            stripe_price_id: running.price_id.clone(),
            stripe_current_period_end: until,
            stripe_cancel_at_period_end: running.cancel_at_period_end,
        },
        None => Standing { stripe_customer_id: last.stripe_customer_id.clone(), ..Default::default() },
    }))
}

/// Until when a running subscription is paid for. None for one that does not run: never paid, paused, or over.
fn running_until(subscription: &StripeSubscription) -> Option<Option<Timestamp>> {
    // What was paid before the period began was paid for another: perhaps a longer one, at another price.
    let counts = subscription.paid_from >= subscription.period_start;
    let paid_until = subscription.paid_until.filter(|_| counts);
    match subscription.status.as_deref()? {
        "active" | "trialing" => Some(subscription.period_end.max(paid_until)),
        // The period that has begun is the one that is not paid.
        "past_due" => Some(subscription.period_start.max(paid_until)),
        _ => None,
    }
}
