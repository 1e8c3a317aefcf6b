//! The plan cards: what a plan is called and offers. Ours are the default; a file may say it otherwise.

use std::collections::HashMap;

use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{config::StripeSettings, models::plan::Plan};

/// What a plan offers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Card {
    pub title: String,
    pub description: String,
    pub benefits: Vec<String>,
    pub limitations: Vec<String>,
    pub prices: Amounts,
}

/// Amounts as they are shown, in whole units of the currency. What is charged is Stripe's price.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Amounts {
    pub monthly: u32,
    pub yearly: u32,
}

#[derive(Clone, Debug)]
pub struct Cards(HashMap<String, Card>);

impl Cards {
    /// # Errors
    /// When the file can't be read, or names what is no plan.
    pub fn new(settings: &StripeSettings) -> Result<Self> {
        let mut cards: HashMap<String, Card> =
            serde_json::from_str(include_str!("cards.json")).context("our plan cards")?;
        if let Some(path) = &settings.stripe_plans_file {
            let read = || -> Result<HashMap<String, Card>> {
                let own: HashMap<String, Card> = serde_json::from_str(&std::fs::read_to_string(path)?)?;
                own.keys().try_for_each(|plan| plan.parse::<Plan>().map(drop))?;
                Ok(own)
            };
            cards.extend(read().with_context(|| format!("STRIPE_PLANS_FILE: {}", path.display()))?);
        }
        Ok(Self(cards))
    }

    pub fn of(&self, plan: Plan) -> Option<&Card> {
        self.0.get(plan.as_str())
    }
}
