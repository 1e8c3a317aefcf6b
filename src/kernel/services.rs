//! The services that calls, subscriptions and feeds share.

use std::time::Duration;

use tokio::sync::watch;

use super::{api_tokens::ApiTokens, feed::Feeds, limiter::Limiter, metrics::Metrics, subscribers::Subscribers};
use crate::{
    auth::Authenticator,
    checks::Surroundings,
    db::{self, Database},
    error::Result,
    stripe::Stripe,
    traces::Traces,
};

/// The services of one server.
pub struct Services {
    /// The database.
    pub db: Database,
    /// Rate limits.
    pub limiter: Limiter,
    /// Verifies bearer tokens.
    pub authenticator: Authenticator,
    /// API tokens that were looked up before.
    pub tokens: ApiTokens,
    /// Metrics for Prometheus.
    pub metrics: Metrics,
    /// Traces of calls.
    pub traces: Traces,
    /// The feeds of committed events.
    pub feeds: Feeds,
    /// How many subscriptions each user has.
    pub subscribers: Subscribers,
    /// The client of Stripe's API and the configured prices.
    pub stripe: Stripe,
    /// What else the server needs.
    pub surroundings: Surroundings,
    /// True once the server is stopping.
    pub draining: watch::Receiver<bool>,
    /// Time limits of calls and subscriptions.
    pub timeouts: Timeouts,
}

impl Services {
    /// Runs `work` and counts its SQL statements as those of a procedure.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn counted<T>(&self, procedure: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = db::statements();
        let result = work();
        self.metrics.calls.ran(procedure, db::statements().saturating_sub(before));
        result
    }
}

/// Time limits of calls and subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The longest time from the arrival of a call to its answer.
    pub call: Duration,
    /// The interval at which the rights of a subscriber are checked again.
    pub recheck: Duration,
}
