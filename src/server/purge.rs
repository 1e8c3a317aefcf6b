//! Deletes old Stripe events at intervals.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval_at},
};

use crate::{
    db::Timestamp,
    http::{Site, drained},
    models::stripe_event::StripeEvent,
    stripe::inbox::oldest_kept,
};

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
