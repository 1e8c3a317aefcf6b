//! The span of a call, and those of the work that is done for it, named as in OpenTelemetry's semantic conventions 1.45.

use std::{
    collections::HashMap,
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    propagation::TextMapPropagator,
    trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracer, SdkTracerProvider, SpanExporter as _},
};
use prometheus_client::registry::Registry;
use tokio::{runtime::Handle, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    collector::exporter,
    queue::{SpanCounts, queue},
};
use crate::config::TraceSettings;

/// How long a server that stops may go on sending spans.
const FLUSH: Duration = Duration::from_secs(2);
/// The headers of W3C Trace Context.
const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
/// Bytes of a `tracestate` that everybody has to take (W3C Trace Context, section 3.3.1.5).
const STATE_LENGTH: usize = 512;
/// The wire whose errors have numbers.
const JSONRPC: &str = "jsonrpc";
/// The span of a call of a procedure that nobody has, and what the conventions call such a method.
const UNKNOWN: [&str; 2] = ["unknown", "_OTHER"];
/// Characters of a request's id in its span.
const ID_LENGTH: usize = 100;

/// Makes the spans of a server, if there is a collector for them.
pub struct Traces(Option<Arc<Origin>>);

/// The origin of all spans of a server.
struct Origin {
    tracer: SdkTracer,
    /// What the database is called in spans.
    database: &'static str,
    counts: SpanCounts,
    /// The task that sends the spans, until it is told to stop.
    sending: Mutex<Option<JoinHandle<()>>>,
    stopping: CancellationToken,
}

/// The span of a caller, as the caller names it.
#[derive(Clone, Debug)]
pub struct Parent(Context);

/// A call that is traced. Its span ends with the last clone, if it has not ended before.
#[derive(Clone)]
pub struct Trace(Arc<Traced>);

struct Traced {
    origin: Arc<Origin>,
    is_jsonrpc: bool,
    /// It holds the span of the call.
    context: Context,
}

impl Traces {
    /// Starts to send spans, if the settings name a collector. `database` is what the conventions call the server's.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub fn start(settings: &TraceSettings, database: &'static str) -> Result<Self> {
        let Some(mut exporter) = exporter(settings)? else { return Ok(Self(None)) };
        let runtime = Handle::try_current().context("spans are sent by an asynchronous runtime")?;
        let resource = Resource::builder().with_service_name(settings.otel_service_name.clone());
        let resource = resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
        exporter.set_resource(&resource);
        let (queue, sending, counts) = queue(exporter);
        let share = Sampler::TraceIdRatioBased(settings.otel_traces_sampler_arg.number());
        let provider = SdkTracerProvider::builder()
            .with_span_processor(queue)
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(resource);
        let scope = InstrumentationScope::builder("clusterdesk").with_version(env!("CARGO_PKG_VERSION")).build();
        let stopping = CancellationToken::new();
        Ok(Self(Some(Arc::new(Origin {
            tracer: provider.build().tracer_with_scope(scope),
            database,
            counts,
            sending: Mutex::new(Some(runtime.spawn(sending.run(stopping.clone())))),
            stopping,
        }))))
    }

    /// Adds the counters of spans to the metrics, if there is a collector.
    pub fn register(&self, registry: &mut Registry) {
        if let Some(origin) = &self.0 {
            origin.counts.register(registry);
        }
    }

    /// The span of a caller, from the headers of W3C Trace Context. None when nothing is traced.
    pub fn parent(&self, header: impl Fn(&str) -> Option<String>) -> Option<Parent> {
        self.0.as_ref()?;
        // Most callers have no span, and then nothing else has to be done.
        let parent = header(PARENT)?;
        // Every span keeps `tracestate`, so a long one is left out.
        let state = header(STATE).filter(|state| state.len() <= STATE_LENGTH);
        let named = [(PARENT, Some(parent)), (STATE, state)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let propagator = TraceContextPropagator::new();
        let context = propagator.extract_with_context(&Context::new(), &named.collect::<HashMap<_, _>>());
        context.has_active_span().then_some(Parent(context))
    }

    /// Begins the span of a call, if it is sampled: as the caller has decided or else by the share of calls that are. `procedure`
    /// is None if there is none of that name.
    pub fn call(&self, procedure: Option<&'static str>, wire: &'static str, parent: Option<&Parent>) -> Option<Trace> {
        let origin = self.0.as_ref()?;
        let nobody = Context::new();
        let caller = parent.map_or(&nobody, |parent| &parent.0);
        let [name, method] = procedure.map_or(UNKNOWN, |procedure| [procedure, procedure]);
        let span = SpanBuilder::from_name(name).with_kind(SpanKind::Server);
        let mut span = origin.tracer.build_with_context(span, caller);
        if !span.is_recording() {
            return None;
        }
        span.set_attribute(KeyValue::new("rpc.system.name", wire));
        span.set_attribute(KeyValue::new("rpc.method", method));
        let (origin, context) = (Arc::clone(origin), nobody.with_span(span));
        Some(Trace(Arc::new(Traced { origin, is_jsonrpc: wire == JSONRPC, context })))
    }

    /// Sends the spans that wait, within two seconds.
    pub async fn stop(&self) {
        let Some(origin) = &self.0 else { return };
        origin.stopping.cancel();
        let sending = origin.sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sending) = sending
            && timeout(FLUSH, sending).await.is_err()
        {
            tracing::warn!("the collector of traces did not take the last spans in time");
        }
    }
}

