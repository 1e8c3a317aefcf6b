//! Feeds: for each event log, one task reads new rows once and sends them to all subscriptions. It runs while there are
//! any.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use prometheus::IntGauge;
use tokio::{
    sync::{Notify, broadcast},
    time::sleep,
};

use crate::{config::Limits, db::Database, error::Result, models::event_log::EventLog};

/// Rows per read.
pub(super) const PAGE: i64 = 256;
/// The pause after the database could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// The feeds of one server, one for each log, created on first use.
pub struct Feeds {
    by_log: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Held by the subscription that reads the log further.
    catching_up: tokio::sync::Mutex<()>,
    setup: Setup,
}

/// What every feed needs.
#[derive(Clone)]
struct Setup {
    db: Database,
    /// The number of subscriptions.
    watchers: IntGauge,
    /// How many events are buffered for the slowest subscription.
    capacity: usize,
    /// The polling interval for commits that were not announced.
    interval: Duration,
    /// How long a read may take.
    timeout: Duration,
}

/// The feed of one log.
struct Feed<E> {
    setup: Setup,
    events: broadcast::Sender<Arc<E>>,
    running: Mutex<bool>,
    /// Notified when a subscription has ended.
    left: Notify,
}

/// A subscription's place at a feed. After [`Seat::start`], `events` receives everything committed since the seat was
/// taken.
pub(super) struct Seat<E> {
    /// New events, in the order of their ids.
    pub events: broadcast::Receiver<Arc<E>>,
    /// Dropped after `events`, so that the feed no longer counts this receiver.
    guard: SeatGuard<E>,
}

/// Updates the number of subscriptions and wakes the feed when the seat is given up.
struct SeatGuard<E>(Arc<Feed<E>>);

impl Feeds {
    /// Feeds of a database. `watchers` is set to the number of subscriptions.
    pub fn new(db: Database, watchers: IntGauge, limits: &Limits) -> Self {
        let Limits { feed_events: capacity, feed_interval: interval, call_timeout: timeout, .. } = *limits;
        Self {
            by_log: Mutex::default(),
            catching_up: tokio::sync::Mutex::default(),
            setup: Setup { db, watchers, capacity, interval, timeout },
        }
    }

    /// Takes a seat at the feed of a log.
    pub(super) fn seat<E: EventLog>(&self) -> Seat<E> {
        let feed = self.feed::<E>();
        let events = {
            // The lock keeps the feed from ending before it counts this receiver.
            let _running = feed.running();
            feed.events.subscribe()
        };
        feed.setup.watchers.inc();
        Seat { events, guard: SeatGuard(feed) }
    }

    /// Waits until a subscription that is far behind may read the next part of its log. One at a time does, in turn, so
    /// that any number of them leaves the other database threads to the calls.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.catching_up.lock().await
    }

    fn feed<E: EventLog>(&self) -> Arc<Feed<E>> {
        // No code panics while it holds the lock.
        let mut by_log = self.by_log.lock().unwrap_or_else(PoisonError::into_inner);
        let known = by_log.get(&TypeId::of::<E>()).cloned().and_then(|feed| feed.downcast::<Feed<E>>().ok());
        known.unwrap_or_else(|| {
            let feed = Arc::new(Feed::new(self.setup.clone()));
            by_log.insert(TypeId::of::<E>(), Arc::<Feed<E>>::clone(&feed));
            feed
        })
    }
}

impl<E: EventLog> Feed<E> {
    fn new(setup: Setup) -> Self {
        Self { events: broadcast::Sender::new(setup.capacity), setup, running: Mutex::new(false), left: Notify::new() }
    }

    fn running(&self) -> MutexGuard<'_, bool> {
        // No code panics while it holds the lock.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the feed if there are no subscriptions, and returns whether it did.
    fn end_if_unused(&self) -> bool {
        let mut running = self.running();
        *running = self.events.receiver_count() > 0;
        !*running
    }

    /// Sends every event after `last`, as long as there are subscriptions.
    async fn run(&self, mut last: i64) {
        let mut commits = self.setup.db.commits();
        commits.mark_changed();
        let mut failing = false;
        loop {
            tokio::select! {
                announced = commits.changed() => if announced.is_err() { sleep(self.setup.interval).await },
                () = sleep(self.setup.interval) => {}
                () = self.left.notified() => {}
            }
            if self.end_if_unused() {
                return;
            }
            let read = self.send_new(&mut last).await;
            if let Err(error) = &read {
                if !failing {
                    tracing::warn!(error = error.detail(), "cannot read new events; retrying every second");
                }
                sleep(PAUSE).await;
                commits.mark_changed();
            }
            failing = read.is_err();
        }
    }

    async fn send_new(&self, last: &mut i64) -> Result<()> {
        loop {
            let (deadline, after) = (Instant::now() + self.setup.timeout, *last);
            let page = self.setup.db.read(deadline, move |conn| Ok(E::after(conn, after, PAGE)?)).await?;
            let full = i64::try_from(page.len()) == Ok(PAGE);
            for event in page {
                *last = event.id();
                // Fails when the last subscription has just ended.
                drop(self.events.send(Arc::new(event)));
            }
            if !full {
                return Ok(());
            }
        }
    }
}

impl<E: EventLog> Seat<E> {
    /// Starts the feed unless it runs. `newest` is the id of the newest event, read after the seat was taken.
    pub fn start(&self, newest: i64) {
        let feed = &self.guard.0;
        let mut running = feed.running();
        if !*running {
            *running = true;
            let feed = Arc::clone(feed);
            tokio::spawn(async move { feed.run(newest).await });
        }
    }
}

impl<E> Drop for SeatGuard<E> {
    fn drop(&mut self) {
        self.0.setup.watchers.dec();
        self.0.left.notify_one();
    }
}
