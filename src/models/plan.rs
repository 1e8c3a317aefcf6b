//! What a customer pays for.

use crate::db::text_enum::text_enum;

text_enum! {
    /// A subscription plan; the order is that of the price.
    #[derive(PartialOrd, Ord, Default)]
    pub enum Plan {
        #[default]
        Free = "FREE",
        Pro = "PRO",
        Business = "BUSINESS",
    }
}
