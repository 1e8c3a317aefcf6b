//! Refusals of the edge: the same JSON as an error of a procedure, under the HTTP status that fits.

use http::{HeaderValue, StatusCode, header};

use super::response::{JSON, Response, retry_after, text};
use crate::{
    error::Error,
    rpc::{
        jsonrpc,
        trpc::{self, Transformer},
    },
};

/// What tRPC's own server says its answers depend on.
pub const TRPC_VARY: &str = "trpc-accept, accept";

/// The form of the errors that a caller understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    JsonRpc,
    Trpc(Transformer),
}

impl Wire {
    /// A response whose body is an answer.
    pub fn text(self, status: StatusCode, body: String) -> Response {
        match self {
            Self::JsonRpc => text(status, JSON, body),
            Self::Trpc(_) => {
                let mut response = text(status, "application/json", body);
                response.headers_mut().insert(header::VARY, HeaderValue::from_static(TRPC_VARY));
                response
            }
        }
    }

    /// An error as the only answer to whatever was asked.
    pub fn refuse(self, error: &Error, request_id: &str) -> String {
        match self {
            Self::JsonRpc => jsonrpc::refuse_message(request_id, error),
            Self::Trpc(transformer) => String::from(trpc::refuse(transformer, error, None, request_id).get()),
        }
    }
}

pub fn refuse(wire: Wire, error: &Error, request_id: &str) -> Response {
    if let Error::Internal(detail) = error {
        tracing::error!(request_id, detail = format!("{detail:#}"), "failed");
    } else {
        tracing::info!(request_id, code = error.code().as_str(), "refused at the edge");
    }
    let status = StatusCode::from_u16(error.code().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = wire.text(status, wire.refuse(error, request_id));
    if let Error::Unavailable { retry_after: wait, .. } | Error::TooManyRequests { retry_after: wait } = error {
        retry_after(response.headers_mut(), *wait);
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// 405 with the method that would do (RFC 9110 §15.5.6).
pub fn wrong_method(wire: Wire, allow: &'static str, why: &'static str, request_id: &str) -> Response {
    let mut response = refuse(wire, &Error::MethodNotSupported(why.into()), request_id);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
