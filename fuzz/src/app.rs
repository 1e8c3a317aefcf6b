//! A small application that the wires are fuzzed with. It has each kind of procedure, an input with nested timestamps, and
//! errors of its own; none of its answers depends on an earlier call.

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use procedures::{
    Access, Code, Endpoint, Error, Events, FunctionCall, Functions, Limits, NoInput, Registry, Result, Router, State,
    describe::About,
    jsonrpc::{Gate, JsonRpcService},
    trpc::Transformer,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

/// Longer than anything takes. Reached only by a hang.
const PATIENCE: Duration = Duration::from_secs(20);
/// Calls in a batch. Small, so that batches above it are found quickly.
pub const BATCH: usize = 5;

/// The application, served in every way.
pub struct App {
    /// JSON-RPC messages.
    pub gate: Gate<JsonRpcService<Functions<Shop>>>,
    /// HTTP and WebSockets, with plain JSON on the tRPC wire.
    pub plain: Endpoint<Functions<Shop>>,
    /// The same with superjson.
    pub superjson: Endpoint<Functions<Shop>>,
}

/// It keeps nothing.
pub struct Shop;

impl State for Shop {
    type Caller = ();
    type Error = Error;
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    #[schemars(length(min = 1, max = 20))]
    name: String,
    #[schemars(range(min = -5))]
    count: i64,
    at: Option<DateTime<Utc>>,
    #[serde(default)]
    #[schemars(length(max = 3))]
    lines: Vec<Line>,
    #[serde(default)]
    notes: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Line {
    #[schemars(extend("format" = "identifier"))]
    sku: String,
    due: DateTime<Utc>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Watched {
    last_event_id: Option<u8>,
}

#[allow(clippy::unnecessary_wraps)]
fn echo(_: &FunctionCall<Shop>, order: Order) -> Result<Order> {
    Ok(order)
}

fn fail(_: &FunctionCall<Shop>, _: NoInput) -> Result<()> {
    Err(Error::new(Code::Conflict, "This order exists.").retry_after(Duration::from_millis(1)))
}

#[allow(clippy::unnecessary_wraps)]
fn watch(_: &FunctionCall<Shop>, Watched { last_event_id }: Watched) -> Result<Events<String>> {
    let next = last_event_id.map_or(0, |last| last.saturating_add(1));
    Ok(stream::iter(next..3).map(|id| (Some(id.to_string()), format!("event {id}"))).boxed())
}

impl App {
    fn new() -> Self {
        let limits =
            Limits { batch_entries: BATCH, request_bytes: 64 * 1024, response_bytes: 4096, ..Limits::default() };
        let service = || {
            let router = Router::new("order")
                .query("get", Access::Public, "Answers its input.", echo)
                .mutation("place", Access::Public, "Answers its input.", echo)
                .query("fail", Access::Public, "Fails.", fail)
                .errors([Code::Conflict])
                .query("mine", Access::User, "Is refused.", fail)
                .errors([Code::Conflict])
                .subscription("watch", Access::Public, "Delivers up to three events.", watch);
            let registry = Registry::new(vec![router]).unwrap();
            let catalogue = Arc::clone(registry.catalogue());
            (Functions::new(Shop, registry), catalogue)
        };
        let endpoint = |transformer| {
            let (functions, catalogue) = service();
            let about = About {
                title: "Orders",
                version: "1.0.0",
                license: "MIT OR Apache-2.0",
                description: "Answers orders.",
                transformer,
                error_details: None,
                keeps_answers: false,
            };
            Endpoint::new(functions, &catalogue, &about, &limits).unwrap()
        };
        let (functions, catalogue) = service();
        let jsonrpc = JsonRpcService::new(Arc::new(functions), catalogue, &limits).unwrap();
        Self {
            gate: Gate::new(jsonrpc, &limits),
            plain: endpoint(Transformer::Plain),
            superjson: endpoint(Transformer::Superjson),
        }
    }
}

thread_local! {
    static APP: OnceCell<(Runtime, App)> = const { OnceCell::new() };
}

/// Runs `work` with this thread's application. Panics if it hangs.
pub fn run<T>(work: impl AsyncFnOnce(&App) -> T) -> T {
    APP.with(|app| {
        let (runtime, app) =
            app.get_or_init(|| (Builder::new_current_thread().enable_time().build().unwrap(), App::new()));
        runtime.block_on(async { timeout(PATIENCE, work(app)).await }).expect("no answer in time")
    })
}
