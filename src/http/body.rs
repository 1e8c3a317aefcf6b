//! Request bodies: JSON only, so large and no larger, and not for ever on the way.

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use crate::{
    config::Limits,
    error::{Error, Result},
};

/// How many times the allowed size of a body that is too large is still read.
const DISCARDED: usize = 16;

/// Whether a body calls itself JSON. A form or `text/plain` can be posted by any web page without a preflight.
pub fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("application/json-rpc")
}

/// Reads a whole body.
///
/// # Errors
/// PAYLOAD_TOO_LARGE, TIMEOUT for one that trickles in, BAD_REQUEST for one that breaks off.
pub async fn read(mut body: Incoming, headers: &HeaderMap, limits: &Limits) -> Result<Bytes> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Error::UnsupportedMediaType);
    }
    if body.size_hint().lower() > u64::try_from(limits.request_bytes).unwrap_or(u64::MAX) {
        return Err(too_large(body, headers, limits));
    }
    let whole = Limited::new(&mut body, limits.request_bytes).collect();
    match timeout(limits.body_timeout, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(body, headers, limits)),
        Ok(Err(_broken)) => Err(Error::invalid_request("the body broke off")),
        Err(_elapsed) => Err(Error::Timeout),
    }
}

/// Refuses at once and, for a while, throws away what still comes: many clients look for an answer only when they have
/// sent all. One that asked whether to go on (RFC 9110 §10.1.1) has been told.
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
    Error::PayloadTooLarge(format!("A request may have at most {} bytes.", limits.request_bytes))
}
