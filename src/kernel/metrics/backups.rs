//! Metrics of the backups that the server makes.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use crate::db::Timestamp;

/// The backups that the server makes.
pub(super) struct Backups {
    outcomes: Family<OutcomeLabel, Counter>,
    newest: Newest,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// The time of the newest in milliseconds since 1970, or that of the start if there is none.
#[derive(Clone, Debug)]
struct Newest(Arc<AtomicI64>);

impl Backups {
    /// Registers the metrics. `newest` is the time of the newest backup or, if there is none, of the start.
    pub fn register(registry: &mut Registry, newest: Timestamp) -> Self {
        let outcomes = Family::<OutcomeLabel, Counter>::default();
        for outcome in ["ok", "failed"] {
            drop(outcomes.get_or_create(&OutcomeLabel { outcome }));
        }
        registry.register("backups", "Backups of the database, by outcome", outcomes.clone());
        let newest = Newest(Arc::new(AtomicI64::new(newest.millis())));
        registry.register_collector(Box::new(newest.clone()));
        Self { outcomes, newest }
    }

    /// Notes a backup: its time, or None if it failed.
    pub fn note(&self, made: Option<Timestamp>) {
        let outcome = if made.is_some() { "ok" } else { "failed" };
        self.outcomes.get_or_create(&OutcomeLabel { outcome }).inc();
        if let Some(made) = made {
            self.newest.0.store(made.millis(), Ordering::Relaxed);
        }
    }
}

impl Collector for Newest {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let newest = self.0.load(Ordering::Relaxed);
        let age = ConstGauge::new(Timestamp::now().millis().saturating_sub(newest).max(0) / 1000);
        let help = "Time since the newest backup or, if there is none, since the start";
        age.encode(encoder.encode_descriptor("backup_age", help, Some(&Unit::Seconds), age.metric_type())?)
    }
}
