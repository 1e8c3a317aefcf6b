//! `/trpc/*`: from an HTTP request to the calls in it, and from their outcomes to a response.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use percent_encoding::percent_decode_str;

use super::{
    Connection, Edge, body,
    client::{Bearer, ConnectionParams, address, bearer},
    refusal::{self, TRPC_VARY, Wire},
    response::{Response, rate_limit},
};
use crate::{
    error::{Error, Result},
    rpc::{
        Context, Kind,
        trpc::{self, Calls, Transformer, Verb},
    },
};

/// Where the wire is mounted, and how values are written there. The second is the old server's.
const MOUNTS: [(&str, Transformer); 3] = [
    ("/trpc", Transformer::Superjson),
    ("/api/trpc/edge", Transformer::Superjson),
    ("/trpc-plain", Transformer::Plain),
];

/// Asks for lines.
const STREAM: &str = "application/jsonl";

/// The transformer of a path, and the procedures that it names.
pub fn mounted(path: &str) -> Option<(Transformer, &str)> {
    MOUNTS.into_iter().find_map(|(mount, transformer)| {
        let rest = path.strip_prefix(mount)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| (transformer, rest.trim_matches('/')))
    })
}

/// The parameters of a query string that mean something here.
#[derive(Default)]
struct Query {
    batch: bool,
    input: Option<String>,
    last_event_id: Option<String>,
    connection_params: Option<String>,
}

impl Query {
    fn read(query: Option<&str>) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "batch" => read.batch = value == "1",
                "input" => read.input = read.input.or(Some(value.into_owned())),
                "lastEventId" | "Last-Event-Id" => {
                    read.last_event_id = read.last_event_id.or(Some(value.into_owned()));
                }
                "connectionParams" => read.connection_params = Some(value.into_owned()),
                _ => {}
            }
        }
        read
    }
}

impl Edge {
    /// Answers one request to a mount.
    ///
    /// # Errors
    /// What is refused before there is a call.
    pub(super) async fn trpc(
        self: &Arc<Self>,
        request: Request<Incoming>,
        connection: &Connection,
        request_id: &str,
        (transformer, path): (Transformer, &str),
    ) -> Result<Response> {
        let verb = match *request.method() {
            Method::GET => Verb::Get,
            Method::POST => Verb::Post,
            Method::HEAD => return Ok(no_content()),
            Method::PUT => Verb::Other("PUT"),
            Method::DELETE => Verb::Other("DELETE"),
            Method::PATCH => Verb::Other("PATCH"),
            _ => {
                let why = "Call queries by GET and mutations by POST.";
                return Ok(refusal::wrong_method(Wire::Trpc(transformer), "GET, POST", why, request_id));
            }
        };
        let path = decode(path)?;
        let (head, incoming) = request.into_parts();
        let query = Query::read(head.uri.query());
        let input = match verb {
            Verb::Get => query.input,
            Verb::Other(_) => None,
            Verb::Post if !body::is_json(&head.headers) => return Err(Error::UnsupportedMediaType),
            Verb::Post => Some(text(body::read(incoming, &head.headers, &self.limits).await?)?),
        };
        let subscribes = !query.batch && self.kernel.registry().kind(&path) == Some(Kind::Subscription);
        // An `EventSource` can't set headers. Elsewhere no token is taken from a URL, which others may log.
        let params = query.connection_params.as_deref().filter(|_| subscribes);
        let params = params.map(ConnectionParams::read).transpose()?.unwrap_or_default();
        let presented = match bearer(&head.headers) {
            Bearer::Absent => params.bearer(),
            presented => presented,
        };
        let context = Arc::new(Context {
            request_id: request_id.to_owned(),
            address: address(connection.peer, &head.headers, &self.trusted_proxies),
            credential: presented.authenticate(&self.authenticator).await,
        });
        let request = trpc::Request {
            verb,
            transformer,
            path: &path,
            batch: query.batch,
            input: input.as_deref(),
            last_event_id: last_event_id(&head.headers).or(query.last_event_id.as_deref()),
        };
        let calls = Calls::new(&self.kernel, context, &request, &self.limits)?;
        if subscribes {
            return Ok(events(calls.subscribe().await));
        }
        match accepts_stream(&head.headers) {
            true if query.batch => Ok(stream("application/json", calls.lines())),
            true => Err(Error::BadCall("Streaming requests must be batched (you can do a batch of 1)".into())),
            false => Ok(whole(Wire::Trpc(transformer), calls.answer().await)),
        }
    }
}

/// A path without its percent-encoding (`decodeURIComponent`).
fn decode(path: &str) -> Result<Cow<'_, str>> {
    let malformed = || Error::BadCall(format!("Invalid URL-encoding in path \"{path}\"").into());
    let digits = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if path.split('%').skip(1).any(|after| !digits(after)) {
        return Err(malformed());
    }
    percent_decode_str(path).decode_utf8().map_err(|_not_text| malformed())
}

fn text(body: Bytes) -> Result<String> {
    String::from_utf8(body.into()).map_err(|_binary| Error::invalid_request("the body is not UTF-8"))
}

/// Whether the client wants a line for each call as it is done.
fn accepts_stream(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(HeaderName::from_static("trpc-accept")) {
        Some(wanted) => wanted == STREAM,
        None => text(header::ACCEPT).is_some_and(|list| list.split(',').any(|one| one.trim() == STREAM)),
    }
}

fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id").and_then(|value| value.to_str().ok())
}

fn whole(wire: Wire, answer: trpc::Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = wire.text(status, answer.body);
    let headers = response.headers_mut();
    if let Some(allow) = answer.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(allowance) = answer.allowance {
        rate_limit(headers, &allowance);
    }
    response
}

fn stream(content_type: &'static str, texts: impl Stream<Item = String> + Send + 'static) -> Response {
    let frames = texts.map(|text| Ok(Frame::data(text.into())));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static(TRPC_VARY));
    response
}

fn events(begun: trpc::Begun) -> Response {
    let mut response = stream("text/event-stream", begun.events);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // Or nginx would keep events back until it has a bufferful.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
    if let Some(allowance) = begun.allowance {
        rate_limit(headers, &allowance);
    }
    response
}

fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
