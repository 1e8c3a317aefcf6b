//! Removes what is old: deleted clusters and users, the beginning of the log of cluster events, processed events of Stripe.
//! It works in short transactions, so that nobody waits for it.

mod audit;
mod kind;
mod purge;

pub use self::{
    audit::AuditPrefix,
    kind::Kind,
    purge::{Portion, Purge, Purger},
};
