//! Connections: reuse, timeouts and the limit on their number.

use std::time::Duration;

use super::{HELLO, assert_refused, raw};
use crate::support::{Backend, Builder, Raw, Socket, TestApp, eventually};

const LIVE: &str = "GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/json";

fn head() -> String {
    format!("{POST}\r\ncontent-length: {}", HELLO.len())
}

fn hello() -> String {
    format!("{}\r\n\r\n{HELLO}", head())
}

#[tokio::test]
async fn connection_is_reused_for_several_requests() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let mut connection = Raw::open(&app.url).await;
    for _ in 0..3 {
        connection.send(hello()).await;
        assert_eq!(connection.response().await.unwrap().status, 200);
        connection.send(LIVE).await;
        assert_eq!(connection.response().await.unwrap().status, 200);
        connection.send("GET /nothing HTTP/1.1\r\nhost: h\r\n\r\n").await;
        assert_refused(&connection.response().await.unwrap(), 404, "NOT_FOUND");
    }
    // Pipelined requests are answered in order.
    connection.send(format!("{}{LIVE}{}", hello(), hello())).await;
    for is_call in [true, false, true] {
        let response = connection.response().await.unwrap();
        assert_eq!(response.json().get("jsonrpc").is_some(), is_call);
    }
    connection.send("GET /health/live HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
    assert_eq!(connection.response().await.unwrap().headers["connection"], "close");
    assert!(connection.response().await.is_none());
}

#[tokio::test]
async fn slow_request_head_closes_the_connection() {
    let hasty = Builder::new(Backend::Sqlite).limits(|limits| limits.idle_timeout = Duration::from_millis(100));
    let app = hasty.start().await;
    for start in ["", "POST / HT", "POST / HTTP/1.1\r\nhost: h\r\nx-slow: "] {
        let mut connection = Raw::open(&app.url).await;
        connection.send(start).await;
        assert!(connection.response().await.is_none(), "{start:?}");
    }
    // An idle connection is closed as well.
    let mut connection = Raw::open(&app.url).await;
    connection.send(LIVE).await;
    assert_eq!(connection.response().await.unwrap().status, 200);
    assert!(connection.response().await.is_none());
}

#[tokio::test]
async fn too_long_or_malformed_request_head_is_rejected() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let long = format!("GET /health/live HTTP/1.1\r\nhost: h\r\nx-long: {}", "x".repeat(200 * 1024));
    assert_eq!(raw(&app.url, &long, b"").await.status, 431);
    assert_eq!(raw(&app.url, "nonsense", b"").await.status, 400);
    // HTTP/2 with prior knowledge is not supported.
    let mut connection = Raw::open(&app.url).await;
    connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(connection.response().await.is_none_or(|response| response.status == 400));
}

/// A connection that has been served once and therefore counts towards the limit.
async fn served(app: &TestApp) -> Raw {
    let mut connection = Raw::open(&app.url).await;
    connection.send(LIVE).await;
    assert_eq!(connection.response().await.unwrap().status, 200);
    connection
}

#[tokio::test]
async fn above_the_connection_limit_health_works_and_calls_are_unavailable() {
    let app = Builder::new(Backend::Sqlite).limits(|limits| limits.connections = 2).start().await;
    let (mut one, two) = (served(&app).await, served(&app).await);

    for page in ["/health/live", "/health/ready"] {
        let response = raw(&app.url, &format!("GET {page} HTTP/1.1\r\nhost: h"), b"").await;
        assert_eq!((response.status, &response.headers["connection"]), (200, &"close".parse().unwrap()));
    }
    let mut third = Raw::open(&app.url).await;
    third.send(format!("{}{LIVE}", hello())).await;
    let refusal = third.response().await.unwrap();
    assert_refused(&refusal, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(
        (&refusal.headers["connection"], &refusal.headers["retry-after"]),
        (&"close".parse().unwrap(), &"1".parse().unwrap())
    );
    assert!(refusal.json()["error"]["data"]["retryAfterMs"].as_u64().unwrap() > 0);
    assert!(third.response().await.is_none());
    let upgrade = "GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    assert_refused(&raw(&app.url, upgrade, b"").await, 503, "SERVICE_UNAVAILABLE");

    // Established connections keep working, and a closed one makes room for another.
    one.send(hello()).await;
    assert_eq!(one.response().await.unwrap().status, 200);
    drop(two);
    eventually(async || raw(&app.url, &head(), HELLO.as_bytes()).await.status == 200).await;
}

#[tokio::test]
async fn websocket_counts_towards_the_connection_limit() {
    let app = Builder::new(Backend::Sqlite).limits(|limits| limits.connections = 1).start().await;
    let socket = Socket::open(&app.anonymous()).await;
    assert_refused(&raw(&app.url, &head(), HELLO.as_bytes()).await, 503, "SERVICE_UNAVAILABLE");
    drop(socket);
    eventually(async || raw(&app.url, &head(), HELLO.as_bytes()).await.status == 200).await;
}
