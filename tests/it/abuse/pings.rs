//! Pings on sockets: what a peer that does not read costs, and when a peer counts as gone.
//!
//! The clock of most of these tests is paused: it moves only when client and server have nothing to do but wait.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Response;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, advance, pause, resume, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Backend, Builder, Process, Pulse, Socket, TestApp, eventually};

/// More than the kernel's buffers of both directions hold.
const FLOOD: usize = 64 * 1024 * 1024;
/// A write that takes longer waits for the peer to read.
const STALL: Duration = Duration::from_millis(500);

/// Many final ping frames, each with a mask of zeros and 125 bytes.
fn pings() -> Vec<u8> {
    [[0x89, 0x80 | 125, 0, 0, 0, 0].as_slice(), &[b'x'; 125]].concat().repeat(1000)
}

async fn sockets(app: &TestApp) -> String {
    let client = app.anonymous();
    let text = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    text.lines().find_map(|line| line.strip_prefix("clusterdesk_websockets ")).unwrap().to_owned()
}

#[tokio::test]
async fn a_peer_that_pings_and_does_not_read_is_closed_and_its_pongs_do_not_pile_up() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    pause();
    let pings = pings();
    let mut sent = 0;
    while sent < FLOOD {
        match socket.stream.get_mut().write(&pings[sent % pings.len()..]).await {
            Ok(bytes) => sent += bytes,
            Err(_closed) => break,
        }
    }
    assert!(sent < FLOOD, "the server has read {sent} bytes of pings from a peer that does not read");
    resume();
    eventually(async || sockets(&app).await == "0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_pings_costs_little_memory_and_health_checks_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[]);
    let pulse = Pulse::of(&server.url);
    let pings = pings();
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut socket = Socket::try_open(&server.url, &[]).await.unwrap();
        let mut sent = 0;
        // Until the server no longer reads.
        while let Ok(Ok(bytes)) = timeout(STALL, socket.stream.get_mut().write(&pings[sent % pings.len()..])).await {
            sent += bytes;
            assert!(sent < FLOOD, "the server goes on reading");
        }
        open.push(socket);
    }
    pulse.assert_steady().await;
    assert!(server.peak() < 100 * 1024 * 1024, "{}", server.peak());
}

/// The nearest whole number of seconds.
fn seconds(time: Duration) -> u64 {
    (time + Duration::from_millis(500)).as_secs()
}

/// When the next ping arrives. Reading answers the one before.
async fn ping(socket: &mut Socket) -> Instant {
    match socket.stream.next().await {
        Some(Ok(Message::Ping(_))) => Instant::now(),
        other => panic!("{other:?} instead of a ping"),
    }
}

#[tokio::test]
async fn a_pause_of_the_machine_sends_one_ping_and_closes_no_socket() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open(&app.user("user_1")).await;
    pause();
    for _ in 0..3 {
        // This ping is not answered before the pause.
        ping(&mut socket).await;
        advance(Duration::from_secs(150)).await;
        let late = ping(&mut socket).await;
        let next = ping(&mut socket).await;
        assert_eq!(seconds(next - late), 20, "missed pings are sent at once");
    }
}

#[tokio::test]
async fn a_silent_peer_is_closed_after_two_pings() {
    let app = TestApp::on_sqlite().await;
    let address = app.url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = app.user("user_1").token.unwrap();
    let upgrade = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Authorization: Bearer {token}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let head = |received: &[u8]| received.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
    let mut received = Vec::new();
    while head(&received).is_none() {
        stream.read_buf(&mut received).await.unwrap();
    }
    pause();
    stream.read_to_end(&mut received).await.unwrap();
    // Two empty pings, then a close frame with the code 1001.
    let frames = &received[head(&received).unwrap()..];
    assert_eq!(frames[..4], [0x89, 0, 0x89, 0], "{frames:?}");
    assert_eq!((frames[4], &frames[6..8]), (0x88, 1001_u16.to_be_bytes().as_slice()), "{frames:?}");
}

async fn read_until(stream: &mut Response, word: &str) {
    let mut text = String::new();
    while !text.contains(word) {
        text += str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
    }
}

/// When the next ping of an event stream arrives.
async fn streamed_ping(stream: &mut Response) -> Instant {
    let chunk = stream.chunk().await.unwrap().unwrap();
    assert_eq!(str::from_utf8(&chunk).unwrap(), "event: ping\ndata: \n\n");
    Instant::now()
}

#[tokio::test]
async fn a_pause_of_the_machine_sends_one_ping_on_an_event_stream() {
    // Nothing but pings is due while the clock is paused: the database does not keep to it.
    let never = Duration::from_secs(24 * 60 * 60);
    let quiet = Builder::new(Backend::Sqlite).limits(|limits| {
        limits.recheck_interval = never;
        limits.feed_interval = never;
    });
    let app = quiet.start().await;
    let user = app.user("user_1");
    let request = user.http.get(format!("{}trpc-plain/k8s.watch", user.url));
    let mut stream = request.bearer_auth(user.token.as_deref().unwrap()).send().await.unwrap();
    read_until(&mut stream, "ready").await;
    user.create("web", "FREE").await;
    // After its first event the subscription only waits.
    read_until(&mut stream, r#""created""#).await;
    pause();
    for _ in 0..3 {
        advance(Duration::from_secs(100)).await;
        let late = streamed_ping(&mut stream).await;
        let next = streamed_ping(&mut stream).await;
        assert_eq!(seconds(next - late), 20, "missed pings are sent at once");
    }
}
