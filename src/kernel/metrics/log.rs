//! Counters of the log lines that were not written.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Counters of the log lines that were not written; clones share them.
#[derive(Clone)]
pub struct DroppedLines {
    by_reason: Family<ReasonLabel, Counter>,
    /// The buffer was full, because standard error is read too slowly or not at all.
    pub unread: Counter,
    /// Writing to standard error failed.
    pub failed: Counter,
    /// There were too many refusals of one kind.
    pub refusals: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

impl Default for DroppedLines {
    fn default() -> Self {
        let by_reason = Family::<ReasonLabel, Counter>::default();
        let counter = |reason| by_reason.get_or_create_owned(&ReasonLabel { reason });
        Self { unread: counter("unread"), failed: counter("failed"), refusals: counter("refusals"), by_reason }
    }
}

impl DroppedLines {
    /// Dropped lines of all reasons.
    pub fn total(&self) -> u64 {
        [&self.unread, &self.failed, &self.refusals].into_iter().map(Counter::get).sum()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("log_lines_dropped", "Log lines that were not written, by reason", self.by_reason.clone());
    }
}
