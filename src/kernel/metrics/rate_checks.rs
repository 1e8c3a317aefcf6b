//! Where calls were counted, if all servers count together.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// The checks of rate limits. Clones share them.
#[derive(Clone)]
pub struct RateChecks {
    /// Those that the store has answered.
    pub counted: Counter,
    /// Those that this server has answered by itself, because the store did not.
    pub local: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

impl RateChecks {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let checks = Family::<OutcomeLabel, Counter>::default();
        let of = |outcome| checks.get_or_create_owned(&OutcomeLabel { outcome });
        let (counted, local) = (of("counted"), of("local"));
        let help = "Checks of rate limits that the store of all servers has answered, or this server instead";
        registry.register("shared_rate_limit_checks", help, checks);
        Self { counted, local }
    }
}
