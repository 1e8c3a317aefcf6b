//! Plan cards: the texts that describe a plan. The defaults are built in; STRIPE_PLANS_FILE overrides them.

use std::collections::HashMap;

use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{config::StripeSettings, models::plan::Plan};

/// The description of a plan.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlanCard {
    /// Name of the plan.
    pub title: String,
    /// One sentence about the plan.
    pub description: String,
    /// What the plan includes.
    pub benefits: Vec<String>,
    /// What the plan does not include.
    pub limitations: Vec<String>,
    /// Displayed prices.
    pub prices: Amounts,
}

/// Amounts as they are shown, in whole units of the currency. What is charged is Stripe's price.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Amounts {
    /// For a month.
    pub monthly: u32,
    /// For a year.
    pub yearly: u32,
}

/// The cards of all plans.
#[derive(Clone, Debug)]
pub struct PlanCards(HashMap<String, PlanCard>);

impl PlanCards {
    /// The built-in cards, overridden by STRIPE_PLANS_FILE if it is set.
    ///
    /// # Errors
    /// The file can't be read, is not valid, or names an unknown plan.
    pub fn new(settings: &StripeSettings) -> Result<Self> {
        let mut cards: HashMap<String, PlanCard> =
            serde_json::from_str(include_str!("plan_cards.json")).context("the built-in plan cards")?;
        if let Some(path) = &settings.stripe_plans_file {
            let read = || -> Result<HashMap<String, PlanCard>> {
                let own: HashMap<String, PlanCard> = serde_json::from_str(&std::fs::read_to_string(path)?)?;
                own.keys().try_for_each(|plan| plan.parse::<Plan>().map(drop))?;
                Ok(own)
            };
            cards.extend(read().with_context(|| format!("STRIPE_PLANS_FILE: {}", path.display()))?);
        }
        Ok(Self(cards))
    }

    /// The card of a plan.
    pub fn of(&self, plan: Plan) -> Option<&PlanCard> {
        self.0.get(plan.as_str())
    }
}
