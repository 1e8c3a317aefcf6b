//! What calls, subscriptions and feeds share.

use std::time::Duration;

use tokio::sync::watch;

use super::{feed::Feeds, limiter::Limiter, metrics::Metrics};
use crate::{db::Database, stripe::Stripe};

/// The services of one server.
pub struct Services {
    /// The database.
    pub db: Database,
    /// Rate limits.
    pub limiter: Limiter,
    /// Counters for operators.
    pub metrics: Metrics,
    /// Committed events, live.
    pub feeds: Feeds,
    /// The payment provider.
    pub stripe: Stripe,
    /// True once the server is stopping.
    pub draining: watch::Receiver<bool>,
    /// How long things may take.
    pub timeouts: Timeouts,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the arrival of a call to its answer.
    pub call: Duration,
    /// How often the rights of a subscriber are checked again.
    pub recheck: Duration,
}
