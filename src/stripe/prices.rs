//! Which plan a price buys. Prices are Stripe's; which of them are ours is configured.

use crate::{config::StripeSettings, models::plan::Plan};

#[derive(Clone, Debug)]
pub struct Prices(Vec<(String, Plan)>);

impl Prices {
    pub fn new(settings: &StripeSettings) -> Self {
        let prices = [
            (&settings.stripe_pro_monthly_price_id, Plan::Pro),
            (&settings.stripe_pro_yearly_price_id, Plan::Pro),
            (&settings.stripe_business_monthly_price_id, Plan::Business),
            (&settings.stripe_business_yearly_price_id, Plan::Business),
        ];
        let known = prices.into_iter().filter_map(|(price, plan)| Some((price.clone()?, plan)));
        Self(known.filter(|(price, _)| !price.is_empty()).collect())
    }

    /// None for a price that is not ours.
    pub fn plan(&self, price: &str) -> Option<Plan> {
        self.0.iter().find(|(known, _)| known == price).map(|(_, plan)| *plan)
    }
}
