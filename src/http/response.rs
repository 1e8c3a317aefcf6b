//! HTTP responses and their common headers.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use procedures::{Allowance, Body, IDEMPOTENCY_REPLAYED, Share, jsonrpc::MessageReply, milliseconds, whole};

use super::compressed::Text;

/// An HTTP response of this server.
pub type Response = http::Response<Body>;

/// The content type of JSON-RPC.
pub const JSON: &str = "application/json; charset=utf-8";

/// How something may be cached whose address changes with its content (RFC 8246).
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// The headers that every response gets.
const HEADERS: usize = 10;

/// A text with an entity tag, or 304 for a client that has the current version (RFC 9110 §13.1.2). Clients may cache it
/// but must revalidate it each time. `version` has no quotes. The compressed text has a tag of its own (RFC 9110 §8.8.3.3).
pub fn versioned(request: &HeaderMap, version: &str, content_type: &'static str, text: &Text) -> Response {
    let gzip = text.gzip(request);
    let etag = if gzip.is_some() { format!("\"{version}-gzip\"") } else { format!("\"{version}\"") };
    let is_gzip = gzip.is_some();
    let mut response = if is_current(request, &etag) {
        let mut unchanged = Response::default();
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        let mut found = whole(StatusCode::OK, content_type, gzip.unwrap_or_else(|| text.plain()));
        if is_gzip {
            found.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        found
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn is_current(request: &HeaderMap, etag: &str) -> bool {
    let lists = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The response to a JSON-RPC message; 204 when there were only notifications. `share` is what it occupies.
pub fn rpc(reply: MessageReply, share: Share) -> Response {
    let mut response = match reply.body {
        Some(body) => whole(StatusCode::OK, JSON, share.keep(body)),
        None => no_content(),
    };
    if let Some(allowance) = reply.allowance {
        response.extensions_mut().insert(allowance);
    }
    if reply.replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// A response with the status 204 and no body.
pub fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A response with the status 308: what was asked for is at another address, relative to the one that was asked for.
pub fn moved(address: &'static str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(address));
    response
}

/// Whether a response is a stream of server-sent events.
pub fn is_event_stream(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream")
}

/// Adds the headers about the rate limit. `X-RateLimit-Reset` is the Unix time in seconds at which the whole limit is
/// available again.
fn rate_limit(headers: &mut HeaderMap, allowance: &Allowance) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let reset = seconds(now.saturating_add(allowance.reset));
    headers.insert("x-ratelimit-limit", HeaderValue::from(allowance.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(allowance.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    if let Some(wait) = allowance.retry_after {
        retry_after(headers, wait);
    }
}

/// Adds `Retry-After`, in seconds, rounded up (RFC 9110 §10.2.3).
pub fn retry_after(headers: &mut HeaderMap, wait: Duration) {
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
}

/// Seconds, rounded up.
fn seconds(duration: Duration) -> u64 {
    milliseconds(duration).div_ceil(1000)
}

/// Adds the headers that every response has: request id, rate limit, and strict policies for browsers.
pub fn finish(mut response: Response, request_id: &str) -> Response {
    if let Some(allowance) = response.extensions_mut().remove::<Allowance>() {
        rate_limit(response.headers_mut(), &allowance);
    }
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
