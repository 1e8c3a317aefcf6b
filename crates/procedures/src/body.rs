//! HTTP bodies.

use std::convert::Infallible;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Body as HttpBody;

use crate::{
    budget::Share,
    error::{Code, Error, Result},
};

/// The body of a response, whole or streamed.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A response whose body is sent as a whole.
pub fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> http::Response<Body> {
    let mut response = http::Response::new(Full::new(body.into()).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// After so many bytes of a body, the room that its length announces is made. A mere announcement costs nothing.
const EARNEST: usize = 64 * 1024;

/// Reads a whole body. Its bytes are held in `share`.
///
/// # Errors
/// PAYLOAD_TOO_LARGE for more than `limit` bytes; SERVICE_UNAVAILABLE when the server lacks the memory for it;
/// BAD_REQUEST when it is incomplete.
pub async fn collect<B>(body: &mut B, limit: usize, share: &Share) -> Result<Bytes>
where
    B: HttpBody + Unpin,
{
    let too_large = || Error::new(Code::PayloadTooLarge, format!("A request may have at most {limit} bytes."));
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let expected = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default();
    let (mut whole, mut held) = (Bytes::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_broken| Error::invalid_request("the body is incomplete"))?;
        let Ok(mut data) = frame.into_data() else { continue };
        // Without a copy if they are `Bytes` already.
        let data = data.copy_to_bytes(data.remaining());
        if whole.len().saturating_add(data.len()) > limit {
            return Err(too_large());
        }
        let bytes = whole.len().saturating_add(data.len());
        // Room for all of it is made once a part of it has come.
        let room = if bytes > EARNEST { expected.max(bytes).min(limit) } else { bytes };
        share.hold(room.saturating_sub(held))?;
        held = held.max(room);
        whole = if whole.is_empty() { data } else { joined(whole, &data, room) };
    }
    Ok(whole)
}

/// Appends without a copy of `whole`, except for the first time.
fn joined(whole: Bytes, data: &[u8], room: usize) -> Bytes {
    let mut joined = BytesMut::from(whole);
    joined.reserve(room.saturating_sub(joined.len()));
    joined.extend_from_slice(data);
    joined.freeze()
}
