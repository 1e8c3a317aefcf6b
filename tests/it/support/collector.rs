//! An OpenTelemetry collector that receives traces by OTLP over HTTP.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode},
};
use prost::Message;
use tokio::net::TcpListener;

/// A span that was received.
#[derive(Clone, Debug)]
pub struct SeenSpan {
    pub name: String,
    pub trace: String,
    pub id: String,
    /// Empty for the first span of a trace.
    pub parent: String,
    /// 2 for a server's, 3 for a client's.
    pub kind: i32,
    pub state: String,
    /// The message of an error.
    pub error: Option<String>,
    /// What it says, numbers as texts, and the attributes of its server with `resource.` before their names.
    pub attributes: BTreeMap<String, String>,
    pub start: u64,
    pub end: u64,
}

/// A running collector.
#[derive(Clone)]
pub struct Collector {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    spans: Vec<SeenSpan>,
    headers: HeaderMap,
    hangs: bool,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let this = Self { url, state: Arc::default() };
        let server = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                let service = service_fn(move |request| {
                    let server = server.clone();
                    async move { Ok::<_, hyper::Error>(server.answer(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        this
    }

    /// From now on it accepts requests and answers none.
    pub fn hang(&self) {
        self.state.lock().unwrap().hangs = true;
    }

    /// What was received so far, in the order of the starts.
    pub fn spans(&self) -> Vec<SeenSpan> {
        let mut spans = self.state.lock().unwrap().spans.clone();
        spans.sort_by_key(|span| span.start);
        spans
    }

    /// The headers of the last request.
    pub fn headers(&self) -> HeaderMap {
        self.state.lock().unwrap().headers.clone()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        assert_eq!(
            (head.uri.path(), &head.headers["content-type"]),
            ("/v1/traces", &"application/x-protobuf".parse().unwrap())
        );
        let body = body.collect().await.unwrap().to_bytes();
        if self.state.lock().unwrap().hangs {
            return std::future::pending().await;
        }
        let mut state = self.state.lock().unwrap();
        for resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
            let server = resource.resource.unwrap().attributes;
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            state.spans.extend(spans.map(|span| seen(span, &server)));
        }
        state.headers = head.headers;
        Response::new(Full::new(ExportTraceServiceResponse::default().encode_to_vec().into()))
    }
}

fn seen(span: Span, server: &[KeyValue]) -> SeenSpan {
    let status = span.status.unwrap_or_default();
    let own = span.attributes.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref())));
    let server = server.iter().map(|pair| (format!("resource.{}", pair.key), text(pair.value.as_ref())));
    SeenSpan {
        name: span.name,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: span.kind,
        state: span.trace_state,
        error: (status.code() == StatusCode::Error).then_some(status.message),
        attributes: own.chain(server).collect(),
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
