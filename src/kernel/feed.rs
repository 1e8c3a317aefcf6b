//! Feeds: one task for each log reads new rows once and hands them to everybody who watches. It runs while somebody does.

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

/// Rows that are read at a time.
pub(super) const PAGE: i64 = 256;
/// The pause after the database could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// The feeds of one server, one for each log, created on first use.
pub struct Feeds {
    by_log: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    setup: Setup,
}

/// What every feed needs.
#[derive(Clone)]
struct Setup {
    db: Database,
    /// Counts everybody who watches.
    watchers: IntGauge,
    /// Events that wait for the slowest watcher.
    capacity: usize,
    /// The polling interval when no commit is announced.
    interval: Duration,
    /// How long a read may take.
    timeout: Duration,
}

/// The feed of one log.
struct Feed<E> {
    setup: Setup,
    events: broadcast::Sender<Arc<E>>,
    running: Mutex<bool>,
    /// Notified when a watcher has left.
    left: Notify,
}

/// A watcher's place. What is committed after it was taken comes out of `events`, once [`Seat::start`] has been called.
pub(super) struct Seat<E> {
    pub events: broadcast::Receiver<Arc<E>>,
    /// Dropped after `events`.
    present: Present<E>,
}

/// Counts a watcher as long as it is there.
struct Present<E>(Arc<Feed<E>>);

impl Feeds {
    /// Feeds of this database. `watchers` counts the subscriptions.
    pub fn new(db: Database, watchers: IntGauge, limits: &Limits) -> Self {
        let Limits { feed_events: capacity, feed_interval: interval, call_timeout: timeout, .. } = *limits;
        Self { by_log: Mutex::default(), setup: Setup { db, watchers, capacity, interval, timeout } }
    }

    /// Takes a place at the feed of a log.
    pub(super) fn seat<E: EventLog>(&self) -> Seat<E> {
        let feed = self.feed::<E>();
        let events = {
            // The feed must not end in between.
            let _running = feed.running();
            feed.events.subscribe()
        };
        feed.setup.watchers.inc();
        Seat { events, present: Present(feed) }
    }

    fn feed<E: EventLog>(&self) -> Arc<Feed<E>> {
        // Nothing panics while it holds the lock.
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
        // Nothing panics while it holds the lock.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody watches any more. Then the feed has ended.
    fn ended(&self) -> bool {
        let mut running = self.running();
        *running = self.events.receiver_count() > 0;
        !*running
    }

    /// Hands out everything after `last`, as long as there are watchers.
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
            if self.ended() {
                return;
            }
            let read = self.hand_out(&mut last).await;
            if let Err(error) = &read {
                if !failing {
                    tracing::warn!(%error, "events can't be read; retrying every second");
                }
                sleep(PAUSE).await;
                commits.mark_changed();
            }
            failing = read.is_err();
        }
    }

    async fn hand_out(&self, last: &mut i64) -> Result<()> {
        loop {
            let (deadline, after) = (Instant::now() + self.setup.timeout, *last);
            let page = self.setup.db.read(deadline, move |conn| Ok(E::after(conn, after, PAGE)?)).await?;
            let full = i64::try_from(page.len()) == Ok(PAGE);
            for event in page {
                *last = event.id();
                // The last watcher may just have left.
                drop(self.events.send(Arc::new(event)));
            }
            if !full {
                return Ok(());
            }
        }
    }
}

impl<E: EventLog> Seat<E> {
    /// Makes sure that the feed runs. `newest` was the newest event at some time after the seat was taken.
    pub fn start(&self, newest: i64) {
        let feed = &self.present.0;
        let mut running = feed.running();
        if !*running {
            *running = true;
            let feed = Arc::clone(feed);
            tokio::spawn(async move { feed.run(newest).await });
        }
    }
}

impl<E> Drop for Present<E> {
    fn drop(&mut self) {
        self.0.setup.watchers.dec();
        self.0.left.notify_one();
    }
}
