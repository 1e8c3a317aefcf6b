//! Metrics for `GET /metrics`, in the text format of OpenMetrics 1.0, which Prometheus reads. Their labels are names from the
//! program, so that callers can't create any.

mod backups;
mod calls;
mod latency;
mod log;
mod process;
mod rate_checks;
mod traffic;

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};

use anyhow::Result;
use procedures::Catalogue;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use self::{backups::Backups, process::Process};
pub use self::{
    calls::Calls,
    log::DroppedLines,
    rate_checks::RateChecks,
    traffic::{CallCounts, MINUTES, Traffic},
};
use crate::{
    db::{Database, Timestamp},
    error::Code,
    stripe::inbox::EventOutcome,
    traces::Traces,
};

/// What the names of our own metrics begin with.
const PREFIX: &str = "clusterdesk";

/// The label for calls of unknown procedures, so that callers cannot create labels.
pub const UNKNOWN: &str = "unknown";
/// The label for the look-ups of tokens before the first call on a connection.
pub const HANDSHAKE: &str = "handshake";

/// Seconds after which most watchers have an event: at once on the same server, after a poll elsewhere.
const LAGS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// A gauge whose value may be unknown.
pub(super) type Reading = Gauge<f64, AtomicU64>;

/// The metrics of one server.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// The calls of procedures.
    pub calls: Calls,
    /// Those of the last hour.
    pub traffic: Traffic,
    stripe_events: Family<OutcomeLabel, Counter>,
    /// Open connections.
    pub connections: Gauge,
    /// Open WebSockets.
    pub sockets: Gauge,
    /// Running subscriptions.
    pub subscriptions: Gauge,
    /// Seconds from the time of an event to its reading for subscriptions.
    pub event_lag: Histogram,
    /// Where calls were counted against rate limits.
    pub rate_checks: RateChecks,
    pub(super) readings: Readings,
    /// Set if the server makes backups.
    backups: OnceLock<Backups>,
}

/// What is read when the metrics are.
#[derive(Default)]
pub(super) struct Readings {
    pub queued_reads: Gauge,
    pub queued_writes: Gauge,
    pub stripe_suspended: Gauge,
    pub stripe_failed: Reading,
    /// When `stripe_failed` was set.
    pub counted_at: tokio::sync::Mutex<Option<Instant>>,
    pub file_bytes: Gauge,
    pub log_bytes: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

impl Metrics {
    /// Registers all metrics of a server with these procedures on this database.
    pub fn new(db: &Database, procedures: &Catalogue) -> Self {
        let mut all = Registry::default();
        all.register_collector(Box::new(Process));
        let registry = all.sub_registry_with_prefix(PREFIX);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("database", db.kind())]);
        registry.register("build", "The version of the server, and its database", build);
        let calls = Calls::register(registry);
        db.measures().register(registry);
        let stripe_events = Family::<OutcomeLabel, Counter>::default();
        // Present from the start, so that the first event of a kind is an increase. A request that is refused has the code of the error.
        for outcome in EventOutcome::NAMES {
            drop(stripe_events.get_or_create(&OutcomeLabel { outcome }));
        }
        registry.register("stripe_events", "Events received from Stripe, by outcome", stripe_events.clone());
        let (connections, sockets, subscriptions) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("websockets", "Open WebSockets", sockets.clone());
        registry.register("subscriptions", "Running subscriptions", subscriptions.clone());
        let event_lag = Histogram::new(LAGS);
        let help = "Time from an event to its reading for subscriptions, while there are any";
        registry.register_with_unit("event_lag", help, Unit::Seconds, event_lag.clone());
        let rate_checks = RateChecks::register(registry);
        let readings = Readings::register(registry, db);
        let names = procedures.names().filter_map(|name| Some((name, procedures.get(name)?.name)));
        Self {
            registry: Mutex::new(all),
            calls,
            traffic: Traffic::new(names.chain([(UNKNOWN, UNKNOWN)])),
            stripe_events,
            connections,
            sockets,
            subscriptions,
            event_lag,
            rate_checks,
            readings,
            backups: OnceLock::new(),
        }
    }

    /// Adds the metrics of the backups. `newest` is the time of the newest one or, if there is none, of the start.
    pub fn show_backups(&self, newest: Timestamp) {
        self.backups.get_or_init(|| Backups::register(self.registry().sub_registry_with_prefix(PREFIX), newest));
    }

    /// Notes a backup: its time, or None if it failed.
    pub fn backed_up(&self, made: Option<Timestamp>) {
        if let Some(backups) = self.backups.get() {
            backups.note(made);
        }
    }

    /// Adds the counters of spans, if calls are traced.
    pub fn show_traces(&self, traces: &Traces) {
        traces.register(self.registry().sub_registry_with_prefix(PREFIX));
    }

    /// Adds the counters of dropped log lines.
    pub fn show_dropped_log_lines(&self, dropped: &DroppedLines) {
        dropped.register(self.registry().sub_registry_with_prefix(PREFIX));
    }

    /// Counts a call that is answered now, and returns how long it took; `code` is None for a success.
    pub fn answered(
        &self,
        procedure: &'static str,
        code: Option<Code>,
        started: Instant,
        request_id: &str,
    ) -> Duration {
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(started);
        self.calls.answered(procedure, code, elapsed, request_id);
        self.traffic.answered(procedure, code.is_some(), elapsed, now);
        elapsed
    }

    /// Counts one event received from Stripe.
    pub fn stripe_event(&self, outcome: &'static str) {
        self.stripe_events.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// All metrics as text.
    ///
    /// # Errors
    /// When the encoder fails.
    pub(super) fn text(&self) -> Result<String> {
        let mut text = String::new();
        encode(&mut text, &self.registry())?;
        Ok(text)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Nothing that panics half-way leaves it wrong.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readings {
    fn register(registry: &mut Registry, db: &Database) -> Self {
        let readings = Self::default();
        registry.register("queued_reads", "Reads waiting for a database thread", readings.queued_reads.clone());
        registry.register("queued_writes", "Writes waiting for a database thread", readings.queued_writes.clone());
        let help = "1 while requests to Stripe are suspended after repeated failures";
        registry.register("stripe_suspended", help, readings.stripe_suspended.clone());
        let help = "Stripe events that failed and wait for a replay; NaN when the database does not answer";
        registry.register("stripe_events_waiting", help, readings.stripe_failed.clone());
        if db.file_sizes().is_some() {
            let (file, log) = (readings.file_bytes.clone(), readings.log_bytes.clone());
            registry.register_with_unit("sqlite_file", "Size of the SQLite file", Unit::Bytes, file);
            registry.register_with_unit("sqlite_log", "Size of SQLite's write-ahead log", Unit::Bytes, log);
        }
        readings
    }
}
