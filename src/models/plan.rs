//! What a customer pays for.

use crate::db::text_enum::text_enum;

text_enum! {
    /// A subscription plan, from the cheapest.
    #[derive(PartialOrd, Ord, Default)]
    pub enum Plan {
        #[default]
        Free = "FREE",
        Pro = "PRO",
        Business = "BUSINESS",
    }
}
