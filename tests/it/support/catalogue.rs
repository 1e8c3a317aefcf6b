//! The procedures of the server.

use std::sync::{Arc, LazyLock};

use clusterdesk::{
    kernel::{Registry, registry},
    routers,
};
use procedures::Catalogue;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| registry(routers::all()).unwrap());

pub fn catalogue() -> Arc<Catalogue> {
    Arc::clone(REGISTRY.catalogue())
}

/// Whether a procedure promises to run a single statement.
pub fn runs_one_statement(name: &str) -> bool {
    REGISTRY.get(name).is_some_and(|(_, run)| run.is_one_statement())
}

/// Whether a procedure declares that it browses.
pub fn browses(name: &str) -> bool {
    REGISTRY.get(name).is_some_and(|(_, run)| run.browses())
}
