//! `AppRouter` with and without a transformer.

use futures_util::{StreamExt, stream};
use procedures::{
    Access, Error, Events, FunctionCall, Functions, Registry, Result, Router, State,
    describe::{About, Documents},
    trpc::Transformer,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

struct Clock;

impl State for Clock {
    type Caller = ();
    type Error = Error;
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only the schema is used")]
struct Resume {
    last_event_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Tick {
    #[schemars(extend("format" = "date-time"))]
    at: String,
}

fn ticks(_: &FunctionCall<Clock>, _: Resume) -> Result<Events<Tick>> {
    Ok(stream::empty().boxed())
}

fn app_router(transformer: Transformer) -> String {
    let router = Router::new("clock").subscription("ticks", Access::Public, "Ticks.", ticks);
    let registry = Registry::new(vec![router]).unwrap();
    let about = About {
        title: "Clock",
        version: "1.0.0",
        license: "MIT",
        description: "Ticks.",
        transformer,
        error_details: None,
        keeps_answers: false,
    };
    let documents = Documents::of(registry.catalogue(), &about).unwrap();
    drop(Functions::new(Clock, registry));
    documents.app_router.text
}

#[test]
fn app_router_has_dates_for_superjson_and_strings_for_plain_json() {
    let superjson = app_router(Transformer::Superjson);
    assert!(superjson.contains("  transformer: true;\n}\n\ninterface Types<Input, Output> {"), "{superjson}");
    assert!(superjson.contains("at: Date;"));
    let plain = app_router(Transformer::Plain);
    assert!(plain.contains("  transformer: false;\n}\n\ninterface Types<Input, Output> {"), "{plain}");
    assert!(plain.contains("at: string;"));
}

#[test]
fn events_of_a_resumable_subscription_are_tracked() {
    let text = app_router(Transformer::Superjson);
    assert!(text.contains("ticks: SubscriptionOf<{"), "{text}");
}
