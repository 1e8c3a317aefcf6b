//! Request bodies: JSON only, with size and time limits.

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use procedures::{Code, Error, Result};
use tokio::time::timeout;

use crate::config::Limits;

/// Of a body that is too large, at most this multiple of the limit is read and discarded.
const DISCARDED: usize = 16;

/// Whether the content type is JSON. Other types are refused because browsers let any web page post forms and
/// `text/plain` without asking the server first.
pub fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("application/json-rpc")
}

/// Reads a whole body.
///
/// # Errors
/// PAYLOAD_TOO_LARGE; TIMEOUT for a body that takes too long; BAD_REQUEST for an incomplete body;
/// UNSUPPORTED_MEDIA_TYPE for a compressed body.
pub async fn read(mut body: Incoming, headers: &HeaderMap, limits: &Limits) -> Result<Bytes> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(unsupported_media_type());
    }
    if body.size_hint().lower() > u64::try_from(limits.wire.request_bytes).unwrap_or(u64::MAX) {
        return Err(too_large(body, headers, limits));
    }
    let whole = Limited::new(&mut body, limits.wire.request_bytes).collect();
    match timeout(limits.body_timeout, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(body, headers, limits)),
        Ok(Err(_broken)) => Err(Error::invalid_request("the body is incomplete")),
        Err(_elapsed) => Err(Error::new(Code::Timeout, "The request took too long to arrive.")),
    }
}

/// Refuses at once and discards the rest of the body in the background, because many clients read the response only
/// after they have sent everything. A client that sends `Expect` waits for the response first (RFC 9110 §10.1.1).
fn too_large(body: Incoming, headers: &HeaderMap, limits: &Limits) -> Error {
    if !headers.contains_key(header::EXPECT) {
        let rest = Limited::new(body, limits.wire.request_bytes.saturating_mul(DISCARDED));
        let patience = limits.body_timeout;
        tokio::spawn(async move {
            let mut rest = std::pin::pin!(rest);
            let discard = async { while let Some(Ok(_)) = rest.frame().await {} };
            drop(timeout(patience, discard).await);
        });
    }
    Error::new(Code::PayloadTooLarge, format!("A request may have at most {} bytes.", limits.wire.request_bytes))
}

/// UNSUPPORTED_MEDIA_TYPE, for a request that is not JSON.
pub fn unsupported_media_type() -> Error {
    Error::new(Code::UnsupportedMediaType, "Send the request as Content-Type: application/json.")
}
