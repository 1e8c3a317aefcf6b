//! Answers that nobody reads: what they hold, and for how long.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpSocket,
    time::{advance, pause, resume},
};

use crate::support::{Client, Process, Pulse, Raw, SECRET, Socket, TestApp, claims, eventually, hs256};

const MIB: usize = 1024 * 1024;
/// Connections that ask for big answers and do not read them.
const READERS: usize = 120;

/// A request for fifty copies of the largest public answer: more than 4 MB.
fn greedy() -> String {
    let calls: Value = (0..50).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "rpc.discover"})).collect();
    let body = calls.to_string();
    let head = "POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: ";
    format!("{head}{}\r\n\r\n{body}", body.len())
}

async fn metric(client: &Client, prefix: &str) -> usize {
    let page = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    let lines = page.lines().filter_map(|line| line.strip_prefix(prefix));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn big_answers_that_are_not_read_hold_a_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("JWT_SECRET", SECRET), ("CONNECTIONS_PER_ADDRESS", "0"), ("RATE_LIMIT_READ_MAX_REQUESTS", "0")];
    let server = Process::serve(folder.path(), &settings);
    let client = Client::new(&server.url, None);
    let pulse = Pulse::of(&server.url);
    let address = server.url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let socket = TcpSocket::new_v4().unwrap();
        // So that the answer waits in the server and not in the kernel.
        socket.set_recv_buffer_size(4096).unwrap();
        let mut reader = socket.connect(address).await.unwrap();
        reader.write_all(greedy().as_bytes()).await.unwrap();
        readers.push(reader);
    }
    let calls = r#"clusterdesk_calls_total{code="OK",procedure="rpc.discover"}"#;
    eventually(async || metric(&client, calls).await >= READERS * 50).await;
    assert!(server.peak() < 300 * MIB, "{} MiB", server.peak() / MIB);
    pulse.assert_steady().await;
    // Small answers need no memory of the budget, and users have a part of their own.
    client.fail("UNAUTHORIZED", "user.me", json!({})).await;
    let user = server.client(&hs256(&claims("user_1")));
    assert_eq!(user.call("rpc.discover", json!({})).await["openrpc"], "1.4.0");
    // What does not fit is refused by itself, and can be asked for again.
    let answers = client.message(serde_json::from_str(greedy().split("\r\n\r\n").nth(1).unwrap()).unwrap()).await;
    let refused: Vec<_> = answers.as_array().unwrap().iter().filter(|answer| answer["error"].is_object()).collect();
    assert!(!refused.is_empty());
    for answer in refused {
        let data = &answer["error"]["data"];
        assert_eq!((&data["code"], &data["retryAfterMs"]), (&json!("SERVICE_UNAVAILABLE"), &json!(1000)), "{answer}");
    }
    drop(readers);
    eventually(async || {
        let answers = client.message(serde_json::from_str(greedy().split("\r\n\r\n").nth(1).unwrap()).unwrap()).await;
        answers.as_array().unwrap().iter().all(|answer| answer["result"].is_object())
    })
    .await;
}

/// A connection whose answers do not fit into the kernel's buffers, and a client that sees the metrics.
async fn choked(app: &TestApp) -> (Raw, Client) {
    let mut reader = Raw::open(&app.url).await;
    for _ in 0..10 {
        reader.send(greedy()).await;
    }
    let client = app.anonymous();
    eventually(async || metric(&client, r#"clusterdesk_calls_total{code="OK",procedure="rpc.discover"}"#).await >= 50)
        .await;
    assert_eq!(metric(&client, "clusterdesk_connections ").await, 2);
    (reader, client)
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_is_closed() {
    let app = TestApp::on_sqlite().await;
    let (_reader, client) = choked(&app).await;
    pause();
    advance(Duration::from_secs(31)).await;
    resume();
    eventually(async || metric(&client, "clusterdesk_connections ").await == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_keeps_nothing_of_an_answer_that_was_read() {
    const SOCKETS: usize = 15;
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[("RATE_LIMIT_READ_MAX_REQUESTS", "0")]);
    let client = Client::new(&server.url, None);
    let calls = greedy().split("\r\n\r\n").nth(1).unwrap().to_owned();
    let mut open = Vec::new();
    for _ in 0..SOCKETS {
        let mut socket = Socket::open(&client).await;
        socket.send(calls.clone()).await;
        let answer = socket.receive().await.unwrap();
        assert!(answer.as_array().unwrap().iter().all(|answer| answer["result"].is_object()));
        open.push(socket);
    }
    assert!(server.resident() < 90 * MIB, "{} MiB", server.resident() / MIB);
}
