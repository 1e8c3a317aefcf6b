//! Adds changes of clusters to their numbers over time, at intervals.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval_at, sleep},
};

use crate::{
    error::Result,
    http::{Site, drained},
    kernel::Services,
    models::cluster_series,
};

/// Changes that are added in a transaction.
const ROWS: usize = 500;
/// The pause between two transactions, in which callers write.
const PAUSE: Duration = Duration::from_millis(25);

/// Adds new changes every `interval`, until the server stops. All servers do: whoever comes second finds nothing.
pub(super) async fn fold(site: Arc<Site>, interval: Duration, mut draining: watch::Receiver<bool>) {
    let mut due = interval_at((Instant::now() + interval).into(), interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = drained(&mut draining) => return,
        }
        tokio::select! {
            folded = fold_all(site.kernel().services()) => if let Err(error) = folded {
                tracing::warn!(error = error.detail(), "could not add changes to the numbers of clusters");
            },
            () = drained(&mut draining) => return,
        }
    }
}

async fn fold_all(services: &Services) -> Result<()> {
    let deadline = || Instant::now() + services.timeouts.call;
    // Where nobody writes, this does not either.
    if !services.db.read(deadline(), |conn| Ok(cluster_series::is_due(conn)?)).await? {
        return Ok(());
    }
    while services.db.write(deadline(), |conn| Ok(cluster_series::fold(conn, ROWS)?)).await? == ROWS {
        sleep(PAUSE).await;
    }
    Ok(())
}
