//! Heads of requests: what is not HTTP is refused in the same form as everything else; what heads hold while they arrive,
//! and for how long.

use std::time::Duration;

use serde_json::json;
use tokio::{
    task::yield_now,
    time::{Instant, advance, pause, resume},
};
use uuid::Uuid;

use crate::support::{Backend, Builder, Process, Pulse, Raw, RawResponse, Socket, TestApp};

const MIB: usize = 1024 * 1024;

/// A head that lacks its end.
fn unfinished(bytes: usize) -> String {
    format!("GET /health/live HTTP/1.1\r\nhost: h\r\nx-long: {}", "x".repeat(bytes))
}

fn assert_refused(response: &RawResponse, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_str()), (status, code), "{response:?}");
    assert_eq!(response.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(
        (&response.headers["connection"], &response.headers["cache-control"]),
        (&close(), &"no-store".parse().unwrap())
    );
    assert!(response.headers.contains_key("date"));
    let id = response.headers["x-request-id"].to_str().unwrap();
    assert!(Uuid::parse_str(id).is_ok());
    let data = &response.json()["error"]["data"];
    assert_eq!((&data["requestId"], &data["httpStatus"]), (&id.into(), &status.into()));
}

fn close() -> http::HeaderValue {
    "close".parse().unwrap()
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_in_json() {
    let app = TestApp::on_sqlite().await;
    let long = "x".repeat(70_000);
    let heads = [
        ("nonsense\r\n\r\n".to_owned(), 400, "BAD_REQUEST"),
        ("GET / HTTP/9.9\r\nhost: h\r\n\r\n".to_owned(), 400, "BAD_REQUEST"),
        ("GET / HTTP/1.1\r\nhost: h\r\nbad header: 1\r\n\r\n".to_owned(), 400, "BAD_REQUEST"),
        ("GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(), 400, "BAD_REQUEST"),
        (format!("GET /{long} HTTP/1.1\r\nhost: h\r\n\r\n"), 414, "PAYLOAD_TOO_LARGE"),
        (format!("GET / HTTP/1.1\r\nhost: h\r\nx-long: {long}"), 431, "PAYLOAD_TOO_LARGE"),
    ];
    for (head, status, code) in heads {
        let mut connection = Raw::open(&app.url).await;
        connection.try_send(&head).await;
        assert_refused(&connection.response().await.unwrap(), status, code);
        assert!(connection.response().await.is_none());
        // Also behind a request that was answered.
        let mut connection = Raw::open(&app.url).await;
        connection.try_send(format!("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n{head}")).await;
        assert_eq!(connection.response().await.unwrap().status, 200);
        assert_refused(&connection.response().await.unwrap(), status, code);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_heads_that_never_end_hold_a_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[("CONNECTIONS_PER_ADDRESS", "0")]);
    let pulse = Pulse::of(&server.url);
    let before = server.resident();
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..2_500 {
        let mut connection = Raw::open(&server.url).await;
        connection.try_send(unfinished(60_000)).await;
        if open.len() >= 1_000 && open.len() % 100 == 0 {
            // There is no memory left by now.
            let refusal = connection.response().await;
            refused += usize::from(refusal.is_some_and(|refusal| refusal.status == 503));
        }
        open.push(connection);
    }
    assert!(refused > 0);
    pulse.assert_steady().await;
    let held = server.peak().saturating_sub(before);
    assert!(held < 100 * MIB, "{} MiB", held / MIB);
}

#[tokio::test]
async fn a_head_without_memory_left_for_it_is_refused_and_the_memory_comes_back() {
    let app = Builder::new(Backend::Sqlite).limits(|limits| limits.wire.buffered_bytes = 320_000).start().await;
    // A quarter is for strangers.
    let mut first = Raw::open(&app.url).await;
    first.send(unfinished(60_000)).await;
    let mut refusal = None;
    for _ in 0..20 {
        let mut second = Raw::open(&app.url).await;
        second.try_send(format!("{}\r\n\r\n", unfinished(60_000))).await;
        refusal = second.response().await.filter(|response| response.status != 200);
        if refusal.is_some() {
            break;
        }
    }
    let refusal = refusal.expect("the memory is not counted");
    assert_refused(&refusal, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(refusal.headers["retry-after"], "1");
    // Small heads need none of it.
    let mut small = Raw::open(&app.url).await;
    small.send(format!("{}\r\n\r\n", unfinished(4_000))).await;
    assert_eq!(small.response().await.unwrap().status, 200);
    // A whole head gives it back, also on a connection that stays open.
    first.send("\r\n\r\n").await;
    assert_eq!(first.response().await.unwrap().status, 200);
    for _ in 0..3 {
        small.send(format!("{}\r\n\r\n", unfinished(60_000))).await;
        assert_eq!(small.response().await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_head_must_arrive_within_ten_seconds_of_its_first_byte() {
    let app = TestApp::on_sqlite().await;
    let mut slow = Raw::open(&app.url).await;
    let mut idle = Raw::open(&app.url).await;
    idle.send("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(idle.response().await.unwrap().status, 200);
    // The time between requests does not count.
    pause();
    advance(Duration::from_secs(30)).await;
    resume();
    idle.send("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(idle.response().await.unwrap().status, 200);
    pause();
    let start = Instant::now();
    for byte in "GET /health/live HTT".chars() {
        slow.try_send(byte.to_string()).await;
        // The runtime looks for what has arrived once in so many turns; the server must have read before the clock goes on.
        for _ in 0..500 {
            yield_now().await;
        }
        advance(Duration::from_secs(1)).await;
    }
    assert!(slow.response().await.is_none());
    assert_eq!(start.elapsed().as_secs(), 20, "closed before the last byte was sent");
}

#[tokio::test]
async fn what_follows_a_head_is_not_taken_for_one() {
    let app = TestApp::on_sqlite().await;
    let user = app.user("user_1");
    let mut socket = Socket::open(&user).await;
    socket.call("user.me", json!({})).await;
    let mut body = Raw::open(&app.url).await;
    body.send(format!(
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        2 * MIB
    ))
    .await;
    body.send(vec![b' '; MIB + 1]).await;
    assert_eq!(body.response().await.unwrap().status, 413);
    socket.send("[").await;
    assert!(socket.receive().await.unwrap()["error"].is_object());
    body.send(vec![b' '; 1024]).await;
    // Not for longer: while the clock stands still, whoever waits for the network has waited too long at once.
    pause();
    advance(Duration::from_secs(15)).await;
    resume();
    // Frames of a socket, and the rest of a body that is discarded.
    assert_eq!(socket.call("rpc.discover", json!({})).await["result"]["openrpc"], "1.4.0");
    body.send(vec![b' '; MIB - 1 - 1024]).await;
    body.send("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(body.response().await.unwrap().status, 200);
}
