//! HTTP requests as tRPC reads them.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use percent_encoding::percent_decode_str;

use super::transformer::Transformer;
use crate::{
    access::Kind,
    error::{Error, Result},
    idempotency::{IDEMPOTENCY_KEY, IdempotencyKey},
    mark::without_mark,
};

/// The content type of a batch that is answered call by call.
pub const JSONL: &str = "application/jsonl";

/// The HTTP methods that tRPC knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Queries and subscriptions.
    Get,
    /// Mutations, and queries with `methodOverride`.
    Post,
    /// A method that calls nothing.
    Other(&'static str),
}

impl Verb {
    /// None for a method that tRPC does not know.
    pub fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET => Some(Self::Get),
            Method::POST => Some(Self::Post),
            Method::PUT => Some(Self::Other("PUT")),
            Method::DELETE => Some(Self::Other("DELETE")),
            Method::PATCH => Some(Self::Other("PATCH")),
            _ => None,
        }
    }

    /// The name of the method.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Other(method) => method,
        }
    }

    /// Whether a procedure may be called by this method. Queries may come by POST, where an input can be longer than a
    /// URL; mutations never come by GET.
    pub fn may_call(self, kind: Kind) -> bool {
        match self {
            Self::Get => kind != Kind::Mutation,
            Self::Post => true,
            Self::Other(_) => false,
        }
    }
}

/// An HTTP request to a mount of the tRPC wire.
// No `Debug`: the connection params hold a token.
#[derive(Clone)]
pub struct Request {
    /// Its method.
    pub verb: Verb,
    /// How values are written at this mount.
    pub transformer: Transformer,
    /// How the answer is written.
    pub answer: Transformer,
    /// What is called, decoded; for a batch, paths joined by commas.
    pub path: String,
    /// Whether it is a batch.
    pub batch: bool,
    /// Whether the client wants a line for each call as soon as it is done.
    pub streams: bool,
    /// Whether the stream link of tRPC's client 10 asks, which is refused.
    pub old_stream: bool,
    /// JSON text; None or empty for `undefined`.
    pub input: Option<String>,
    /// The event after which a subscription resumes.
    pub last_event_id: Option<String>,
    /// `connectionParams` of the query string, for subscriptions.
    pub connection_params: Option<String>,
    /// What the client calls its one mutation.
    pub key: Option<IdempotencyKey>,
}

impl Request {
    /// Reads all but the body. `path` is what follows the mount, where values are written by `transformer` unless an input
    /// comes in plain JSON.
    ///
    /// # Errors
    /// BAD_REQUEST for faulty percent-encoding, or a bad idempotency key.
    pub fn read(verb: Verb, transformer: Transformer, path: &str, head: &Parts) -> Result<Self> {
        let keys = head.headers.get_all(IDEMPOTENCY_KEY);
        let mut request = Self {
            verb,
            transformer,
            answer: transformer,
            path: decode(path)?.into_owned(),
            batch: false,
            streams: accepts_jsonl(&head.headers),
            old_stream: head.headers.get("trpc-batch-mode").is_some_and(|mode| mode == "stream"),
            input: None,
            last_event_id: None,
            connection_params: None,
            key: IdempotencyKey::of_header(keys.iter().map(HeaderValue::as_bytes))?,
        };
        for (name, value) in form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "batch" => request.batch = value == "1",
                "input" if verb == Verb::Get => request.input = request.input.or(Some(value.into_owned())),
                "lastEventId" | "Last-Event-Id" => {
                    request.last_event_id = request.last_event_id.or(Some(value.into_owned()));
                }
                "connectionParams" => request.connection_params = Some(value.into_owned()),
                _ => {}
            }
        }
        let last_event_id = head.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        request.last_event_id = last_event_id.map(str::to_owned).or(request.last_event_id);
        request.answer = transformer.as_asked(request.input.as_deref(), request.batch);
        Ok(request)
    }

    /// Takes the input from the body of a POST.
    ///
    /// # Errors
    /// BAD_REQUEST when it is not UTF-8.
    pub fn with_body(self, body: Bytes) -> Result<Self> {
        let body = body.slice_ref(without_mark(&body));
        let text = String::from_utf8(body.into()).map_err(|_binary| Error::invalid_request("the body is not UTF-8"))?;
        Ok(Self { answer: self.transformer.as_asked(Some(&text), self.batch), input: Some(text), ..self })
    }
}

/// A path without its percent-encoding (`decodeURIComponent`).
fn decode(path: &str) -> Result<Cow<'_, str>> {
    let malformed = || Error::bad_call(format!("Invalid URL-encoding in path \"{path}\""));
    let digits = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if path.split('%').skip(1).any(|after| !digits(after)) {
        return Err(malformed());
    }
    percent_decode_str(path).decode_utf8().map_err(|_not_text| malformed())
}

fn accepts_jsonl(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(HeaderName::from_static("trpc-accept")) {
        Some(wanted) => wanted == JSONL,
        None => text(header::ACCEPT).is_some_and(|list| list.split(',').any(|one| one.trim() == JSONL)),
    }
}
