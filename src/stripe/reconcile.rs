//! The comparison of what is known of subscriptions with what Stripe says of them now.

use serde_json::Value;

use super::{account::Stripe, client::Retrieved, inbox::EventOutcome, snapshot};
use crate::{
    db::{DbConnection, Timestamp},
    error::Result,
};

/// What came of the state of one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// It was applied.
    Changed,
    /// It was applied, and for this reason somebody should look at the user's subscriptions.
    Double(String),
    /// It was known.
    Unchanged,
    /// It has no effect, for this reason.
    Ignored(String),
    /// It could not be applied, for this reason.
    Failed(String),
}

impl Reconciled {
    /// Whether the database was changed.
    pub fn is_change(&self) -> bool {
        matches!(self, Self::Changed | Self::Double(_))
    }
}

/// Applies the state of a subscription in the open transaction.
///
/// # Errors
/// Those of [`snapshot::receive`].
pub fn apply(
    conn: &mut DbConnection,
    stripe: &Stripe,
    retrieved: &Retrieved<Value>,
    request_id: &str,
) -> Result<Reconciled> {
    Ok(match snapshot::receive(conn, stripe, retrieved, request_id, Timestamp::now())? {
        Some(EventOutcome::Processed) => Reconciled::Changed,
        Some(EventOutcome::Double(why)) => Reconciled::Double(why),
        None => Reconciled::Unchanged,
        Some(EventOutcome::Ignored(why)) => Reconciled::Ignored(why),
        // A state that had an effect would be the stored one.
        Some(EventOutcome::Duplicate) => Reconciled::Ignored("this state was ignored before".to_owned()),
        Some(EventOutcome::Failed(why) | EventOutcome::Conflict(why)) => Reconciled::Failed(why),
    })
}
