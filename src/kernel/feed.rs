//! Feeds: for each event log, one task reads new rows once and sends them to all subscriptions. It runs while there are
//! any. `feed/tests.rs` checks all interleavings of subscriptions that start and end with loom.

#[cfg(test)]
mod tests;

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, PoisonError},
};

#[cfg(test)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(test))]
use std::sync::{Mutex, MutexGuard};

use prometheus_client::metrics::{gauge::Gauge, histogram::Histogram};
use tokio::sync::{Notify, broadcast};

use super::log_reader::{LogReader, Setup, Source};
use crate::{config::Limits, db::Database, models::event_log::EventLog};

/// The feeds of one server, one for each log, created on first use.
pub struct Feeds {
    by_log: std::sync::Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Held by the subscription that reads the log further.
    catching_up: tokio::sync::Mutex<()>,
    /// The number of subscriptions.
    watchers: Gauge,
    /// How many events are buffered for the slowest subscription.
    capacity: usize,
    setup: Setup,
}

/// The feed of one log.
struct Feed<E> {
    watchers: Gauge,
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
    setup: Setup,
}

/// Updates the number of subscriptions and wakes the feed when the seat is given up.
struct SeatGuard<E>(Arc<Feed<E>>);

impl Feeds {
    /// Feeds of a database. `watchers` is set to the number of subscriptions, and `lag` to the seconds after which events are read.
    pub fn new(db: Database, watchers: Gauge, lag: Histogram, limits: &Limits) -> Self {
        let Limits { feed_events: capacity, feed_interval: interval, call_timeout: timeout, .. } = *limits;
        Self {
            by_log: std::sync::Mutex::default(),
            catching_up: tokio::sync::Mutex::default(),
            watchers,
            capacity,
            setup: Setup { db, interval, timeout, lag },
        }
    }

    /// Takes a seat at the feed of a log.
    pub(super) fn seat<E: EventLog>(&self) -> Seat<E> {
        let (events, guard) = self.feed::<E>().seat();
        Seat { events, guard, setup: self.setup.clone() }
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
            let feed = Arc::new(Feed::new(self.watchers.clone(), self.capacity));
            by_log.insert(TypeId::of::<E>(), Arc::<Feed<E>>::clone(&feed));
            feed
        })
    }
}

impl<E: Send + Sync + 'static> Feed<E> {
    fn new(watchers: Gauge, capacity: usize) -> Self {
        let events = broadcast::Sender::new(capacity);
        Self { watchers, events, running: Mutex::new(false), left: Notify::new() }
    }

    fn running(&self) -> MutexGuard<'_, bool> {
        // No code panics while it holds the lock.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seat(self: Arc<Self>) -> (broadcast::Receiver<Arc<E>>, SeatGuard<E>) {
        // Without the lock: if the feed ends before it counts this receiver, `SeatGuard::start` starts another.
        let events = self.events.subscribe();
        self.watchers.inc();
        (events, SeatGuard(self))
    }

    /// Ends the feed if there are no subscriptions, and returns whether it did.
    fn end_if_unused(&self) -> bool {
        let mut running = self.running();
        *running = self.events.receiver_count() > 0;
        !*running
    }

    /// Sends every event of the source, as long as there are subscriptions.
    async fn run<S: Source<Event = E>>(&self, mut source: S) {
        loop {
            tokio::select! {
                // Without it the order of the two would be random, and loom could not repeat it.
                biased;
                () = self.left.notified() => {}
                () = source.changed() => {}
            }
            if self.end_if_unused() {
                return;
            }
            // Fails when the last subscription has just ended.
            source.read(|event| drop(self.events.send(Arc::new(event)))).await;
        }
    }
}

impl<E: EventLog> Seat<E> {
    /// Starts the feed unless it runs. `newest` is the id of the newest event, read after the seat was taken.
    pub fn start(&self, newest: i64) {
        self.guard.start(|| LogReader::new(self.setup.clone(), newest));
    }
}

impl<E: Send + Sync + 'static> SeatGuard<E> {
    /// Starts the feed unless it runs.
    fn start<S: Source<Event = E>>(&self, source: impl FnOnce() -> S) {
        let mut running = self.0.running();
        if !*running {
            *running = true;
            let (feed, source) = (Arc::clone(&self.0), source());
            spawn(async move { feed.run(source).await });
        }
    }
}

#[cfg(not(test))]
fn spawn(feed: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(feed);
}

/// One of loom's threads stands for the task.
#[cfg(test)]
fn spawn(feed: impl Future<Output = ()> + Send + 'static) {
    loom::thread::spawn(|| loom::future::block_on(feed));
}

impl<E> Drop for SeatGuard<E> {
    fn drop(&mut self) {
        self.0.watchers.dec();
        self.0.left.notify_one();
    }
}
