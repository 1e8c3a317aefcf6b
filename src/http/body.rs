//! Request bodies: JSON only, with size and time limits.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use procedures::{Code, Error, Result, Share, collect};
use tokio::time::timeout;

use super::site::ClientConnection;
use crate::config::Limits;

/// Time to read the rest of what has arrived when the peer ends its side: it is in hyper's buffer already.
const REST: Duration = Duration::from_secs(1);
/// Of a body that is too large, at most this multiple of the limit is read and discarded.
const DISCARDED: usize = 16;

/// Whether the content type is JSON. Other types are refused because browsers let any web page post forms and
/// `text/plain` without asking the server first.
pub fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("application/json-rpc")
}

/// Reads a whole body, which is held in `share`.
///
/// # Errors
/// PAYLOAD_TOO_LARGE; TIMEOUT for a body that takes too long; BAD_REQUEST for an incomplete body;
/// SERVICE_UNAVAILABLE when the server lacks the memory for it; UNSUPPORTED_MEDIA_TYPE for a compressed body.
pub async fn read(
    mut body: Incoming,
    headers: &HeaderMap,
    limits: &Limits,
    connection: &ClientConnection,
    share: &Share,
) -> Result<Bytes> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(unsupported_media_type());
    }
    let whole = timeout(limits.body_timeout, collect(&mut body, limits.wire.request_bytes, share));
    let Some(whole) = before_end(whole, connection).await else {
        return Err(Error::invalid_request("the body is incomplete"));
    };
    match whole {
        Ok(Err(error)) if matches!(error.code, Code::PayloadTooLarge | Code::ServiceUnavailable) => {
            discard(body, headers, limits, connection.clone());
            Err(error)
        }
        Ok(whole) => whole,
        Err(_elapsed) => Err(Error::new(Code::Timeout, "The request took too long to arrive.")),
    }
}

/// The result of reading from a peer. None when the peer has ended its side before that, and what has arrived was read.
async fn before_end<T>(reading: impl Future<Output = T>, connection: &ClientConnection) -> Option<T> {
    let mut reading = pin!(reading);
    tokio::select! {
        read = &mut reading => Some(read),
        () = connection.ended.cancelled() => timeout(REST, reading).await.ok(),
    }
}

/// Discards the rest of a refused body in the background, because many clients read the response only after they have
/// sent everything. A client that sends `Expect` waits for the response first (RFC 9110 §10.1.1).
fn discard(body: Incoming, headers: &HeaderMap, limits: &Limits, connection: ClientConnection) {
    if !headers.contains_key(header::EXPECT) {
        let rest = Limited::new(body, limits.wire.request_bytes.saturating_mul(DISCARDED));
        let patience = limits.body_timeout;
        tokio::spawn(async move {
            let mut rest = std::pin::pin!(rest);
            let discard = async { while let Some(Ok(_)) = rest.frame().await {} };
            before_end(timeout(patience, discard), &connection).await;
            drop(connection);
        });
    }
}

/// UNSUPPORTED_MEDIA_TYPE, for a request that is not JSON.
pub fn unsupported_media_type() -> Error {
    Error::new(Code::UnsupportedMediaType, "Send the request as Content-Type: application/json.")
}
