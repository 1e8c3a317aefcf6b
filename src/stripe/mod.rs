//! Stripe, as far as we know it: its prices, and its events.

mod breaker;
mod cards;
mod client;
mod effect;
mod event;
pub mod inbox;
mod prices;
mod retry;
pub mod session;
mod signature;

pub use self::{
    cards::{Amounts, Cards},
    client::Client,
    event::Event,
    prices::{Interval, Prices},
};
use crate::{
    config::{Origin, Secret, StripeSettings},
    error::{Error, Result},
};

/// What is configured of a Stripe account.
#[derive(Debug)]
pub struct Stripe {
    prices: Prices,
    cards: Cards,
    client: Option<Client>,
    app: Option<Origin>,
    /// Several while one replaces another.
    webhook_secrets: Vec<Secret>,
}

impl Stripe {
    /// `app` is where Stripe sends the browser back to.
    ///
    /// # Errors
    /// When a setting is wrong; its name is said.
    pub fn new(settings: &StripeSettings, app: Option<&Origin>) -> anyhow::Result<Self> {
        let given = |secret: &&Secret| !secret.expose().is_empty();
        let key = settings.stripe_secret_key.as_ref().filter(given).cloned();
        Ok(Self {
            prices: Prices::new(settings),
            cards: Cards::new(settings)?,
            client: key.map(|key| Client::new(key, settings.stripe_api_base.as_deref())).transpose()?,
            app: app.cloned(),
            webhook_secrets: settings.stripe_webhook_secret.iter().filter(given).cloned().collect(),
        })
    }

    /// # Errors
    /// SERVICE_UNAVAILABLE without an account.
    pub fn client(&self) -> Result<&Client> {
        self.client.as_ref().ok_or_else(|| Error::unavailable("Billing is not configured (STRIPE_SECRET_KEY)."))
    }

    /// # Errors
    /// SERVICE_UNAVAILABLE when we don't know our own frontend.
    pub fn app(&self) -> Result<&Origin> {
        self.app.as_ref().ok_or_else(|| Error::unavailable("Billing is not configured (APP_URL)."))
    }

    pub fn cards(&self) -> &Cards {
        &self.cards
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
