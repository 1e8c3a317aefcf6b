//! How sockets are closed, by the server and by the client.

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

use super::{code, wait};
use crate::support::{Backend, Builder, Gate, Socket, both_databases, probes};

/// The code of the close frame that comes next.
async fn closed_with(socket: &mut Socket) -> CloseCode {
    socket.receive().await.unwrap_err().expect("a close frame").code
}

#[tokio::test]
async fn an_oversized_message_is_answered_and_closes_the_socket() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let call = |bytes: usize| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "hello.hello", "params": {"text": "you"}}).to_string();
        let padding = " ".repeat(bytes - call.len());
        call + &padding
    };
    // In several sizes: bytes that the server has not read must not make the client lose the answer.
    for bytes in [1024 * 1024 + 1, 2 * 1024 * 1024, 8 * 1024 * 1024] {
        let mut socket = Socket::open(&app.user("user_1")).await;
        socket.send(call(1024 * 1024)).await;
        assert_eq!(socket.receive().await.unwrap()["result"]["greeting"], "hello you");
        socket.send(call(bytes)).await;
        let answer = socket.receive().await.unwrap();
        assert_eq!((code(&answer), &answer["id"]), ("PAYLOAD_TOO_LARGE", &json!(null)));
        assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["httpStatus"]), (&json!(-32013), &json!(413)));
        assert_eq!(closed_with(&mut socket).await, CloseCode::Size);
    }
}

#[tokio::test]
async fn an_oversized_fragmented_message_is_answered_and_closes_the_socket() {
    let app = Builder::new(Backend::Sqlite).limits(|limits| limits.wire.request_bytes = 1000).start().await;
    let mut socket = Socket::open(&app.user("user_1")).await;
    for (kind, last) in [(Data::Text, false), (Data::Continue, false), (Data::Continue, true)] {
        let frame = Frame::message("x".repeat(400), OpCode::Data(kind), last);
        socket.stream.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(code(&socket.receive().await.unwrap()), "PAYLOAD_TOO_LARGE");
    assert_eq!(closed_with(&mut socket).await, CloseCode::Size);
}

#[tokio::test]
async fn invalid_utf_8_closes_the_socket() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let mut socket = Socket::open(&app.user("user_1")).await;
    let frame = Frame::message(b"\xff\xfe".as_slice(), OpCode::Data(Data::Text), true);
    socket.stream.send(Message::Frame(frame)).await.unwrap();
    assert_eq!(closed_with(&mut socket).await, CloseCode::Invalid);
}

#[tokio::test]
async fn a_protocol_violation_closes_the_socket() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let mut socket = Socket::open(&app.user("user_1")).await;
    let frame = Frame::message("continues nothing", OpCode::Data(Data::Continue), true);
    socket.stream.send(Message::Frame(frame)).await.unwrap();
    assert_eq!(closed_with(&mut socket).await, CloseCode::Protocol);
}

#[tokio::test]
async fn a_close_frame_is_answered_with_a_close_frame() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let mut socket = Socket::open(&app.user("user_1")).await;
    assert_eq!(code(&socket.call("user.me", json!({})).await), "OK");
    let frame = CloseFrame { code: CloseCode::Normal, reason: "enough".into() };
    socket.stream.send(Message::Close(Some(frame))).await.unwrap();
    assert_eq!(closed_with(&mut socket).await, CloseCode::Normal);
}

both_databases! {
    async fn a_stopping_server_answers_calls_in_flight_and_closes_its_sockets(builder: Builder) {
        let mut app = builder.router(probes()).start().await;
        let (mut idle, mut busy) = (Socket::open(&app.user("user_1")).await, Socket::open(&app.user("user_2")).await);
        let gate = Gate::new();
        busy.send(wait(1, &gate.name)).await;
        gate.arrivals(1).await;
        app.stop();
        assert_eq!(closed_with(&mut idle).await, CloseCode::Away);
        // New connections are refused.
        assert!(app.anonymous().http.get(format!("{}health/live", app.url)).send().await.is_err());
        gate.open(1);
        assert_eq!(busy.receive().await.unwrap()["result"], gate.name);
        assert_eq!(closed_with(&mut busy).await, CloseCode::Away);
        app.stopped().await;
    }
}

#[tokio::test]
async fn an_http_call_in_flight_is_answered_while_the_server_stops() {
    let mut app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let mut idle = Socket::open(&app.anonymous()).await;
    let (client, gate) = (app.anonymous(), Gate::new());
    let message = wait(1, &gate.name);
    let call = tokio::spawn(async move { client.send(message).await });
    gate.arrivals(1).await;
    app.stop();
    assert_eq!(closed_with(&mut idle).await, CloseCode::Away);
    gate.open(1);
    let response = call.await.unwrap();
    assert_eq!(response.headers()["connection"], "close");
    assert!(response.text().await.unwrap().contains(&gate.name));
    app.stopped().await;
}

#[tokio::test]
async fn an_endless_call_does_not_outlast_the_grace_period() {
    let builder = Builder::new(Backend::Sqlite).flag("shutdown-grace-ms", "200");
    let mut app = builder.router(probes()).start().await;
    let (mut socket, gate) = (Socket::open(&app.anonymous()).await, Gate::new());
    socket.send(wait(1, &gate.name)).await;
    gate.arrivals(1).await;
    app.stop();
    // Long before the call itself times out.
    timeout(Duration::from_secs(15), app.stopped()).await.expect("the server waits for the call");
}
