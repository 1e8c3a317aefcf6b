//! Request bodies: content type, size limit and time limit (docs/API.md, "Limits").

use std::time::Duration;

use super::{HELLO, assert_refused, raw, read};
use crate::support::{Backend, Builder, Raw, TestApp};

const LIMIT: usize = 1024 * 1024;
const POST: &str = "POST / HTTP/1.1\r\nhost: h";
const JSON: &str = "POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/json";

/// A call, padded to this many bytes.
fn call(bytes: usize) -> String {
    format!("{HELLO}{}", " ".repeat(bytes - HELLO.len()))
}

fn chunked(body: &str) -> Vec<u8> {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
}

async fn post_as(app: &TestApp, content_type: &str) -> u16 {
    let head = format!("{POST}\r\ncontent-type: {content_type}\r\ncontent-length: {}", HELLO.len());
    let response = raw(&app.url, &head, HELLO.as_bytes()).await;
    if response.status != 200 {
        assert_refused(&response, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    response.status
}

// A page of any origin can post the other types without a CORS preflight.
#[tokio::test]
async fn only_json_content_types_are_accepted() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let good = [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON ; profile=\"x\"",
        "application/json-rpc",
    ];
    for content_type in good {
        assert_eq!(post_as(&app, content_type).await, 200, "{content_type}");
    }
    let bad = [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonp",
        "application/problem+json",
        "text/json",
        "json",
        "",
        ", application/json",
    ];
    for content_type in bad {
        assert_eq!(post_as(&app, content_type).await, 415, "{content_type}");
    }
    let head = format!("{POST}\r\ncontent-length: {}", HELLO.len());
    assert_refused(&raw(&app.url, &head, HELLO.as_bytes()).await, 415, "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn compressed_body_is_rejected() {
    let app = Builder::new(Backend::Sqlite).start().await;
    for (coding, status) in [("gzip", 415), ("br", 415), ("identity", 200)] {
        let head = format!("{JSON}\r\ncontent-encoding: {coding}\r\ncontent-length: {}", HELLO.len());
        let response = raw(&app.url, &head, HELLO.as_bytes()).await;
        assert_eq!(response.status, status, "{coding}");
        if status != 200 {
            assert_refused(&response, 415, "UNSUPPORTED_MEDIA_TYPE");
        }
    }
}

#[tokio::test]
async fn body_over_one_mebibyte_is_rejected() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let user = app.user("user_1");
    assert_eq!(user.send(call(LIMIT)).await.status(), 200);
    for bytes in [LIMIT + 1, 2 * LIMIT, 8 * LIMIT] {
        assert_refused(&read(user.send(call(bytes)).await).await, 413, "PAYLOAD_TOO_LARGE");
    }
}

#[tokio::test]
async fn too_large_content_length_is_rejected_before_the_body_arrives() {
    let app = Builder::new(Backend::Sqlite).start().await;
    for length in ["1048577", "10000000000", "9223372036854775807"] {
        let response = raw(&app.url, &format!("{JSON}\r\ncontent-length: {length}"), b"").await;
        assert_refused(&response, 413, "PAYLOAD_TOO_LARGE");
        let asks = raw(&app.url, &format!("{JSON}\r\ncontent-length: {length}\r\nexpect: 100-continue"), b"").await;
        assert_refused(&asks, 413, "PAYLOAD_TOO_LARGE");
    }
    // A client that receives 100 Continue sends the body.
    let mut connection = Raw::open(&app.url).await;
    connection.send(format!("{JSON}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n", HELLO.len())).await;
    assert_eq!(connection.response().await.unwrap().status, 100);
    connection.send(HELLO).await;
    assert_eq!(connection.response().await.unwrap().status, 200);
}

#[tokio::test]
async fn chunked_body_over_the_limit_is_rejected() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let head = format!("{JSON}\r\ntransfer-encoding: chunked");
    assert_eq!(raw(&app.url, &head, &chunked(&call(LIMIT))).await.status, 200);
    assert_refused(&raw(&app.url, &head, &chunked(&call(LIMIT + 1))).await, 413, "PAYLOAD_TOO_LARGE");
    assert_refused(&raw(&app.url, &head, &chunked(&call(4 * LIMIT))).await, 413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn slow_body_times_out() {
    let hasty = Builder::new(Backend::Sqlite).limits(|limits| limits.body_timeout = Duration::from_millis(100));
    let app = hasty.start().await;
    let response = raw(&app.url, &format!("{JSON}\r\ncontent-length: 100"), b"{").await;
    assert_refused(&response, 408, "TIMEOUT");
    let response = raw(&app.url, &format!("{JSON}\r\ntransfer-encoding: chunked"), b"1\r\n{\r\n").await;
    assert_refused(&response, 408, "TIMEOUT");
}

#[tokio::test]
async fn incomplete_body_is_a_bad_request() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let mut connection = Raw::open(&app.url).await;
    connection.send(format!("{JSON}\r\ncontent-length: 100\r\n\r\n{HELLO}")).await;
    connection.finish().await;
    assert_refused(&connection.response().await.unwrap(), 400, "BAD_REQUEST");
    // A malformed chunk is answered in the same way.
    let response = raw(&app.url, &format!("{JSON}\r\ntransfer-encoding: chunked"), b"nonsense\r\n\r\n").await;
    assert_refused(&response, 400, "BAD_REQUEST");
}
