//! Connections: reuse, timeouts and the limit on their number.

use super::{HELLO, assert_refused, raw};
use crate::support::{Backend, Builder, Gate, Raw, Socket, TestApp, both_databases, claims, eventually, hs256, probes};

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
    let hasty = Builder::new(Backend::Sqlite).flag("keep-alive-ms", "100");
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

/// `probe.wait` as a whole HTTP request.
fn waiting(gate: &Gate) -> String {
    let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"probe.wait","params":{{"gate":"{}"}}}}"#, gate.name);
    format!("{POST}\r\ncontent-length: {}\r\n\r\n{call}", call.len())
}

both_databases! {
    async fn a_client_that_has_closed_its_sending_side_is_answered(builder: Builder) {
        let app = builder.router(probes()).start().await;
        let gate = Gate::new();
        let mut connection = Raw::open(&app.url).await;
        connection.send(waiting(&gate)).await;
        gate.arrivals(1).await;
        connection.finish().await;
        gate.open(1);
        assert_eq!(connection.response().await.unwrap().json()["result"], gate.name);
        assert!(connection.response().await.is_none());
        // Also when the end comes with the request, and without a body.
        for request in [hello(), LIVE.to_owned(), "GET /trpc-plain/user.me HTTP/1.1\r\nhost: h\r\n\r\n".to_owned()] {
            let mut connection = Raw::open(&app.url).await;
            connection.send(&request).await;
            connection.finish().await;
            assert!(connection.response().await.is_some(), "{request}");
            assert!(connection.response().await.is_none(), "{request}");
        }
    }
}

#[tokio::test]
async fn the_end_of_an_unfinished_request_or_an_endless_response_closes_the_connection() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let others = async || connections(&app).await - 1;
    let mut part = Raw::open(&app.url).await;
    part.send(format!("{}\r\n\r\n{{", head())).await;
    part.finish().await;
    assert!(part.response().await.is_none_or(|response| response.status == 400));
    let bearer = hs256(&claims("user_1"));
    let mut stream = Raw::open(&app.url).await;
    stream
        .send(format!("GET /trpc-plain/k8s.watch HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {bearer}\r\n\r\n"))
        .await;
    let mut idle = Raw::open(&app.url).await;
    eventually(async || others().await == 2).await;
    stream.finish().await;
    idle.finish().await;
    eventually(async || others().await == 0).await;
    // Also when the end comes with the request.
    let mut stream = Raw::open(&app.url).await;
    stream
        .send(format!("GET /trpc-plain/k8s.watch HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {bearer}\r\n\r\n"))
        .await;
    stream.finish().await;
    assert_eq!(stream.head_response().await.unwrap().status, 200);
    eventually(async || others().await == 0).await;
}

#[tokio::test]
async fn a_client_whose_body_was_refused_may_go_and_its_next_call_is_answered() {
    let app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let large = format!("{POST}\r\ncontent-length: 1200000\r\n\r\n{}", " ".repeat(1_200_000));
    let mut gone = Raw::open(&app.url).await;
    gone.send(&large).await;
    gone.finish().await;
    assert_refused(&gone.response().await.unwrap(), 413, "PAYLOAD_TOO_LARGE");
    // Long before an idle connection would be closed.
    assert!(gone.response().await.is_none());
    for _ in 0..5 {
        let gate = Gate::new();
        let mut connection = Raw::open(&app.url).await;
        connection.send(format!("{large}{}", waiting(&gate))).await;
        connection.finish().await;
        assert_eq!(connection.response().await.unwrap().status, 413);
        gate.arrivals(1).await;
        gate.open(1);
        assert_eq!(connection.response().await.unwrap().json()["result"], gate.name);
    }
}

/// Open connections, with the one that asks.
async fn connections(app: &TestApp) -> usize {
    let page = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("clusterdesk_connections "));
    line.unwrap().parse().unwrap()
}
