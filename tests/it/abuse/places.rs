//! Connections: nobody can take the places of others, and health checks are always answered.

use std::{net::SocketAddr, time::Duration};

use clusterdesk::{auth::PlainToken, models::api_token::Scope};
use futures_util::StreamExt;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, advance, pause, sleep, timeout},
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::support::{Backend, Builder, Process, Pulse, Raw, Socket, TestApp, eventually};

const NEVER: Duration = Duration::from_secs(60 * 60);
const METRICS: &str = "GET /metrics HTTP/1.1\r\nhost: h\r\n\r\n";

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap()
}

/// A connection from another address of this machine, kept open.
async fn connect_from(from: &str, url: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    socket.connect(address(url)).await.unwrap()
}

/// The status line of the answer to one request.
async fn status(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut start = vec![0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut start).await.unwrap();
    String::from_utf8(start).unwrap()
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_others_have_theirs() {
    let app = Builder::new(Backend::Sqlite).flag("connections-per-address", "2").start().await;
    let mut mine = Vec::new();
    for expected in ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 503", "HTTP/1.1 503"] {
        let mut stream = connect_from("127.0.0.2", &app.url).await;
        assert_eq!(status(&mut stream, METRICS).await, expected);
        mine.push(stream);
    }
    assert_eq!(status(&mut connect_from("127.0.0.3", &app.url).await, METRICS).await, "HTTP/1.1 200");
    // A WebSocket counts too, and a closed connection makes room.
    mine.clear();
    let client = app.anonymous();
    let (one, two) = (Socket::open(&client).await, Socket::open(&client).await);
    let refused = Socket::try_open(&app.url, &[]).await.err().unwrap();
    assert!(refused.to_string().contains("503"), "{refused}");
    drop((one, two));
    eventually(async || Socket::try_open(&app.url, &[]).await.is_ok()).await;
}

#[tokio::test]
async fn connections_of_trusted_proxies_are_not_counted_by_address() {
    let proxied = Builder::new(Backend::Sqlite).flag("connections-per-address", "1");
    let app = proxied.flag("trusted-proxies", "127.0.0.2").start().await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = connect_from("127.0.0.2", &app.url).await;
        assert_eq!(status(&mut stream, METRICS).await, "HTTP/1.1 200");
        open.push(stream);
    }
}

#[tokio::test]
async fn a_crowd_in_the_reserve_does_not_keep_a_health_check_out() {
    let patient = Builder::new(Backend::Sqlite)
        .limits(|limits| {
            limits.connections = 0;
            limits.reserve_timeout = NEVER;
        })
        .flag("keep-alive-ms", "3600000");
    let app = patient.start().await;
    let mut crowd = Vec::new();
    for _ in 0..400 {
        let mut connection = Raw::open(&app.url).await;
        connection.try_send("GET /metrics HTTP/1.1\r\n").await;
        crowd.push(connection);
    }
    for page in ["live", "ready"] {
        let mut check = Raw::open(&app.url).await;
        check.send(format!("GET /health/{page} HTTP/1.1\r\nhost: h\r\n\r\n")).await;
        assert_eq!(check.response().await.unwrap().status, 200);
    }
    // The oldest were closed for the newest.
    assert!(crowd.first_mut().unwrap().response().await.is_none());
    // Pipelined requests get one answer, and only about the server's health.
    let mut greedy = Raw::open(&app.url).await;
    greedy.send(METRICS.repeat(100)).await;
    assert_eq!(greedy.response().await.unwrap().status, 503);
    assert!(greedy.response().await.is_none());
}

#[tokio::test]
async fn a_connection_in_the_reserve_lasts_a_few_seconds() {
    let patient = Builder::new(Backend::Sqlite)
        .limits(|limits| {
            limits.connections = 0;
        })
        .flag("keep-alive-ms", "3600000");
    let app = patient.start().await;
    let mut slow = Raw::open(&app.url).await;
    pause();
    let start = Instant::now();
    for byte in "GET /health/live HTT".chars() {
        slow.try_send(byte.to_string()).await;
        advance(Duration::from_secs(1)).await;
    }
    assert!(slow.response().await.is_none());
    assert_eq!(start.elapsed().as_secs(), 20, "closed before the last byte was sent");
}

