//! The feed under loom, which runs a test once for every order in which its threads can take their steps. A thread that
//! waits for something that never comes is reported as a deadlock: so an event that a subscription misses, and a feed that
//! runs on without subscriptions.

use std::sync::Arc;

use loom::{future::block_on, thread};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use super::{Feed, SeatGuard};
use crate::kernel::log_reader::Source;

/// A log of numbers, beginning with 1, and the reading of it. Only the steps of the feed itself are interleaved; each
/// access to the log is one step.
#[derive(Clone)]
struct Log {
    newest: watch::Sender<i64>,
    /// A step that loom interleaves with those of other threads.
    step: Arc<loom::sync::Mutex<()>>,
}

struct Reader {
    log: Log,
    newest: watch::Receiver<i64>,
    last: i64,
}

impl Log {
    fn new() -> Self {
        Self { newest: watch::Sender::new(0), step: Arc::default() }
    }

    fn commit(&self) {
        let _step = self.step.lock().unwrap();
        self.newest.send_modify(|newest| *newest += 1);
    }

    fn newest(&self) -> i64 {
        let _step = self.step.lock().unwrap();
        *self.newest.borrow()
    }
}

impl Source for Reader {
    type Event = i64;

    /// Unlike the real source it does not poll, so that every missing notification is found.
    async fn changed(&mut self) {
        self.newest.changed().await.unwrap();
    }

    async fn read(&mut self, send: impl Fn(i64) + Send + Sync) {
        let newest = self.log.newest();
        (self.last + 1..=newest).for_each(send);
        self.last = newest;
    }
}

/// Runs `test` in every order with at most two switches between threads that could go on. More take long.
fn model(test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(test);
}

fn feed() -> Arc<Feed<i64>> {
    Arc::new(Feed::new(Gauge::default(), 8))
}

/// Follows the log as a subscription does, from the newest event to the event `until`.
fn follow(feed: &Arc<Feed<i64>>, log: &Log, until: i64) {
    let (mut events, guard) = Arc::clone(feed).seat();
    let first = log.newest();
    start(&guard, log, first);
    // The rows that were committed meanwhile; the feed may have started after them.
    let mut received: Vec<i64> = (first + 1..=log.newest()).collect();
    while received.last().copied().unwrap_or(first) < until {
        let event = *block_on(events.recv()).unwrap();
        if event > received.last().copied().unwrap_or(first) {
            received.push(event);
        }
    }
    // Each once and in order.
    assert!(received.iter().copied().eq(first + 1..=received.last().copied().unwrap_or(first)), "{received:?}");
    // As the fields of a seat are dropped.
    drop(events);
    drop(guard);
}

fn start(guard: &SeatGuard<i64>, log: &Log, newest: i64) {
    guard.start(|| {
        let mut changes = log.newest.subscribe();
        changes.mark_changed();
        Reader { log: log.clone(), newest: changes, last: newest }
    });
}

#[test]
fn a_subscription_misses_no_event_that_is_committed_while_it_starts() {
    model(|| {
        let (feed, log) = (feed(), Log::new());
        let writer = thread::spawn({
            let log = log.clone();
            move || log.commit()
        });
        follow(&feed, &log, 1);
        writer.join().unwrap();
    });
}

#[test]
fn a_subscription_that_starts_while_the_last_one_leaves_gets_every_event() {
    model(|| {
        let (feed, log) = (feed(), Log::new());
        log.commit();
        // Leaves at once.
        let other = thread::spawn({
            let (feed, log) = (Arc::clone(&feed), log.clone());
            move || follow(&feed, &log, 0)
        });
        let (mut events, guard) = Arc::clone(&feed).seat();
        let newest = log.newest();
        start(&guard, &log, newest);
        log.commit();
        assert_eq!(*block_on(events.recv()).unwrap(), 2);
        drop((events, guard));
        other.join().unwrap();
    });
}

#[test]
fn the_feed_ends_with_the_last_subscription() {
    model(|| {
        let (feed, log) = (feed(), Log::new());
        let other = thread::spawn({
            let (feed, log) = (Arc::clone(&feed), log.clone());
            move || follow(&feed, &log, 0)
        });
        follow(&feed, &log, 0);
        other.join().unwrap();
        assert_eq!((feed.watchers.get(), feed.events.receiver_count()), (0, 0));
        // loom waits for the threads of the feeds, which must end.
    });
}
