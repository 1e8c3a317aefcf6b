//! What becomes of an old customer, and of the subscription at Stripe.

use std::{cmp::Reverse, time::Duration};

use super::{
    fault::{CheckedRow, Fault},
    rule_user::{cut, leave_out, unless_empty},
};
use crate::{
    db::Timestamp,
    models::{customer::Customer, old::OldCustomer, plan::Plan, stripe_subscription::StripeSubscription},
};

const NAME: usize = 100;
/// Most characters of an id at Stripe.
const STRIPE_ID: usize = 255;
const SECOND: Duration = Duration::from_secs(1);

/// The new row of a customer. Who else has its ids at Stripe is checked apart.
pub fn customer(old: &OldCustomer) -> CheckedRow<Customer> {
    let mut faults = Vec::new();
    if old.id < 1 {
        faults.push(Fault::RowId);
    }
    if old.plan.is_none() {
        faults.push(Fault::NoPlan);
    }
    if old.has_odd_time {
        faults.push(Fault::Time);
    }
    let mut row = Customer {
        id: old.id,
        auth_user_id: old.auth_user_id.clone(),
        name: old.name.clone(),
        plan: old.plan.unwrap_or_default(),
        stripe_customer_id: unless_empty(old.stripe_customer_id.as_deref()),
        stripe_subscription_id: unless_empty(old.stripe_subscription_id.as_deref()),
        stripe_price_id: unless_empty(old.stripe_price_id.as_deref()),
        stripe_current_period_end: old.stripe_current_period_end,
        created_at: old.created_at,
        updated_at: old.updated_at,
        stripe_cancel_at_period_end: false,
    };
    cut(&mut row.name, NAME, "name", &mut faults);
    leave_out(&mut row.stripe_customer_id, STRIPE_ID, "stripeCustomerId", &mut faults);
    leave_out(&mut row.stripe_subscription_id, STRIPE_ID, "stripeSubscriptionId", &mut faults);
    leave_out(&mut row.stripe_price_id, STRIPE_ID, "stripePriceId", &mut faults);
    CheckedRow { row, faults }
}

/// Orders the customers of one user: the first is the one to keep. One with a running subscription comes first, then the
/// newest.
pub fn rank(row: &Customer, now: Timestamp) -> impl Ord + use<> {
    Reverse((row.is_paying(now), row.created_at.millis(), row.id))
}

/// The subscription of a customer, as far as it is known.
///
/// A running one is as the old server last saw it: a later event of Stripe replaces that, an earlier one does not. Of an
/// ended one only the ids are known. The old server never took a plan away, so its plan says nothing.
pub fn subscription(customer: &Customer, now: Timestamp) -> Option<StripeSubscription> {
    let id = customer.stripe_subscription_id.clone()?;
    let known = StripeSubscription {
        id,
        stripe_customer_id: customer.stripe_customer_id.clone(),
        auth_user_id: Some(customer.auth_user_id.clone()),
        ..StripeSubscription::default()
    };
    if customer.plan == Plan::Free || !customer.is_paying(now) || customer.stripe_price_id.is_none() {
        return Some(known);
    }
    Some(StripeSubscription {
        status: Some("active".to_owned()),
        price_id: customer.stripe_price_id.clone(),
        period_end: customer.stripe_current_period_end,
        // Stripe's events have whole seconds, and one of the same second is later. A database in another time zone may have a
        // time that is still to come, and Stripe's next events must not be older than it.
        event_created_at: Some(customer.updated_at.min(now).next_multiple(SECOND).minus(SECOND)),
        ..known
    })
}
