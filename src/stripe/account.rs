//! The configured Stripe account.

use procedures::without_mark;

use super::{client::StripeClient, event::Event, plan_cards::PlanCards, prices::Prices, signature};
use crate::{
    config::{Origin, Secret, StripeSettings},
    error::{Error, Result},
};

/// A Stripe account, as far as it is configured.
#[derive(Debug)]
pub struct Stripe {
    prices: Prices,
    cards: PlanCards,
    client: Option<StripeClient>,
    is_live: Option<bool>,
    app: Option<Origin>,
    /// Several during a rotation.
    webhook_secrets: Vec<Secret>,
}

impl Stripe {
    /// Reads the settings. `app` is the frontend, to which Stripe sends the browser back.
    ///
    /// # Errors
    /// A setting is wrong; the message names it.
    pub fn new(settings: &StripeSettings, app: Option<&Origin>) -> anyhow::Result<Self> {
        let trimmed =
            |secret: &Secret| Some(Secret::new(secret.expose().trim())).filter(|secret| !secret.expose().is_empty());
        let key = settings.stripe_secret_key.as_ref().and_then(trimmed);
        Ok(Self {
            prices: Prices::new(settings),
            cards: PlanCards::new(settings)?,
            is_live: key.as_ref().and_then(|key| is_live(key.expose())),
            client: key.map(|key| StripeClient::new(key, settings.stripe_api_base.as_deref())).transpose()?,
            app: app.cloned(),
            webhook_secrets: settings.stripe_webhook_secret.iter().filter_map(trimmed).collect(),
        })
    }

    /// The client of Stripe's API.
    ///
    /// # Errors
    /// SERVICE_UNAVAILABLE if no secret key is configured.
    pub fn client(&self) -> Result<&StripeClient> {
        self.client.as_ref().ok_or_else(|| Error::NotConfigured("Billing is not configured (STRIPE_SECRET_KEY)."))
    }

    /// Whether requests are suspended after repeated failures.
    pub fn is_suspended(&self) -> bool {
        self.client.as_ref().is_some_and(StripeClient::is_suspended)
    }

    /// The frontend's origin.
    ///
    /// # Errors
    /// SERVICE_UNAVAILABLE if it is not configured.
    pub fn app(&self) -> Result<&Origin> {
        self.app.as_ref().ok_or_else(|| Error::NotConfigured("Billing is not configured (APP_URL)."))
    }

    /// The plan cards.
    pub fn cards(&self) -> &PlanCards {
        &self.cards
    }

    /// The configured prices.
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Whether the secret key moves real money. None without a key, or if the key does not say so.
    pub fn is_live(&self) -> Option<bool> {
        self.is_live
    }

    /// Verifies and parses the payload of a webhook. `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// SERVICE_UNAVAILABLE if no webhook secret is configured; BAD_REQUEST if the signature is invalid, or the
    /// payload is not an event.
    pub fn event(&self, payload: &[u8], signature: Option<&str>, now: i64) -> Result<Event> {
        if self.webhook_secrets.is_empty() {
            return Err(Error::NotConfigured("Stripe's webhook is not configured (STRIPE_WEBHOOK_SECRET)."));
        }
        signature::verify(payload, signature.unwrap_or_default(), &self.webhook_secrets, now)?;
        // The signature is over the mark too.
        Event::read(without_mark(payload))
    }
}

/// The mode of a key: `sk_live_…`, `rk_test_…`.
fn is_live(key: &str) -> Option<bool> {
    match key.split('_').nth(1)? {
        "live" => Some(true),
        "test" => Some(false),
        _ => None,
    }
}
