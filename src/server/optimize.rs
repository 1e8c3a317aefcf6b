//! The planner's statistics, which the server renews at intervals.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::sleep};

use crate::http::{Site, drained};

/// The first pause. Each is twice as long as the one before: a new database grows most.
const FIRST: Duration = Duration::from_secs(60);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Renews the statistics of SQLite's planner, at once, and then at longer and longer intervals, until the server stops. That does
/// nothing for a table that has not grown or shrunk tenfold.
pub(super) async fn optimize(site: Arc<Site>, mut draining: watch::Receiver<bool>) {
    let mut pause = FIRST;
    loop {
        let services = site.kernel().services();
        let deadline = Instant::now() + services.timeouts.call;
        if let Err(error) = services.db.optimize(deadline).await {
            tracing::warn!(error = error.detail(), "could not renew the statistics");
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = drained(&mut draining) => return,
        }
        pause = LONGEST.min(pause.saturating_mul(2));
    }
}
