//! Calls on open sockets.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::json;
use tokio_tungstenite::tungstenite::{
    Bytes, Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::{metric, wait};
use crate::support::{Backend, Builder, Gate, Socket, TestApp, both_databases, eventually, probes};

#[tokio::test]
async fn calls_on_one_socket_run_concurrently_and_are_answered_as_they_finish() {
    let app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    let gates: Vec<_> = (0..10).map(|_| Gate::new()).collect();
    for (id, gate) in (0..).zip(&gates) {
        socket.send(wait(id, &gate.name)).await;
    }
    for gate in &gates {
        gate.arrivals(1).await;
    }
    for (id, gate) in (0..10).zip(&gates).rev() {
        gate.open(1);
        assert_eq!(socket.receive().await.unwrap(), json!({"jsonrpc": "2.0", "id": id, "result": gate.name}));
    }
}

#[tokio::test]
async fn calls_beyond_the_limit_of_a_socket_wait_for_their_turn() {
    let limited = Builder::new(Backend::Sqlite).limits(|limits| limits.wire.socket_calls = 4);
    let app = limited.router(probes()).start().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    let gate = Gate::new();
    for id in 0..20 {
        socket.send(wait(id, &gate.name)).await;
    }
    gate.arrivals(4).await;
    // Other sockets are served meanwhile.
    let answer = Socket::open(&app.user("user_1")).await.call("user.me", json!({})).await;
    assert_eq!(answer["result"]["id"], "user_1");
    assert_eq!(gate.waiting(), 0, "a fifth call has started");
    gate.open(20);
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(socket.receive().await.unwrap()["id"].as_u64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..20).collect::<Vec<_>>());
}

both_databases! {
    async fn many_sockets_are_served_concurrently(app: TestApp) {
        let app = &app;
        let users = (0..100).map(|number| async move {
            let id = format!("user_{number}");
            let mut socket = Socket::open(&app.user(&id)).await;
            for call in 0..5 {
                let answer = socket.call("user.me", json!({})).await;
                assert_eq!(answer["result"]["id"], id, "call {call}");
            }
            socket
        });
        let sockets = join_all(users).await;
        assert_eq!(metric(&app.anonymous(), "clusterdesk_websockets").await, "100");
        drop(sockets);
        eventually(async || metric(&app.anonymous(), "clusterdesk_websockets").await == "0").await;
    }
}

#[tokio::test]
async fn binary_and_fragmented_messages_are_accepted() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let mut socket = Socket::open(&app.user("user_1")).await;
    let call = r#"{"jsonrpc": "2.0", "id": "é", "method": "hello.hello", "params": {"text": "you"}}"#.as_bytes();
    let answer = json!({"jsonrpc": "2.0", "id": "é", "result": {"greeting": "hello you"}});
    socket.stream.send(Message::binary(call)).await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), answer);
    // One byte per frame, which splits a character.
    let last = call.len() - 1;
    for (at, byte) in call.iter().enumerate() {
        let kind = if at == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(vec![*byte], OpCode::Data(kind), at == last);
        socket.stream.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(socket.receive().await.unwrap(), answer);
}

#[tokio::test]
async fn a_ping_frame_is_answered_with_its_payload() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    let payload = Bytes::from_static(b"are you there?");
    socket.stream.send(Message::Ping(payload.clone())).await.unwrap();
    loop {
        match socket.stream.next().await.unwrap().unwrap() {
            Message::Pong(answer) => break assert_eq!(answer, payload),
            // The server sends pings as well.
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_peer_that_does_not_answer_pings_is_disconnected() {
    let frequent =
        Builder::new(Backend::Sqlite).limits(|limits| limits.wire.ping_interval = Duration::from_millis(300));
    let app = frequent.start().await;
    let mut alive = Socket::open(&app.user("user_1")).await;
    // The client answers pings only when it reads, and this one never reads.
    let dead = Socket::open(&app.user("user_2")).await;
    let mut pings = 0;
    while pings < 4 {
        if let Message::Ping(_) = alive.stream.next().await.unwrap().unwrap() {
            pings += 1;
        }
    }
    assert_eq!(alive.call("user.me", json!({})).await["result"]["id"], "user_1");
    let reader = tokio::spawn(async move { while alive.receive().await.is_ok() {} });
    eventually(async || metric(&app.anonymous(), "clusterdesk_websockets").await == "1").await;
    reader.abort();
    drop(dead);
}
