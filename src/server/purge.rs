//! What the server does at intervals: it deletes old Stripe events and renews the planner's statistics.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, interval_at},
};

use crate::{
    db::Timestamp,
    http::{Site, drained},
    models::stripe_event::StripeEvent,
    stripe::inbox::oldest_kept,
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Deletes Stripe events that were processed long ago, every `interval`, until the server stops.
pub(super) async fn purge(site: Arc<Site>, interval: Duration, mut draining: watch::Receiver<bool>) {
    let mut due = interval_at((Instant::now() + interval).into(), interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = drained(&mut draining) => return,
        }
        let before = oldest_kept(Timestamp::now());
        let services = site.kernel().services();
        let deadline = Instant::now() + services.timeouts.call;
        match services.db.write(deadline, move |conn| Ok(StripeEvent::purge(conn, before)?)).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "purged old Stripe events"),
            Err(error) => tracing::warn!(error = error.detail(), "could not purge old Stripe events"),
        }
    }
}

/// Renews the statistics of SQLite's planner, at once and then every hour, until the server stops.
pub(super) async fn optimize(site: Arc<Site>, mut draining: watch::Receiver<bool>) {
    let mut due = interval(HOUR);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = drained(&mut draining) => return,
        }
        let services = site.kernel().services();
        let deadline = Instant::now() + services.timeouts.call;
        if let Err(error) = services.db.optimize(deadline).await {
            tracing::warn!(error = error.detail(), "could not renew the statistics");
        }
    }
}
