//! HTTP responses and the headers that all of them carry.

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};

use crate::{
    error::milliseconds,
    rpc::{jsonrpc::Reply, limiter::Allowance},
};

pub type Response = http::Response<Body>;

/// A body that is there as a whole, or comes in pieces.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

pub const JSON: &str = "application/json; charset=utf-8";

/// A response with a body.
pub fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Full::from(body).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A body with a version, or 304 for who has that one already (RFC 9110 §13.1.2). Clients keep it, and ask each time whether
/// it is still the same. `etag` with its quotes.
pub fn versioned(request: &HeaderMap, etag: &str, content_type: &'static str, body: &str) -> Response {
    let mut response = if knows(request, etag) {
        let mut unchanged = Response::default();
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        text(StatusCode::OK, content_type, body.to_owned())
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn knows(request: &HeaderMap, etag: &str) -> bool {
    let lists = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The answer to a JSON-RPC message; 204 when it asked for none.
pub fn rpc(reply: Reply) -> Response {
    let mut response = match reply.body {
        Some(body) => text(StatusCode::OK, JSON, body),
        None => {
            let mut nothing = Response::default();
            *nothing.status_mut() = StatusCode::NO_CONTENT;
            nothing
        }
    };
    if let Some(allowance) = reply.allowance {
        rate_limit(response.headers_mut(), &allowance);
    }
    response
}

/// What the caller has left. `X-RateLimit-Reset` is the Unix time in seconds at which the whole limit is back.
pub fn rate_limit(headers: &mut HeaderMap, allowance: &Allowance) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let reset = seconds(now.saturating_add(allowance.reset));
    headers.insert("x-ratelimit-limit", HeaderValue::from(allowance.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(allowance.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    if let Some(wait) = allowance.retry_after {
        retry_after(headers, wait);
    }
}

/// `Retry-After` in whole seconds (RFC 9110 §10.2.3).
pub fn retry_after(headers: &mut HeaderMap, wait: Duration) {
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> u64 {
    milliseconds(duration).div_ceil(1000)
}

/// Adds what every response carries: its request id, and orders to browsers to trust it with nothing.
pub fn finish(mut response: Response, request_id: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
