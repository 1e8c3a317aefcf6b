//! Finished spans on their way to the collector. They wait in a bounded queue, so a collector that is slow or away costs
//! the calls nothing.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter as _, SpanProcessor},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Spans that wait at most.
const QUEUED: usize = 4096;
/// Spans in one request.
const BATCH: usize = 512;
/// How long the first span of a request waits for others. The queue has room for the spans of this time at 40,000 a second.
const DELAY: Duration = Duration::from_millis(100);

/// Takes spans when they end.
#[derive(Debug)]
pub(super) struct Queue {
    spans: Sender<SpanData>,
    dropped: Counter,
}

/// Sends what is in the queue.
pub(super) struct Sending {
    spans: Receiver<SpanData>,
    exporter: SpanExporter,
    counts: SpanCounts,
    /// Whether the last request failed.
    fails: bool,
}

/// What became of spans; clones share the counters.
#[derive(Clone)]
pub(super) struct SpanCounts {
    by_outcome: Family<OutcomeLabel, Counter>,
    sent: Counter,
    dropped: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

impl SpanCounts {
    fn new() -> Self {
        let by_outcome = Family::<OutcomeLabel, Counter>::default();
        let counter = |outcome| by_outcome.get_or_create_owned(&OutcomeLabel { outcome });
        Self { sent: counter("sent"), dropped: counter("dropped"), by_outcome }
    }

    pub fn register(&self, registry: &mut Registry) {
        let help = "Spans of traces: sent to the collector, or dropped";
        registry.register("trace_spans", help, self.by_outcome.clone());
    }
}

/// A queue, and what sends its spans.
pub(super) fn queue(exporter: SpanExporter) -> (Queue, Sending, SpanCounts) {
    let (sender, spans) = channel(QUEUED);
    let counts = SpanCounts::new();
    let sending = Sending { spans, exporter, counts: counts.clone(), fails: false };
    (Queue { spans: sender, dropped: counts.dropped.clone() }, sending, counts)
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            self.dropped.inc();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Sending {
    /// Sends spans until `stopping` is cancelled, and then those that still wait.
    pub async fn run(mut self, stopping: CancellationToken) {
        let mut batch = Vec::new();
        while let Some(true) = stopping.run_until_cancelled(gather(&mut self.spans, &mut batch)).await {
            self.send(&mut batch).await;
        }
        self.spans.close();
        loop {
            self.send(&mut batch).await;
            if self.spans.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
        }
    }

    async fn send(&mut self, batch: &mut Vec<SpanData>) {
        let number = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if number == 0 {
            return;
        }
        match self.exporter.export(std::mem::take(batch)).await {
            Ok(()) => {
                self.counts.sent.inc_by(number);
                if std::mem::take(&mut self.fails) {
                    tracing::info!("the collector of traces takes spans again");
                }
            }
            Err(error) => {
                self.counts.dropped.inc_by(number);
                if !std::mem::replace(&mut self.fails, true) {
                    tracing::warn!(%error, "the collector of traces takes no spans; they are dropped until it does");
                }
            }
        }
    }
}

/// Waits for spans, and then a moment for more: to wake up for each of them would cost more than to make it. False when there
/// will be none any more.
async fn gather(spans: &mut Receiver<SpanData>, batch: &mut Vec<SpanData>) -> bool {
    if spans.recv_many(batch, BATCH).await == 0 {
        return false;
    }
    if batch.len() < BATCH {
        sleep(DELAY).await;
    }
    while batch.len() < BATCH
        && let Ok(span) = spans.try_recv()
    {
        batch.push(span);
    }
    true
}
