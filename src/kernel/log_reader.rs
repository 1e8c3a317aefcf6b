//! Reads the new rows of an event log for its feed.

use std::{
    marker::PhantomData,
    time::{Duration, Instant},
};

use prometheus_client::metrics::histogram::Histogram;
use tokio::{sync::watch, time::sleep};

use crate::{
    db::{Database, Timestamp},
    error::Result,
    models::event_log::EventLog,
};

/// Rows per read.
pub(super) const PAGE: i64 = 256;
/// The pause after the database could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// Where a feed's events come from.
pub(super) trait Source: Send + 'static {
    /// An event.
    type Event: Send + Sync + 'static;

    /// Waits until there may be new events. Safe to cancel.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;

    /// Sends all new events.
    fn read(&mut self, send: impl Fn(Self::Event) + Send + Sync) -> impl Future<Output = ()> + Send;
}

/// What every reader needs.
#[derive(Clone)]
pub(super) struct Setup {
    pub db: Database,
    /// The polling interval for commits that were not announced.
    pub interval: Duration,
    /// How long a read may take.
    pub timeout: Duration,
    /// Seconds after which events are read.
    pub lag: Histogram,
}

/// A place in the log `E`.
pub(super) struct LogReader<E> {
    setup: Setup,
    commits: watch::Receiver<()>,
    /// The id of the last event that was sent.
    last: i64,
    failing: bool,
    log: PhantomData<fn() -> E>,
}

impl<E: EventLog> LogReader<E> {
    /// Reads every event after `last`.
    pub fn new(setup: Setup, last: i64) -> Self {
        let mut commits = setup.db.commits();
        commits.mark_changed();
        Self { setup, commits, last, failing: false, log: PhantomData }
    }

    async fn send_new(&mut self, send: impl Fn(E) + Sync) -> Result<()> {
        loop {
            let (deadline, after) = (Instant::now() + self.setup.timeout, self.last);
            let page = self.setup.db.read(deadline, move |conn| Ok(E::after(conn, after, PAGE)?)).await?;
            let full = i64::try_from(page.len()) == Ok(PAGE);
            let now = Timestamp::now();
            for event in &page {
                // Clocks of several servers differ a little.
                self.setup.lag.observe(now.since(event.at()).as_secs_f64());
            }
            for event in page {
                self.last = event.id();
                send(event);
            }
            if !full {
                return Ok(());
            }
        }
    }
}

impl<E: EventLog> Source for LogReader<E> {
    type Event = E;

    async fn changed(&mut self) {
        tokio::select! {
            announced = self.commits.changed() => if announced.is_err() { sleep(self.setup.interval).await },
            () = sleep(self.setup.interval) => {}
        }
    }

    async fn read(&mut self, send: impl Fn(E) + Send + Sync) {
        let read = self.send_new(send).await;
        if let Err(error) = &read {
            if !self.failing {
                tracing::warn!(error = error.detail(), "cannot read new events; retrying every second");
            }
            sleep(PAUSE).await;
            self.commits.mark_changed();
        }
        self.failing = read.is_err();
    }
}
