//! HTTP requests as text, so that a corpus can be read and written by hand: a request line, header lines, an empty line
//! and the body. A missing content type is JSON.

use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use procedures::{Endpoint, Functions};

use crate::app::Shop;

/// A response whose body is complete.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

/// Reads a request. None when HTTP itself does not allow it.
pub fn read(text: &[u8]) -> Option<Request<Full<Bytes>>> {
    let end = text.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((text, &b""[..]), |end| (&text[..end], &text[end + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = line.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    let mut request = request.body(Full::new(Bytes::copy_from_slice(body))).ok()?;
    request.headers_mut().entry(CONTENT_TYPE).or_insert_with(|| "application/json".parse().unwrap());
    Some(request)
}

/// Answers a request. All subscriptions of the application end by themselves.
pub async fn answer(endpoint: &Endpoint<Functions<Shop>>, request: Request<Full<Bytes>>) -> Answer {
    let (head, body) = endpoint.answer(request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let content_type = head.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
    Answer {
        status: head.status.as_u16(),
        content_type: content_type.unwrap_or_default(),
        body: String::from_utf8(body.into()).expect("the body is text"),
    }
}
