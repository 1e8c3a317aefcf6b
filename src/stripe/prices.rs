//! The configured Stripe prices, and the plan that each one buys.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{config::StripeSettings, models::plan::Plan};

/// How often a price is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    /// By the month.
    Month,
    /// By the year.
    Year,
}

/// The configured prices.
#[derive(Clone, Debug)]
pub struct Prices(Vec<Price>);

#[derive(Clone, Debug)]
struct Price {
    id: String,
    plan: Plan,
    interval: Interval,
}

impl Prices {
    /// Reads the prices from the settings. Plans without one are not for sale.
    pub fn new(settings: &StripeSettings) -> Self {
        let price = |id: &Option<String>, plan, interval| {
            let id = id.clone().filter(|id| !id.is_empty())?;
            Some(Price { id, plan, interval })
        };
        let prices = [
            price(&settings.stripe_pro_monthly_price_id, Plan::Pro, Interval::Month),
            price(&settings.stripe_pro_yearly_price_id, Plan::Pro, Interval::Year),
            price(&settings.stripe_business_monthly_price_id, Plan::Business, Interval::Month),
            price(&settings.stripe_business_yearly_price_id, Plan::Business, Interval::Year),
        ];
        Self(prices.into_iter().flatten().collect())
    }

    /// The plan and interval of a price. None if the price is not configured.
    pub fn find(&self, id: &str) -> Option<(Plan, Interval)> {
        self.0.iter().find(|price| price.id == id).map(|price| (price.plan, price.interval))
    }

    /// Whether a price is one of the configured ones.
    pub fn sells(&self, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.find(id).is_some())
    }

    /// The price of a plan. None if the plan is not for sale at this interval.
    pub fn of(&self, plan: Plan, interval: Interval) -> Option<&str> {
        let price = self.0.iter().find(|price| price.plan == plan && price.interval == interval);
        price.map(|price| price.id.as_str())
    }
}
