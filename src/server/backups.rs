//! Backs the database up at intervals.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::{
    db::{Timestamp, backups::Schedule},
    http::{Site, drained},
};

/// How soon a backup that failed is tried again, at the latest. After each further failure it takes twice as long: a try may
/// fill the disk of the database.
const AGAIN: Duration = Duration::from_secs(60);

/// Backs the database up as the schedule says until the server stops, at once if no backup is new enough.
pub(super) async fn back_up(site: Arc<Site>, schedule: Schedule, mut draining: watch::Receiver<bool>) {
    let metrics = &site.kernel().services().metrics;
    let started = Timestamp::now();
    let newest = schedule.newest().unwrap_or_else(|error| {
        tracing::warn!(error = format!("{error:#}"), "could not look for backups");
        None
    });
    metrics.show_backups(newest.unwrap_or(started));
    // The clock may have been set back since.
    let age = newest.map(|newest| started.since(newest));
    let mut again = AGAIN;
    let mut wait = age.map_or(Duration::ZERO, |age| schedule.every.saturating_sub(age));
    loop {
        tokio::select! {
            () = sleep(wait) => {}
            () = drained(&mut draining) => return,
        }
        let (now, began, own) = (Timestamp::now(), Instant::now(), schedule.clone());
        let made = spawn_blocking(move || own.make(now)).await.unwrap_or_else(|panic| Err(panic.into()));
        metrics.backed_up(made.is_ok().then_some(now));
        wait = match made {
            Ok(backup) => {
                let elapsed_ms = procedures::milliseconds(began.elapsed());
                let (path, bytes) = (backup.path.display(), backup.bytes);
                tracing::info!(%path, bytes, elapsed_ms, "backed the database up");
                if let Err(error) = schedule.remove_surplus() {
                    tracing::error!(error = format!("{error:#}"), "could not remove old backups");
                }
                again = AGAIN;
                schedule.every.saturating_sub(began.elapsed())
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "could not back the database up");
                let soon = schedule.every.min(again);
                again = again.saturating_mul(2);
                soon
            }
        };
    }
}