impl Trace {
    /// The id of the trace.
    pub fn id(&self) -> String {
        self.0.context.span().span_context().trace_id().to_string()
    }

    /// Notes the id of a JSON-RPC request.
    pub fn request(&self, id: &dyn Display) {
        let id: String = id.to_string().chars().take(ID_LENGTH).collect();
        let span = self.0.context.span();
        span.set_attribute(KeyValue::new("jsonrpc.protocol.version", "2.0"));
        span.set_attribute(KeyValue::new("jsonrpc.request.id", id));
    }

    /// Ends the span of the call, with the code and the number of its error.
    pub fn end(&self, error: Option<(&'static str, i32)>) {
        let span = self.0.context.span();
        if let Some((code, number)) = error {
            span.set_attribute(KeyValue::new("error.type", code));
            let status = if self.0.is_jsonrpc { number.to_string() } else { code.to_owned() };
            span.set_attribute(KeyValue::new("rpc.response.status_code", status));
            span.set_status(Status::error(code));
        }
        span.end();
    }

    /// Adds the wait for a database thread, which has just ended.
    pub fn waited(&self, lane: &'static str, elapsed: Duration) {
        let span = SpanBuilder::from_name("wait").with_kind(SpanKind::Internal);
        self.add(span.with_attributes([KeyValue::new("clusterdesk.lane", lane)]), elapsed, false);
    }

    /// Adds a statement, which has just ended. `text` is without values.
    pub(super) fn statement(&self, elapsed: Duration, failed: bool, text: &str) {
        let operation = text.trim_start_matches('(').split([' ', '\n', ';']).next().unwrap_or_default().to_uppercase();
        let span = SpanBuilder::from_name(operation.clone()).with_kind(SpanKind::Client).with_attributes([
            KeyValue::new("db.system.name", self.0.origin.database),
            KeyValue::new("db.operation.name", operation),
            KeyValue::new("db.query.text", text.to_owned()),
        ]);
        self.add(span, elapsed, failed);
    }

    fn add(&self, span: SpanBuilder, elapsed: Duration, failed: bool) {
        let end = SystemTime::now();
        let span = span.with_start_time(end.checked_sub(elapsed).unwrap_or(end));
        let mut span = self.0.origin.tracer.build_with_context(span, &self.0.context);
        if failed {
            // The database's message may contain values.
            span.set_status(Status::error("failed"));
        }
        span.end_with_timestamp(end);
    }
}