#[tokio::test]
async fn a_socket_without_a_token_is_closed_after_a_minute() {
    let app = TestApp::on_sqlite().await;
    let mut stranger = Socket::open(&app.anonymous()).await;
    let mut user = Socket::open(&app.user("user_1")).await;
    user.call("user.me", json!({})).await;
    assert!(stranger.call("rpc.discover", json!({})).await["result"].is_object());
    pause();
    let start = Instant::now();
    let calls = async {
        loop {
            // Whatever a stranger sends does not make the socket last longer.
            stranger.send(r#"{"jsonrpc":"2.0","id":1,"method":"rpc.ping"}"#).await;
            tokio::select! {
                frame = close_frame(&mut stranger) => return frame,
                () = sleep(Duration::from_secs(7)) => {}
            }
        }
    };
    let frame = tokio::select! {
        frame = calls => frame,
        frame = close_frame(&mut user) => panic!("the user's socket was closed: {frame:?}"),
    };
    assert_eq!(frame.code, CloseCode::Policy);
    assert!(start.elapsed() <= Duration::from_secs(60), "{:?}", start.elapsed());
    // The user may stay.
    let closed = timeout(Duration::from_secs(600), close_frame(&mut user)).await;
    assert!(closed.is_err(), "{closed:?}");
}

/// Answers pings until the socket is closed.
async fn close_frame(socket: &mut Socket) -> CloseFrame {
    loop {
        if let Message::Close(frame) = socket.stream.next().await.unwrap().unwrap() {
            return frame.unwrap();
        }
    }
}

#[tokio::test]
async fn a_socket_that_announced_connection_params_must_send_them_soon() {
    let app = TestApp::on_sqlite().await;
    let mut silent = Socket::try_open_at(&app.url, "trpc?connectionParams=1", &[]).await.unwrap();
    pause();
    let start = Instant::now();
    assert_eq!(close_frame(&mut silent).await.code, CloseCode::Policy);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_anonymous_sockets_take_their_places_and_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[]);
    let pulse = Pulse::of(&server.url);
    let mut crowd = Vec::new();
    let mut accepted = 0;
    for number in 0..2_000 {
        // Four addresses, each with fewer places than it wants.
        let mut stream = connect_from(&format!("127.0.1.{}", number % 4 + 1), &server.url).await;
        accepted += usize::from(status(&mut stream, &upgrade("")).await == "HTTP/1.1 101");
        crowd.push(stream);
    }
    assert_eq!(accepted, 4 * 256);
    // And the reserve, without reading its answers.
    for _ in 0..400 {
        let mut stream = connect_from("127.0.1.1", &server.url).await;
        drop(stream.write_all(METRICS.repeat(100).as_bytes()).await);
        crowd.push(stream);
    }
    pulse.assert_steady().await;
    assert!(server.peak() < 150 * 1024 * 1024, "{}", server.peak());
}

/// The opening handshake of a WebSocket with another header line.
fn upgrade(header: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n"
    )
}

#[tokio::test]
async fn sockets_behind_a_proxy_count_by_the_address_that_it_names() {
    let proxied = Builder::new(Backend::Sqlite).flag("connections-per-address", "1");
    let app = proxied.flag("trusted-proxies", "127.0.0.2").start().await;
    let mut open = Vec::new();
    for (client, expected) in [("203.0.113.7", "101"), ("203.0.113.7", "503"), ("203.0.113.8", "101")] {
        let mut stream = connect_from("127.0.0.2", &app.url).await;
        let answer = status(&mut stream, &upgrade(&format!("x-forwarded-for: {client}\r\n"))).await;
        assert_eq!(answer, format!("HTTP/1.1 {expected}"), "{client}");
        open.push(stream);
    }
    open.clear();
    eventually(async || {
        let mut stream = connect_from("127.0.0.2", &app.url).await;
        status(&mut stream, &upgrade("x-forwarded-for: 203.0.113.7\r\n")).await == "HTTP/1.1 101"
    })
    .await;
}

#[tokio::test]
async fn open_files_do_not_run_out_before_the_places() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve_with_files(folder.path(), &[("CONNECTIONS_PER_ADDRESS", "0")], 600);
    let mut crowd = Vec::new();
    for _ in 0..700 {
        crowd.push(connect_from("127.0.0.1", &server.url).await);
    }
    let mut check = Raw::open(&server.url).await;
    check.send("GET /health/ready HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(check.response().await.unwrap().status, 200);
    assert!(server.log().contains("the limit of open files is low"), "{}", server.log());
    assert!(!server.log().contains("could not accept"), "{}", server.log());
}

#[tokio::test]
async fn a_made_up_token_opens_no_socket_and_a_valid_one_keeps_it() {
    let app = TestApp::on_sqlite().await;
    let made_up = PlainToken::generate();
    let bearer = format!("Bearer {}", made_up.expose());
    for path in ["", "trpc"] {
        let refused = Socket::try_open_at(&app.url, path, &[("authorization", &bearer)]).await.err().unwrap();
        assert!(refused.to_string().contains("401"), "{refused}");
    }
    // As connection params it opens one, as no token does.
    let mut guest = Socket::try_open_at(&app.url, "trpc?connectionParams=1", &[]).await.unwrap();
    let params = json!({"method": "connectionParams", "data": {"token": made_up.expose()}});
    guest.send(params.to_string()).await;
    guest.send(json!({"id": 1, "method": "query", "params": {"path": "user.me"}}).to_string()).await;
    assert_eq!(guest.receive().await.unwrap()["error"]["json"]["data"]["code"], "UNAUTHORIZED");
    let mut script = Socket::open(&app.scripted("user_1", Scope::Read)).await;
    pause();
    let frame = tokio::select! {
        frame = close_frame(&mut guest) => frame,
        frame = close_frame(&mut script) => panic!("the script's socket was closed: {frame:?}"),
    };
    assert_eq!(frame.code, CloseCode::Policy);
    let closed = timeout(Duration::from_secs(600), close_frame(&mut script)).await;
    assert!(closed.is_err(), "{closed:?}");
}
