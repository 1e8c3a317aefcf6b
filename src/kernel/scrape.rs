//! `GET /metrics`: reads what is not counted as it happens, and writes all metrics.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::services::Services;
use crate::{
    db::{Company, DbConnection, Reading, plain},
    models::stripe_event::StripeEvent,
};

/// How long the database may take to say how many events wait.
const PATIENCE: Duration = Duration::from_secs(1);
/// For how long its answer is believed.
const BELIEVED: Duration = Duration::from_secs(2);

/// All metrics as text.
///
/// # Errors
/// When the encoder fails.
pub async fn scrape(services: &Services) -> Result<String> {
    let readings = &services.metrics.readings;
    let (reads, writes) = services.db.queued();
    readings.queued_reads.set(i64::try_from(reads)?);
    readings.queued_writes.set(i64::try_from(writes)?);
    readings.stripe_suspended.set(i64::from(services.stripe.is_suspended()));
    if let Some((file, log)) = services.db.file_sizes() {
        readings.file_bytes.set(i64::try_from(file)?);
        readings.log_bytes.set(i64::try_from(log)?);
    }
    count_failed(services).await;
    services.metrics.text()
}

/// Counts the failed events of Stripe, unless that was done a moment ago: anybody may ask for the metrics.
async fn count_failed(services: &Services) {
    let readings = &services.metrics.readings;
    let mut counted_at = readings.counted_at.lock().await;
    if counted_at.is_some_and(|at| at.elapsed() < BELIEVED) {
        return;
    }
    let deadline = Instant::now() + PATIENCE;
    // On the lane of lists, so that it is not among the waiting calls that these metrics count while the database hangs.
    let company = Company { reading: Reading::Browsing, ..Company::default() };
    let count = plain(|conn: &mut DbConnection| Ok(StripeEvent::count_failed(conn)?));
    let failed = services.db.query(deadline, true, company, count).await;
    readings.stripe_failed.set(failed.ok().and_then(|count| u32::try_from(count).ok()).map_or(f64::NAN, f64::from));
    *counted_at = Some(Instant::now());
}
