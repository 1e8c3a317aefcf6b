//! Subscription plans.

use crate::db::text_enum::text_enum;

text_enum! {
    /// A subscription plan.
    #[derive(PartialOrd, Ord, Default)]
    pub enum Plan {
        /// Costs nothing; for all users.
        #[default]
        Free = "FREE",
        /// For paying customers.
        Pro = "PRO",
        /// For paying customers.
        Business = "BUSINESS",
    }
}
