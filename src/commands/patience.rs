//! Requests to Stripe from the command line, where nobody waits for an answer within seconds.

use std::time::Duration;

use clusterdesk::error::{Error, Result};
use tokio::time::{Instant, sleep};

/// Time for one request with its retries.
const PATIENCE: Duration = Duration::from_secs(120);

/// The time by which a request that is made now must be answered.
pub fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

/// Makes a request once more after the time that a busy Stripe demands, or that the circuit breaker needs.
///
/// # Errors
/// Those of the second request, or of the first if no pause is of use.
pub async fn patiently<T>(request: impl AsyncFn() -> Result<T>) -> Result<T> {
    match request().await {
        Err(Error::Unavailable { retry_after, .. }) if retry_after <= PATIENCE => {
            sleep(retry_after).await;
            request().await
        }
        other => other,
    }
}

/// Whether Stripe did not answer, also after the pause of [`patiently`].
pub fn is_away(error: &Error) -> bool {
    matches!(error, Error::Unavailable { .. } | Error::GatewayTimeout)
}
