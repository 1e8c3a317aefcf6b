//! Request bodies: JSON only, with size and time limits.

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use procedures::{Code, Error, Result};
use tokio::time::timeout;

use crate::config::Limits;

/// A body that is too large is read up to this multiple of the limit.
const DISCARDED: usize = 16;

/// Whether a body claims to be JSON. Any web page may post a form or `text/plain` without a preflight.
pub fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("application/json-rpc")
}

/// Reads a whole body.
///
/// # Errors
/// PAYLOAD_TOO_LARGE; TIMEOUT for a body that takes too long; BAD_REQUEST for one that breaks off;
/// UNSUPPORTED_MEDIA_TYPE for one that is compressed.
pub async fn read(mut body: Incoming, headers: &HeaderMap, limits: &Limits) -> Result<Bytes> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(unsupported_media_type());
    }
    if body.size_hint().lower() > u64::try_from(limits.request_bytes).unwrap_or(u64::MAX) {
        return Err(too_large(body, headers, limits));
    }
    let whole = Limited::new(&mut body, limits.request_bytes).collect();
    match timeout(limits.body_timeout, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(body, headers, limits)),
        Ok(Err(_broken)) => Err(Error::invalid_request("the body broke off")),
        Err(_elapsed) => Err(Error::new(Code::Timeout, "The request took too long to arrive.")),
    }
}

/// Refuses at once and discards the rest for a while, because many clients read the response only after sending everything.
/// A client that asked first (`Expect`, RFC 9110 §10.1.1) stops by itself.
fn too_large(body: Incoming, headers: &HeaderMap, limits: &Limits) -> Error {
    if !headers.contains_key(header::EXPECT) {
        let rest = Limited::new(body, limits.request_bytes.saturating_mul(DISCARDED));
        let patience = limits.body_timeout;
        tokio::spawn(async move {
            let mut rest = std::pin::pin!(rest);
            let discard = async { while let Some(Ok(_)) = rest.frame().await {} };
            drop(timeout(patience, discard).await);
        });
    }
    Error::new(Code::PayloadTooLarge, format!("A request may have at most {} bytes.", limits.request_bytes))
}

/// UNSUPPORTED_MEDIA_TYPE.
pub fn unsupported_media_type() -> Error {
    Error::new(Code::UnsupportedMediaType, "Send the request as Content-Type: application/json.")
}
