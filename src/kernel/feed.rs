//! The feed: one task that reads new events once and hands them to everybody who watches. It runs while somebody does.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, broadcast},
    time::sleep,
};

use super::kernel::Kernel;
use crate::{config::Limits, error::Result, models::cluster_event::ClusterEvent};

/// Events that are read at a time.
pub(super) const PAGE: i64 = 256;
/// After the database could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// One per server.
pub(super) struct Feed {
    events: broadcast::Sender<Arc<ClusterEvent>>,
    running: Mutex<bool>,
    /// A watcher has left.
    left: Notify,
    /// Between two looks at the table when nobody says that something was committed.
    interval: Duration,
}

/// A watcher's place. What is committed after it was taken comes out of `events`, once [`Seat::fill`] has been called.
pub(super) struct Seat {
    pub events: broadcast::Receiver<Arc<ClusterEvent>>,
    /// Dropped after `events`.
    present: Present,
}

/// Counts a watcher for as long as it is there.
struct Present(Arc<Kernel>);

impl Feed {
    pub fn new(limits: &Limits) -> Self {
        let events = broadcast::Sender::new(limits.feed_events);
        Self { events, running: Mutex::new(false), left: Notify::new(), interval: limits.feed_interval }
    }

    fn running(&self) -> MutexGuard<'_, bool> {
        // Nothing panics while it holds the lock.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody watches any more. Then the feed has ended.
    fn ended(&self) -> bool {
        let mut running = self.running();
        *running = self.events.receiver_count() > 0;
        !*running
    }
}

impl Seat {
    pub fn take(kernel: &Arc<Kernel>) -> Self {
        let feed = kernel.feed();
        let events = {
            let _ending = feed.running();
            feed.events.subscribe()
        };
        kernel.metrics().subscriptions.inc();
        Self { events, present: Present(Arc::clone(kernel)) }
    }

    /// Sees to it that the feed runs. `newest` was the newest event at some time after the seat was taken.
    pub fn fill(&self, newest: i64) {
        let kernel = &self.present.0;
        let mut running = kernel.feed().running();
        if !*running {
            *running = true;
            tokio::spawn(run(Arc::clone(kernel), newest));
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.metrics().subscriptions.dec();
        self.0.feed().left.notify_one();
    }
}

/// Hands out everything after `last`, for as long as there are watchers.
async fn run(kernel: Arc<Kernel>, mut last: i64) {
    let feed = kernel.feed();
    let mut commits = kernel.db().commits();
    commits.mark_changed();
    let mut away = false;
    loop {
        tokio::select! {
            told = commits.changed() => if told.is_err() { sleep(feed.interval).await },
            () = sleep(feed.interval) => {}
            () = feed.left.notified() => {}
        }
        if feed.ended() {
            return;
        }
        let read = hand_out(&kernel, &mut last).await;
        if let Err(error) = &read {
            if !away {
                tracing::warn!(%error, "the events of clusters can't be read; trying again every second");
            }
            sleep(PAUSE).await;
            commits.mark_changed();
        }
        away = read.is_err();
    }
}

async fn hand_out(kernel: &Kernel, last: &mut i64) -> Result<()> {
    loop {
        let (deadline, after) = (Instant::now() + kernel.timeout(), *last);
        let read = kernel.db().read(deadline, move |conn| Ok(ClusterEvent::after(conn, None, after, PAGE)?));
        let page = read.await?;
        let full = i64::try_from(page.len()) == Ok(PAGE);
        for event in page {
            *last = event.id;
            // Nobody may be left to hear it.
            drop(kernel.feed().events.send(Arc::new(event)));
        }
        if !full {
            return Ok(());
        }
    }
}
