//! What the database threads count and time, for each kind of thread.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Seconds that a job waits, or a statement takes.
const SECONDS: [f64; 11] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.2, 1.0, 5.0];
/// Jobs of a group.
const JOBS: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

type Histograms = Family<LaneLabel, Histogram>;

/// The measures of one database. Clones share them.
#[derive(Clone)]
pub struct Measures {
    waits: Histograms,
    statements: Histograms,
    groups: Histograms,
    connections: Family<LaneLabel, Gauge>,
    /// The jobs that were run in groups.
    grouped: Counter,
    replica: ReplicaMeasures,
    has_replica: bool,
}

/// The measures of a replica: the queries that it answered, and those that the primary had to.
#[derive(Clone)]
pub(super) struct ReplicaMeasures {
    queries: Family<OutcomeLabel, Counter>,
    /// It has answered.
    pub answered: Counter,
    /// It lacked what the caller had written.
    pub own_write: Counter,
    /// It was too far behind.
    pub behind: Counter,
    /// It failed, or was too slow.
    pub failed: Counter,
    /// It was left alone after that.
    pub away: Counter,
    /// 1 while it answers.
    pub ready: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// The measures of the threads of one kind.
#[derive(Clone)]
pub(super) struct LaneMeasures {
    /// The kind of the threads.
    pub lane: &'static str,
    /// Seconds that a job waited for its thread.
    pub wait: Histogram,
    /// Seconds that a statement took.
    pub statement: Histogram,
    /// Jobs that a thread ran together.
    pub group: Histogram,
    /// Open connections.
    pub connections: Gauge,
    /// The jobs that were run in groups, of all kinds.
    pub grouped: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LaneLabel {
    lane: &'static str,
}

impl Measures {
    /// Measures that are all zero.
    pub(super) fn new(has_replica: bool) -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let jobs: fn() -> Histogram = || Histogram::new(JOBS);
        Self {
            waits: Family::new_with_constructor(seconds),
            statements: Family::new_with_constructor(seconds),
            groups: Family::new_with_constructor(jobs),
            connections: Family::default(),
            grouped: Counter::default(),
            replica: ReplicaMeasures::new(),
            has_replica,
        }
    }

    /// Those of the replica.
    pub(super) fn of_replica(&self) -> ReplicaMeasures {
        self.replica.clone()
    }

    /// Those of the threads of one kind.
    pub(super) fn of(&self, lane: &'static str) -> LaneMeasures {
        let label = LaneLabel { lane };
        LaneMeasures {
            lane,
            wait: self.waits.get_or_create_owned(&label),
            statement: self.statements.get_or_create_owned(&label),
            group: self.groups.get_or_create_owned(&label),
            connections: self.connections.get_or_create_owned(&label),
            grouped: self.grouped.clone(),
        }
    }

    /// Makes them part of the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Time that a job waited for a database thread";
        registry.register_with_unit("job_wait", help, Unit::Seconds, self.waits.clone());
        registry.register_with_unit(
            "statement",
            "Time that an SQL statement took",
            Unit::Seconds,
            self.statements.clone(),
        );
        registry.register("group_jobs", "Jobs that a thread ran together", self.groups.clone());
        registry.register("database_connections", "Open connections to the database", self.connections.clone());
        let help = "Reads, and writes on PostgreSQL, that shared their statements or transaction with others";
        registry.register("grouped_jobs", help, self.grouped.clone());
        if self.has_replica {
            let help = "Queries that the replica has answered, or left to the primary";
            registry.register("replica_queries", help, self.replica.queries.clone());
            registry.register("replica_ready", "1 while the replica answers queries", self.replica.ready.clone());
        }
    }
}

impl ReplicaMeasures {
    fn new() -> Self {
        let queries = Family::<OutcomeLabel, Counter>::default();
        let of = |outcome| queries.get_or_create_owned(&OutcomeLabel { outcome });
        Self {
            answered: of("answered"),
            own_write: of("own_write"),
            behind: of("behind"),
            failed: of("failed"),
            away: of("away"),
            ready: Gauge::default(),
            queries,
        }
    }
}
