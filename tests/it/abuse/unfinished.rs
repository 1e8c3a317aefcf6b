//! Messages that are never completed: what they hold, and for how long.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Backend, Builder, Client, Process, Pulse, Socket, Sql, TestApp};

const MIB: usize = 1024 * 1024;

/// A call of `user.me` of exactly so many bytes.
fn padded(bytes: usize) -> String {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "user.me"}).to_string();
    let padding = " ".repeat(bytes - call.len());
    format!("{padding}{call}")
}

/// The header of a text frame from a client, with a mask of zeros.
fn header(payload: usize) -> Vec<u8> {
    [[0x81, 0x80 | 127].as_slice(), &(payload as u64).to_be_bytes(), &[0; 4]].concat()
}

async fn assert_too_large(socket: &mut Socket, limit: usize) {
    let refused = socket.receive().await.unwrap();
    assert_eq!(refused["error"]["data"]["code"], "PAYLOAD_TOO_LARGE", "{refused}");
    assert_eq!(refused["error"]["message"], format!("A message may have at most {limit} bytes."));
    assert_eq!(socket.receive().await.unwrap_err().unwrap().code, CloseCode::Size);
}

#[tokio::test]
async fn a_stranger_on_a_socket_may_send_small_messages_only() {
    let app = TestApp::on_sqlite().await;
    let mut stranger = Socket::open(&app.anonymous()).await;
    stranger.send(padded(16 * 1024)).await;
    assert_eq!(stranger.receive().await.unwrap()["error"]["data"]["code"], "UNAUTHORIZED");
    stranger.send(padded(16 * 1024 + 1)).await;
    assert_too_large(&mut stranger, 16 * 1024).await;
    let mut stranger = Socket::open(&app.anonymous()).await;
    stranger.send(padded(MIB)).await;
    assert_too_large(&mut stranger, 16 * 1024).await;
    let mut user = Socket::open(&app.user("user_1")).await;
    user.send(padded(MIB)).await;
    assert_eq!(user.receive().await.unwrap()["result"]["id"], "user_1");
}

#[tokio::test]
async fn connection_params_are_small_and_what_follows_them_may_be_large() {
    let app = TestApp::on_sqlite().await;
    let token = app.user("user_1").token.unwrap();
    for padding in [100, 100_000] {
        let mut socket = Socket::try_open_at(&app.url, "trpc-plain?connectionParams=1", &[]).await.unwrap();
        let params = json!({"token": token, "padding": " ".repeat(padding)});
        socket.send(json!({"method": "connectionParams", "data": params}).to_string()).await;
        if padding > 16 * 1024 {
            assert_eq!(socket.receive().await.unwrap()["error"]["data"]["code"], "PAYLOAD_TOO_LARGE");
            continue;
        }
        let call = json!({"id": 1, "method": "query", "params": {"path": "user.me", "input": {}}}).to_string();
        socket.send(format!("{}{call}", " ".repeat(100_000))).await;
        assert_eq!(socket.receive().await.unwrap()["result"]["data"]["id"], "user_1");
    }
}

#[tokio::test]
async fn a_message_must_arrive_in_time_whatever_is_sent_between_its_parts() {
    let hasty = Builder::new(Backend::Sqlite).limits(|limits| {
        limits.wire.message_timeout = Duration::from_millis(500);
    });
    let app = hasty.start().await;
    let mut socket = Socket::open(&app.user("user_1")).await;
    let stream = socket.stream.get_mut();
    // A text frame that is not the last of its message, then many pings.
    stream.write_all(&[0x01, 0x81, 0, 0, 0, 0, b'{']).await.unwrap();
    let mut pings = 0;
    let refused = loop {
        tokio::select! {
            refused = socket.receive() => break refused.unwrap(),
            () = sleep(Duration::from_millis(50)) => pings += 1,
        }
        drop(socket.stream.get_mut().write_all(&[0x89, 0x80, 0, 0, 0, 0]).await);
        assert!(pings < 200, "pings extend the time");
    };
    assert_eq!(refused["error"]["data"]["code"], "TIMEOUT", "{refused}");
    assert_eq!(socket.receive().await.unwrap_err().unwrap().code, CloseCode::Policy);
}

#[tokio::test]
async fn a_message_without_memory_left_for_it_is_refused() {
    let app = Builder::new(Backend::Sqlite).limits(|limits| limits.wire.buffered_bytes = 400_000).start().await;
    let user = app.user("user_1");
    let mut socket = Socket::open(&user).await;
    // Half of a message holds what the other one needs.
    let mut other = Socket::open(&user).await;
    socket.call("user.me", json!({})).await;
    other.stream.get_mut().write_all(&[header(300_000), vec![b' '; 250_000]].concat()).await.unwrap();
    let refusal = loop {
        let response = user.send(padded(200_000)).await;
        if response.status() != 200 {
            assert_eq!(
                (response.status(), &response.headers()["retry-after"]),
                (503.try_into().unwrap(), &"1".parse().unwrap())
            );
            break response.text().await.unwrap();
        }
    };
    let refusal: Value = serde_json::from_str(&refusal).unwrap();
    assert_eq!(refusal["error"]["data"]["code"], "SERVICE_UNAVAILABLE", "{refusal}");
    socket.send(padded(200_000)).await;
    let refused = socket.receive().await.unwrap();
    assert_eq!(refused["error"]["data"]["code"], "SERVICE_UNAVAILABLE", "{refused}");
    assert_eq!(socket.receive().await.unwrap_err().unwrap().code, CloseCode::Again);
    drop(other);
    assert_eq!(user.send(padded(16 * 1024)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_messages_of_strangers_hold_a_bounded_memory() {
    const STRANGERS: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[("CONNECTIONS_PER_ADDRESS", "0")]);
    let pulse = Pulse::of(&server.url);
    let address = server.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut open = Vec::new();
    let almost = vec![b' '; MIB - 1];
    for number in 0..STRANGERS {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        if number % 2 == 0 {
            let upgrade = "GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                           sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            stream.write_all(upgrade.as_bytes()).await.unwrap();
            stream.read_exact(&mut [0; 100]).await.unwrap();
            stream.write_all(&header(MIB)).await.unwrap();
        } else {
            let head =
                "POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 1048576\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
        }
        // Fails when the server has closed the connection.
        drop(stream.write_all(&almost).await);
        open.push(stream);
    }
    pulse.assert_steady().await;
    assert!(server.peak() < 200 * MIB, "{} MiB", server.peak() / MIB);
    let client = Client::new(&server.url, None);
    client.fail("UNAUTHORIZED", "user.me", json!({})).await;
}

#[tokio::test]
async fn calls_in_flight_are_answered_before_a_socket_is_closed_for_a_message() {
    let app = TestApp::on_sqlite().await;
    let user = app.user("user_1");
    user.call("user.me", json!({})).await;
    let mut lock = app.connect();
    lock.run("BEGIN IMMEDIATE");
    let mut socket = Socket::open(&user).await;
    socket.send(json!({"jsonrpc": "2.0", "id": 7, "method": "customer.create"}).to_string()).await;
    socket.send(padded(MIB + 1)).await;
    assert_eq!(socket.receive().await.unwrap()["error"]["data"]["code"], "PAYLOAD_TOO_LARGE");
    lock.run("ROLLBACK");
    let answer = socket.receive().await.unwrap();
    assert_eq!((&answer["id"], &answer["result"]["success"]), (&json!(7), &json!(true)), "{answer}");
    assert_eq!(socket.receive().await.unwrap_err().unwrap().code, CloseCode::Size);
}
