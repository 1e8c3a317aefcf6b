//! Metrics of calls, by procedure.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family},
    registry::{Registry, Unit},
};

use crate::error::Code;

/// Seconds. Most calls take less than 5 ms, and none much more than the 30 s after which it is given up.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 31.0];
/// A call that takes longer is named in its bucket, so that it can be found in the log.
const NOTABLE: Duration = Duration::from_millis(25);

type Seconds = HistogramWithExemplars<RequestLabel>;

/// The calls of procedures.
pub struct Calls {
    answered: Family<OutcomeLabel, Counter>,
    seconds: Family<ProcedureLabel, Seconds>,
    statements: Family<ProcedureLabel, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    code: &'static str,
    procedure: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ProcedureLabel {
    procedure: &'static str,
}

/// An exemplar (OpenMetrics 1.0, "Exemplars").
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabel {
    request_id: String,
}

impl Calls {
    /// Registers the metrics.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let empty: fn() -> Seconds = || Seconds::new(BUCKETS.into_iter());
        let seconds = Family::new_with_constructor(empty);
        let calls = Self { answered: Family::default(), seconds, statements: Family::default() };
        registry.register("calls", "Calls answered, by outcome", calls.answered.clone());
        registry.register_with_unit("call", "Time from a call to its answer", Unit::Seconds, calls.seconds.clone());
        let help = "SQL statements run; one that serves many calls counts for each";
        registry.register("statements", help, calls.statements.clone());
        calls
    }

    /// Counts one answered call; `code` is None for a success.
    pub(super) fn answered(&self, procedure: &'static str, code: Option<Code>, elapsed: Duration, request_id: &str) {
        let code = code.map_or("OK", Code::as_str);
        self.answered.get_or_create(&OutcomeLabel { code, procedure }).inc();
        let exemplar = (elapsed >= NOTABLE).then(|| RequestLabel { request_id: request_id.to_owned() });
        self.seconds.get_or_create(&ProcedureLabel { procedure }).observe(elapsed.as_secs_f64(), exemplar, None);
    }

    /// Adds to the number of SQL statements of a procedure.
    pub fn ran(&self, procedure: &'static str, statements: u64) {
        self.statements.get_or_create(&ProcedureLabel { procedure }).inc_by(statements);
    }
}
