//! Errors before any call: the same JSON as an error of a procedure, with the matching HTTP status.

use bytes::Bytes;
use chrono::Utc;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use procedures::{
    Code, Error, jsonrpc,
    trpc::{self, Transformer},
    whole,
};

use super::response::{JSON, Response, finish, retry_after};
use serde_json::Value;
use uuid::Uuid;

use crate::{error, models::audit::Door};

/// Most characters of an origin that are repeated: a host has at most 253 (RFC 1035 §2.3.4).
const MAX_ORIGIN_CHARS: usize = 300;
/// Most characters of a method and of a path that are logged.
const MAX_METHOD_CHARS: usize = 20;
const MAX_PATH_CHARS: usize = 200;

/// The wire of a request, which determines the form of its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A JSON-RPC error response with the id null.
    JsonRpc,
    /// tRPC's error shape.
    Trpc(Transformer),
}

impl Wire {
    /// What the audit log calls it.
    pub fn door(self) -> Door {
        match self {
            Self::JsonRpc => Door::Jsonrpc,
            Self::Trpc(_) => Door::Trpc,
        }
    }

    fn write(self, status: StatusCode, error: &Error, request_id: &str) -> Response {
        match self {
            Self::JsonRpc => whole(status, JSON, jsonrpc::refuse(error, request_id)),
            Self::Trpc(transformer) => {
                let body = trpc::refuse(transformer, error, None, request_id);
                let mut response = whole(status, "application/json", body.get().to_owned());
                response.headers_mut().insert(header::VARY, HeaderValue::from_static(trpc::VARY));
                response
            }
        }
    }
}

/// Marks the response to a refused request, for [`log`].
#[derive(Clone, Copy)]
struct Refused(Code);

/// The response to a request that is refused.
pub fn refuse(wire: Wire, error: &Error, request_id: &str) -> Response {
    let mut response = respond(wire, error, request_id);
    response.extensions_mut().insert(Refused(error.code));
    response
}

/// Logs a request that was refused, with what it asked for. The query is left out, because it can have inputs and secrets.
pub fn log(response: &Response, method: &Method, uri: &Uri, request_id: &str) {
    if let Some(Refused(code)) = response.extensions().get() {
        let code = code.as_str();
        let (method, path) = (start(method.as_str(), MAX_METHOD_CHARS), start(uri.path(), MAX_PATH_CHARS));
        tracing::info!(request_id, code, method, path, "request refused");
    }
}

fn start(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// The response to a page that may not call. It names what an operator has to compare with the settings, of which a proxy may
/// have changed the host.
pub fn foreign_origin(wire: Wire, path: &str, headers: &HeaderMap, request_id: &str) -> Response {
    let named = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let (origin, host) = (named(header::ORIGIN), named(header::HOST));
    let (origin, path) = (start(origin, MAX_ORIGIN_CHARS), start(path, MAX_PATH_CHARS));
    let code = Code::Forbidden.as_str();
    tracing::info!(request_id, code, path, origin, host, "origin refused, it is not in APP_URL or ALLOWED_ORIGINS");
    let why = "is neither its own origin nor in APP_URL or ALLOWED_ORIGINS";
    let message = format!("The origin \"{origin}\" may not call the server at \"{host}\": it {why}.");
    respond(wire, &Error::new(Code::Forbidden, message), request_id)
}

fn respond(wire: Wire, error: &Error, request_id: &str) -> Response {
    let status = StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = wire.write(status, error, request_id);
    add_headers(response.headers_mut(), error);
    response
}

/// The error as a client may see it. The details of an internal error are logged instead.
pub fn visible(error: error::Error, request_id: &str) -> Error {
    if let error::Error::Internal(detail) = &error {
        tracing::error!(request_id, detail = format!("{detail:#}"), "failed");
    }
    error.into()
}

fn add_headers(headers: &mut HeaderMap, error: &Error) {
    if let Some(wait) = error.retry_after {
        retry_after(headers, wait);
    }
    if error.code == Code::Unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
}

/// The error for a connection beyond the limits.
pub fn too_many_connections() -> error::Error {
    error::Error::unavailable("Too many connections, in all or from your address. Try again.")
}

/// The whole response to a head that can't be read, in place of the one of the HTTP library. The connection ends with it.
pub fn malformed(status: StatusCode) -> Bytes {
    let error = match status {
        StatusCode::URI_TOO_LONG => Error::new(Code::PayloadTooLarge, "The URL is too long."),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Error::new(Code::PayloadTooLarge, "The head of the request is too large.")
        }
        _ => Error::invalid_request("this is not the head of an HTTP/1.1 request"),
    };
    last(status, &error)
}

/// The whole response to a head that there is no memory for. The connection ends with it.
pub fn crowded(error: &Error) -> Bytes {
    last(StatusCode::SERVICE_UNAVAILABLE, error)
}

fn last(status: StatusCode, error: &Error) -> Bytes {
    let request_id = Uuid::new_v4().to_string();
    tracing::info!(request_id, code = error.code.as_str(), "request refused");
    let body = with_status(&jsonrpc::refuse(error, &request_id), status);
    let mut response = finish(whole(status, JSON, String::new()), &request_id);
    add_headers(response.headers_mut(), error);
    // In the form of RFC 9110 §5.6.7.
    let date = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT");
    let length = body.len();
    let mut text = format!("HTTP/1.1 {status}\r\ndate: {date}\r\nconnection: close\r\ncontent-length: {length}\r\n");
    for (name, value) in response.headers() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    format!("{text}\r\n{body}").into()
}

/// The same error, saying the status with which it is sent: 414 and 431 belong to no code.
fn with_status(refusal: &str, status: StatusCode) -> String {
    let mut refusal: Value = serde_json::from_str(refusal).unwrap_or_default();
    if let Some(said) = refusal.pointer_mut("/error/data/httpStatus") {
        *said = status.as_u16().into();
    }
    refusal.to_string()
}

/// 405 with the allowed methods (RFC 9110 §15.5.6).
pub fn wrong_method(wire: Wire, allow: &'static str, why: &'static str, request_id: &str) -> Response {
    let mut response = refuse(wire, &Error::method_not_supported(why), request_id);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
