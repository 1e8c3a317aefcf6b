//! Errors before any call: the same JSON as an error of a procedure, with the matching HTTP status.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use procedures::{
    Code, Error, jsonrpc,
    trpc::{self, Transformer},
    whole,
};

use super::response::{JSON, Response, retry_after};
use crate::error;

/// The wire of a request, which determines the form of its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A JSON-RPC error response with the id null.
    JsonRpc,
    /// tRPC's error shape.
    Trpc(Transformer),
}

impl Wire {
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

/// The response to a request that is refused.
pub fn refuse(wire: Wire, error: &Error, request_id: &str) -> Response {
    tracing::info!(request_id, code = error.code.as_str(), "request refused");
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

/// 405 with the allowed methods (RFC 9110 §15.5.6).
pub fn wrong_method(wire: Wire, allow: &'static str, why: &'static str, request_id: &str) -> Response {
    let mut response = refuse(wire, &Error::method_not_supported(why), request_id);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
