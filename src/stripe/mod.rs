//! Stripe, as far as we know it: its prices, and its events.

mod effect;
mod event;
pub mod inbox;
mod prices;
mod signature;

pub use self::{event::Event, prices::Prices};
use crate::{
    config::{Secret, StripeSettings},
    error::{Error, Result},
};

/// What is configured of a Stripe account.
#[derive(Clone, Debug)]
pub struct Stripe {
    prices: Prices,
    /// Several while one replaces another.
    webhook_secrets: Vec<Secret>,
}

impl Stripe {
    pub fn new(settings: &StripeSettings) -> Self {
        let secrets = settings.stripe_webhook_secret.iter().filter(|secret| !secret.expose().is_empty());
        Self { prices: Prices::new(settings), webhook_secrets: secrets.cloned().collect() }
    }

    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Reads a webhook's message, if it is Stripe's. `now` in seconds since 1970.
    ///
    /// # Errors
    /// SERVICE_UNAVAILABLE without a secret; BAD_REQUEST for a signature that is not good, or what is no event.
    pub fn event(&self, payload: &[u8], signature: Option<&str>, now: i64) -> Result<Event> {
        if self.webhook_secrets.is_empty() {
            return Err(Error::unavailable("Stripe's webhook is not configured (STRIPE_WEBHOOK_SECRET)."));
        }
        signature::verify(payload, signature.unwrap_or_default(), &self.webhook_secrets, now)?;
        Event::read(payload)
    }
}
