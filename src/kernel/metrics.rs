//! Metrics for `GET /metrics` (Prometheus text format).

use std::time::Duration;

use anyhow::Result;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder, exponential_buckets,
    histogram_opts, opts,
};

use crate::{db::Database, error::Code};

/// The label for calls of unknown procedures, so that callers cannot create labels.
pub const UNKNOWN: &str = "unknown";
/// The label for the look-ups of tokens before the first call on a connection.
pub const HANDSHAKE: &str = "handshake";

/// The metrics of one server.
pub struct Metrics {
    registry: Registry,
    calls: IntCounterVec,
    seconds: HistogramVec,
    statements: IntCounterVec,
    stripe_events: IntCounterVec,
    /// Open connections.
    pub connections: IntGauge,
    /// Open WebSockets.
    pub sockets: IntGauge,
    /// Running subscriptions.
    pub subscriptions: IntGauge,
    queued_reads: IntGauge,
    queued_writes: IntGauge,
    grouped: IntCounter,
}

impl Metrics {
    /// Registers all metrics, with the value zero.
    ///
    /// # Errors
    /// When two metrics share a name, which is a bug.
    pub fn new() -> Result<Self> {
        let by = |opts: Opts, labels: &[&str]| IntCounterVec::new(opts, labels);
        let calls = by(opts!("clusterdesk_calls_total", "Calls answered, by outcome"), &["procedure", "code"])?;
        let statements = by(
            opts!("clusterdesk_statements_total", "SQL statements run; one that serves many calls counts for each"),
            &["procedure"],
        )?;
        let stripe_events =
            by(opts!("clusterdesk_stripe_events_total", "Events received from Stripe, by outcome"), &["outcome"])?;
        let opts: HistogramOpts = histogram_opts!("clusterdesk_call_seconds", "Time from a call to its answer");
        let seconds = HistogramVec::new(opts.buckets(exponential_buckets(0.0005, 4.0, 9)?), &["procedure"])?;
        let connections = IntGauge::new("clusterdesk_connections", "Open connections")?;
        let sockets = IntGauge::new("clusterdesk_websockets", "Open WebSockets")?;
        let subscriptions = IntGauge::new("clusterdesk_subscriptions", "Running subscriptions")?;
        let queued_reads = IntGauge::new("clusterdesk_queued_reads", "Reads waiting for a database thread")?;
        let queued_writes = IntGauge::new("clusterdesk_queued_writes", "Writes waiting for a database thread")?;
        let grouped = IntCounter::new(
            "clusterdesk_grouped_jobs_total",
            "Reads, and writes on PostgreSQL, that shared their statements or transaction with others",
        )?;
        let registry = Registry::new();
        registry.register(Box::new(grouped.clone()))?;
        registry.register(Box::new(calls.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(statements.clone()))?;
        registry.register(Box::new(stripe_events.clone()))?;
        for gauge in [&connections, &sockets, &subscriptions, &queued_reads, &queued_writes] {
            registry.register(Box::new(gauge.clone()))?;
        }
        Ok(Self {
            registry,
            calls,
            seconds,
            statements,
            stripe_events,
            connections,
            sockets,
            subscriptions,
            queued_reads,
            queued_writes,
            grouped,
        })
    }

    /// Adds the counters of dropped log lines.
    ///
    /// # Errors
    /// When called twice.
    pub fn show_dropped_log_lines(&self, dropped: &DroppedLines) -> Result<()> {
        Ok(self.registry.register(Box::new(dropped.by_reason.clone()))?)
    }

    /// Counts one answered call; `code` is None for a success.
    pub fn answered(&self, procedure: &str, code: Option<Code>, elapsed: Duration) {
        self.calls.with_label_values(&[procedure, code.map_or("OK", Code::as_str)]).inc();
        self.seconds.with_label_values(&[procedure]).observe(elapsed.as_secs_f64());
    }

    /// Counts one event received from Stripe.
    pub fn stripe_event(&self, outcome: &str) {
        self.stripe_events.with_label_values(&[outcome]).inc();
    }

    /// Adds to the number of SQL statements of a procedure.
    pub fn ran(&self, procedure: &str, statements: u64) {
        self.statements.with_label_values(&[procedure]).inc_by(statements);
    }

    /// All metrics in Prometheus' text format, with those of the database.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn render(&self, db: &Database) -> Result<String> {
        let (queued_reads, queued_writes) = db.queued();
        self.grouped.inc_by(db.grouped().saturating_sub(self.grouped.get()));
        self.queued_reads.set(i64::try_from(queued_reads)?);
        self.queued_writes.set(i64::try_from(queued_writes)?);
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

/// Counters of the log lines that were not written; clones share them.
#[derive(Clone)]
pub struct DroppedLines {
    by_reason: IntCounterVec,
    /// The buffer was full, because standard error is read too slowly or not at all.
    pub unread: IntCounter,
    /// Writing to standard error failed.
    pub failed: IntCounter,
    /// There were too many refusals of one kind.
    pub refusals: IntCounter,
}

impl DroppedLines {
    /// Counters that are all zero.
    ///
    /// # Errors
    /// When the name of the metric is invalid, which is a bug.
    pub fn new() -> Result<Self> {
        let opts = opts!("clusterdesk_log_lines_dropped_total", "Log lines that were not written, by reason");
        let by_reason = IntCounterVec::new(opts, &["reason"])?;
        let counter = |reason| by_reason.with_label_values(&[reason]);
        Ok(Self { unread: counter("unread"), failed: counter("failed"), refusals: counter("refusals"), by_reason })
    }

    /// Dropped lines of all reasons.
    pub fn total(&self) -> u64 {
        [&self.unread, &self.failed, &self.refusals].into_iter().map(IntCounter::get).sum()
    }
}
