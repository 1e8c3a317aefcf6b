//! A user's subscriptions, as far as this server knows them, and which of them are running.

use tokio::time::Instant;

use super::{
    client::StripeClient,
    content::{EventContent, subscription_state},
    effect::{is_charged, is_ours, standing},
    prices::Prices,
};
use crate::{
    db::DbConnection,
    error::{Error, Result},
    models::{
        customer::{Customer, Standing},
        gone_stripe_customer::GoneStripeCustomer,
        stripe_subscription::{StripeSubscription, is_end},
    },
};

/// Subscriptions of one user that are asked for at most before a checkout.
const ASKED: usize = 5;

/// All subscriptions that a user ever had. Those of a Stripe customer that is gone have ended, as Stripe ends them.
#[derive(Clone, Debug)]
pub struct Subscriptions {
    all: Vec<StripeSubscription>,
    /// The Stripe customers of the user that are gone, oldest first.
    pub gone: Vec<GoneStripeCustomer>,
}

impl Subscriptions {
    /// Those of a user.
    ///
    /// # Errors
    /// The database's.
    pub fn of(conn: &mut DbConnection, user_id: &str) -> Result<Self> {
        let gone = GoneStripeCustomer::of(conn, user_id)?;
        let all = StripeSubscription::of(conn, user_id)?;
        Ok(Self { all: all.into_iter().map(|subscription| unless_gone(subscription, &gone)).collect(), gone })
    }

    /// The standing that follows from them.
    ///
    /// # Errors
    /// A price that is not configured, for the log and for admins.
    pub fn standing(&self, prices: &Prices) -> Result<Option<Standing>, String> {
        standing(&self.all, prices)
    }

    /// A subscription that is not over, also if it is unpaid: a second one would be charged beside it. That of the
    /// customer's record comes first.
    pub fn open(&self, customer: Option<&Customer>, prices: &Prices) -> Option<&StripeSubscription> {
        let recorded = customer.and_then(|customer| customer.stripe_subscription_id.as_deref());
        let is_recorded = |subscription: &StripeSubscription| recorded == Some(subscription.id.as_str());
        let open = self.all.iter().filter(|one| one.status.is_some() && !one.has_ended());
        let ours = open.filter(|one| is_recorded(one) || prices.sells(one.price_id.as_deref()));
        ours.max_by_key(|one| is_recorded(one))
    }

    /// The ids of subscriptions of which no state is known, as after an import.
    pub fn unknown(&self, customer: Option<&Customer>) -> Vec<String> {
        let recorded = customer.and_then(|customer| customer.stripe_subscription_id.clone());
        let recorded = recorded.filter(|id| self.all.iter().all(|known| known.id != *id));
        let without_state = self.all.iter().filter(|known| known.status.is_none());
        without_state.map(|known| known.id.clone()).chain(recorded).collect()
    }

    /// The ids of the subscriptions that Stripe charges for.
    pub fn charged(&self, prices: &Prices) -> Vec<&str> {
        let charged = self.all.iter().filter(|one| is_charged(one) && prices.sells(one.price_id.as_deref()));
        charged.map(|one| one.id.as_str()).collect()
    }

    /// Whether a customer's record has a subscription of which no state is known, as imported customers do. As long as
    /// it is paid for, only a better one replaces it.
    pub fn lack_that_of(&self, customer: &Customer) -> bool {
        let is_known = |id: &String| self.all.iter().any(|known| known.id == *id && known.status.is_some());
        customer.stripe_subscription_id.as_ref().is_some_and(|id| !is_known(id))
    }
}

/// A later state that has not ended proves that the customer exists, for example after a time with a wrong key.
fn unless_gone(subscription: StripeSubscription, gone: &[GoneStripeCustomer]) -> StripeSubscription {
    let customer = subscription.stripe_customer_id.as_deref();
    let Some(gone) = gone.iter().find(|gone| Some(gone.id.as_str()) == customer) else { return subscription };
    let is_older = subscription.event_created_at.is_none_or(|reported| reported <= gone.gone_at);
    if !subscription.has_ended() && !is_older {
        return subscription;
    }
    let status = subscription.status.filter(|status| is_end(status)).or_else(|| Some("canceled".to_owned()));
    StripeSubscription { status, stripe_customer_id: None, ..subscription }
}

/// Asks Stripe for subscriptions of which no state is known. Returns the Stripe customer of one that is not over.
///
/// # Errors
/// BAD_GATEWAY, GATEWAY_TIMEOUT, SERVICE_UNAVAILABLE.
pub async fn ask_for_open(client: &StripeClient, ids: &[String], deadline: Instant) -> Result<Option<String>> {
    for id in ids.iter().take(ASKED) {
        let content = match client.retrieve("subscriptions", id, deadline).await {
            Ok(retrieved) => retrieved.content,
            Err(Error::NotAtStripe { .. }) => continue,
            Err(error) => return Err(error),
        };
        let state = subscription_state(&content).map_err(Error::BadGateway)?;
        if !is_end(&state.status) && state.customer.is_some() {
            return Ok(state.customer);
        }
    }
    Ok(None)
}

/// Asks Stripe for all subscriptions of a Stripe customer, also those of which no event has arrived. Whether one to something
/// that this server sells is not over.
///
/// # Errors
/// BAD_GATEWAY, GATEWAY_TIMEOUT, SERVICE_UNAVAILABLE.
pub async fn has_open(client: &StripeClient, customer: &str, prices: &Prices, deadline: Instant) -> Result<bool> {
    let listed = match client.subscriptions(customer, deadline).await {
        // The customer is gone, as the next request will say.
        Err(Error::NotAtStripe { .. }) => return Ok(false),
        listed => listed?,
    };
    for subscription in listed {
        let state = subscription_state(&subscription.content).map_err(Error::BadGateway)?;
        if !is_end(&state.status) && is_ours(None, &EventContent::Subscription(state), prices) {
            return Ok(true);
        }
    }
    Ok(false)
}
