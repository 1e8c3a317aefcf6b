//! Procedures that a test controls.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use clusterdesk::{
    error::Result,
    kernel::{AsyncCall, Call, Reply, Router},
};
use procedures::{Access, NoInput};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{sync::Semaphore, time::timeout};
use uuid::Uuid;

use super::PATIENCE;

static GATES: LazyLock<Mutex<HashMap<String, Arc<Gate>>>> = LazyLock::new(Mutex::default);

/// A point at which calls of `probe.wait` stop until the test lets them continue.
pub struct Gate {
    /// The `gate` input of `probe.wait` for this gate.
    pub name: String,
    arrived: Semaphore,
    open: Semaphore,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wait {
    gate: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Large {
    bytes: usize,
}

/// `probe.wait`, `probe.open`, `probe.browse`, `probe.large`, `probe.panic` and `probe.panicLater`, all public.
pub fn probes() -> Router {
    Router::new("probe")
        .async_mutation("wait", Access::Public, "Stops at a gate.", wait)
        .async_mutation("open", Access::Public, "Opens a gate for one call.", open)
        .query("browse", Access::Public, "Stops at a gate, on a database thread.", browse)
        .browses()
        .query("large", Access::Public, "So many bytes.", large)
        .query("panic", Access::Public, "Panics.", panic)
        .async_mutation("panicLater", Access::Public, "Panics on the runtime.", panic_later)
}

impl Gate {
    pub fn new() -> Arc<Self> {
        let name = Uuid::new_v4().to_string();
        let gate = Arc::new(Self { name: name.clone(), arrived: Semaphore::new(0), open: Semaphore::new(0) });
        GATES.lock().unwrap().insert(name, Arc::clone(&gate));
        gate
    }

    /// Waits until this many more calls have arrived.
    pub async fn arrivals(&self, calls: u32) {
        timeout(PATIENCE, self.arrived.acquire_many(calls)).await.expect("the calls did not arrive").unwrap().forget();
    }

    /// The number of arrived calls that [`Self::arrivals`] has not counted yet.
    pub fn waiting(&self) -> usize {
        self.arrived.available_permits()
    }

    /// Lets this many calls continue.
    pub fn open(&self, calls: usize) {
        self.open.add_permits(calls);
    }

    fn find(name: &str) -> Arc<Self> {
        Arc::clone(&GATES.lock().unwrap()[name])
    }
}

fn browse(_: &mut Call<'_>, input: Wait) -> Result<bool> {
    let gate = Gate::find(&input.gate);
    gate.arrived.add_permits(1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(gate.open.acquire()).unwrap().forget();
    Ok(true)
}

fn wait(_: AsyncCall, input: Wait) -> Reply<String> {
    Box::pin(async move {
        let gate = Gate::find(&input.gate);
        gate.arrived.add_permits(1);
        gate.open.acquire().await.unwrap().forget();
        Ok(input.gate)
    })
}

fn open(_: AsyncCall, input: Wait) -> Reply<String> {
    Gate::find(&input.gate).open(1);
    Box::pin(async move { Ok(input.gate) })
}

fn large(_: &mut Call<'_>, input: Large) -> Result<String> {
    Ok("x".repeat(input.bytes))
}

fn panic(_: &mut Call<'_>, _: NoInput) -> Result<String> {
    panic!("the probe panics")
}

fn panic_later(_: AsyncCall, _: NoInput) -> Reply<String> {
    Box::pin(async { panic!("the probe panics later") })
}
