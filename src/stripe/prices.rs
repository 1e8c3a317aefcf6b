//! Which plan a price buys. Prices are Stripe's; which of them are ours is configured.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{config::StripeSettings, models::plan::Plan};

/// How often a price is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    Month,
    Year,
}

#[derive(Clone, Debug)]
pub struct Prices(Vec<(String, Plan, Interval)>);

impl Prices {
    pub fn new(settings: &StripeSettings) -> Self {
        let prices = [
            (&settings.stripe_pro_monthly_price_id, Plan::Pro, Interval::Month),
            (&settings.stripe_pro_yearly_price_id, Plan::Pro, Interval::Year),
            (&settings.stripe_business_monthly_price_id, Plan::Business, Interval::Month),
            (&settings.stripe_business_yearly_price_id, Plan::Business, Interval::Year),
        ];
        let known = prices.into_iter().filter_map(|(price, plan, interval)| Some((price.clone()?, plan, interval)));
        Self(known.filter(|(price, ..)| !price.is_empty()).collect())
    }

    /// None for a price that is not ours.
    pub fn find(&self, price: &str) -> Option<(Plan, Interval)> {
        self.0.iter().find(|(known, ..)| known == price).map(|(_, plan, interval)| (*plan, *interval))
    }

    /// The price of a plan, where it is for sale.
    pub fn of(&self, plan: Plan, interval: Interval) -> Option<&str> {
        let price = self.0.iter().find(|(_, for_plan, each)| *for_plan == plan && *each == interval);
        price.map(|(price, ..)| price.as_str())
    }
}
