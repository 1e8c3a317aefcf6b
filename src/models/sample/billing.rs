//! What a sample customer pays.

use std::time::Duration;

use super::dice::Dice;
use crate::{
    db::Timestamp,
    models::{
        customer::Customer, payment::Payment, plan::Plan, stripe_event::StripeEvent,
        stripe_subscription::StripeSubscription,
    },
};

/// A paid period.
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Events are kept for so long by default.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Paid.
    Active,
    /// The last payment has failed.
    PastDue,
    /// Cancelled by the customer; over.
    Canceled,
}

impl Standing {
    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Canceled => "canceled",
        }
    }
}

/// A customer's record.
#[derive(Clone, Debug)]
pub struct Billing {
    /// Given when it is inserted.
    pub id: i64,
    /// The plan.
    pub plan: Plan,
    /// When the user became a customer, and paid first.
    pub since: Timestamp,
    /// How the subscription is; None on FREE.
    pub standing: Option<Standing>,
    /// The begins of the periods that were paid.
    pub paid: Vec<Timestamp>,
}

impl Billing {
    /// The customer that a user became at a time, and what was paid until now.
    pub fn new(dice: &mut Dice, plan: Plan, since: Timestamp, now: Timestamp) -> Self {
        let mut paid = vec![since];
        while let Some(next) = paid.last().map(|last| last.plus(MONTH)).filter(|next| *next < now) {
            paid.push(next);
        }
        let (cancels, fails, kept) = (dice.chance(18), dice.chance(8), dice.next());
        let periods = u64::try_from(paid.len()).unwrap_or(1);
        let standing = match (plan, periods) {
            (Plan::Free, _) => None,
            (_, 2..) if cancels => {
                paid.truncate(usize::try_from(1 + kept % (periods - 1)).unwrap_or(1));
                Some(Standing::Canceled)
            }
            (_, 2..) if fails => {
                paid.pop();
                Some(Standing::PastDue)
            }
            _ => Some(Standing::Active),
        };
        if standing.is_none() {
            paid.clear();
        }
        Self { id: 0, plan, since, standing, paid }
    }

    /// When what was paid ends; None on FREE.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.paid.last().map(|last| last.plus(MONTH))
    }

    /// Whether the customer pays at present, or has just stopped paying.
    pub fn is_running(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|ends_at| ends_at > now.minus(MONTH))
    }

    /// Its row.
    pub fn row(&self, user: u32, owner: &str) -> Customer {
        let of_paying = |text: String| self.standing.map(|_| text);
        Customer {
            id: self.id,
            auth_user_id: owner.to_owned(),
            name: None,
            plan: self.plan,
            stripe_customer_id: of_paying(format!("cus_sample_{user:06}")),
            stripe_subscription_id: of_paying(format!("sub_sample_{user:06}")),
            stripe_price_id: of_paying(self.price()),
            stripe_current_period_end: self.ends_at(),
            created_at: self.since,
            updated_at: self.paid.last().copied().unwrap_or(self.since),
            stripe_cancel_at_period_end: self.standing == Some(Standing::Canceled),
        }
    }

    fn price(&self) -> String {
        format!("price_sample_{}", self.plan.as_str().to_lowercase())
    }

    /// Stripe's state of the subscription; None on FREE.
    pub fn subscription(&self, user: u32, owner: &str) -> Option<StripeSubscription> {
        let (standing, last) = (self.standing?, self.paid.last().copied()?);
        Some(StripeSubscription {
            id: format!("sub_sample_{user:06}"),
            stripe_customer_id: Some(format!("cus_sample_{user:06}")),
            auth_user_id: Some(owner.to_owned()),
            status: Some(standing.as_str().to_owned()),
            price_id: Some(self.price()),
            period_start: Some(last),
            period_end: self.ends_at(),
            cancel_at_period_end: standing == Standing::Canceled,
            event_created_at: Some(last),
            event_rank: 0,
            event_id: Some(event_id(user, "subscription", self.paid.len())),
            paid_from: Some(last),
            paid_until: self.ends_at(),
        })
    }

    /// What a period costs, in cents.
    fn amount(&self) -> i64 {
        match self.plan {
            Plan::Free => 0,
            Plan::Pro => 3000,
            Plan::Business => 9900,
        }
    }

    /// Its paid invoices, also those whose events are not kept.
    pub fn payments(&self, user: u32) -> impl Iterator<Item = Payment> {
        self.paid.iter().enumerate().map(move |(number, at)| Payment {
            invoice_id: invoice_id(user, number),
            paid_at: *at,
            plan: self.plan,
            currency: "USD".to_owned(),
            amount: self.amount(),
        })
    }

    /// Stripe's events of the last 90 days, as far as they are kept: payments, and those that have failed.
    pub fn events(&self, user: u32, now: Timestamp) -> Vec<StripeEvent> {
        let mut events = Vec::new();
        for (number, at) in self.paid.iter().enumerate() {
            events.push(self.event(user, "invoice.paid", number, *at));
        }
        if let (Some(Standing::PastDue), Some(due)) = (self.standing, self.ends_at()) {
            events.push(self.event(user, "invoice.payment_failed", self.paid.len(), due));
        }
        events.retain(|event| event.created_at > now.minus(KEPT));
        // Some could not be handled when they came: the log of any real server has a few.
        if user.is_multiple_of(90)
            && let Some(event) = events.last_mut()
        {
            event.processed_at = None;
            event.attempts = 5;
            event.error = Some(format!("the price \"{}\" is not configured", self.price()));
        }
        events
    }

    fn event(&self, user: u32, kind: &str, number: usize, at: Timestamp) -> StripeEvent {
        let (id, created) = (event_id(user, kind, number), at.seconds());
        let (invoice, amount) = (invoice_id(user, number), if kind == "invoice.paid" { self.amount() } else { 0 });
        let payload = format!(
            "{{\"id\":\"{id}\",\"object\":\"event\",\"type\":\"{kind}\",\"created\":{created},\"livemode\":false,\"data\":\
             {{\"object\":{{\"id\":\"{invoice}\",\"object\":\"invoice\",\"amount_paid\":{amount},\"currency\":\"usd\",\"customer\":\
             \"cus_sample_{user:06}\",\"subscription\":\"sub_sample_{user:06}\"}}}}}}"
        );
        let (created_at, received_at) = (at, at.plus(Duration::from_secs(2)));
        let processed_at = Some(received_at);
        StripeEvent {
            id,
            kind: kind.to_owned(),
            created_at,
            received_at,
            processed_at,
            attempts: 1,
            error: None,
            payload,
        }
    }
}

fn invoice_id(user: u32, number: usize) -> String {
    format!("in_sample_{user:06}_{number}")
}

/// Stripe's id of a sample event.
pub fn event_id(user: u32, kind: &str, number: usize) -> String {
    format!("evt_sample_{user:06}_{}_{number}", kind.replace('.', "_"))
}
