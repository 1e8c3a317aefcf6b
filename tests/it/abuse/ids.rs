//! What a subscription keeps of its call: an id of limited length, and not the input.

use serde_json::{Value, json};

use crate::support::{Client, Process, Pulse, SECRET, Socket, TestApp, claims, hs256};

const MIB: usize = 1024 * 1024;
const SUBSCRIPTIONS: usize = 48;

async fn open(client: &Client) -> Socket {
    let bearer = format!("Bearer {}", client.token.as_deref().unwrap());
    Socket::try_open_at(&client.url, "trpc-plain", &[("authorization", &bearer)]).await.unwrap()
}

async fn answer(socket: &mut Socket, message: String) -> Value {
    socket.send(message).await;
    socket.receive().await.unwrap()
}

fn me(id: &Value) -> Value {
    json!({"id": id, "method": "query", "params": {"path": "user.me"}})
}

#[tokio::test]
async fn an_id_on_a_trpc_socket_has_at_most_255_characters() {
    let app = TestApp::on_sqlite().await;
    let mut socket = open(&app.user("user_1")).await;
    for id in [json!("l".repeat(255)), json!("\u{1F980}".repeat(255)), json!("\"".repeat(255)), json!(-1.5)] {
        assert_eq!(answer(&mut socket, me(&id).to_string()).await["id"], id);
    }
    let create = json!({"id": 1, "method": "mutation", "params": {"path": "customer.create"}});
    for id in [json!("l".repeat(256)), json!("\u{1F980}".repeat(256)), json!("l".repeat(1_000_000))] {
        let (stop, watch) = (json!({"id": id, "method": "subscription.stop"}), json!({"path": "k8s.watch"}));
        let watch = json!({"id": id, "method": "subscription", "params": watch});
        for message in [me(&id), stop, watch, json!([create, me(&id)])] {
            let refused = answer(&mut socket, message.to_string()).await;
            assert_eq!((&refused["id"], &refused["error"]["data"]["code"]), (&Value::Null, &json!("BAD_REQUEST")));
            assert_eq!(refused["error"]["message"], "Invalid request: the id may have at most 255 characters.");
        }
    }
    let digits = format!(r#"{{"id": {}, "method": "subscription.stop"}}"#, "1".repeat(256));
    assert_eq!(answer(&mut socket, digits).await["error"]["data"]["code"], "BAD_REQUEST");
    assert_eq!(app.count("audit_log"), 0);
}

/// An empty input of nearly 1 MiB.
fn padded() -> String {
    format!("{{{}}}", " ".repeat(MIB - 200))
}

async fn subscribe_on_a_socket(socket: &mut Socket, id: usize) {
    let input = padded();
    let params = format!(r#"{{"path": "k8s.watch", "input": {input}}}"#);
    let started = answer(socket, format!(r#"{{"id": {id}, "method": "subscription", "params": {params}}}"#)).await;
    assert_eq!(started["result"]["type"], "started", "{started}");
    assert_eq!(socket.receive().await.unwrap()["result"]["data"]["data"]["type"], "ready");
}

async fn subscribe_by_http(client: &Client) -> reqwest::Response {
    let request = client.http.post(format!("{}trpc-plain/k8s.watch", client.url)).body(padded());
    let request = request.header("content-type", "application/json").bearer_auth(client.token.as_deref().unwrap());
    let mut response = request.send().await.unwrap();
    let mut text = String::new();
    while !text.contains("ready") {
        text += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
    }
    response
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_do_not_keep_the_text_of_their_input() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[("JWT_SECRET", SECRET), ("RATE_LIMIT_READ_MAX_REQUESTS", "0")]);
    let pulse = Pulse::of(&server.url);
    // Two users, as one may not have so many.
    let user = server.client(&hs256(&claims("user_1")));
    let other = server.client(&hs256(&claims("user_2")));
    let mut socket = open(&user).await;
    // The first ones set up what all of them share.
    let mut streams = vec![subscribe_by_http(&other).await];
    subscribe_on_a_socket(&mut socket, 0).await;
    let before = server.resident();
    for id in 1..=SUBSCRIPTIONS {
        subscribe_on_a_socket(&mut socket, id).await;
    }
    let on_sockets = server.resident().saturating_sub(before);
    assert!(on_sockets < SUBSCRIPTIONS * MIB / 2, "{SUBSCRIPTIONS} subscriptions on a socket hold {on_sockets} bytes");
    let before = server.resident();
    for _ in 0..SUBSCRIPTIONS {
        streams.push(subscribe_by_http(&other).await);
    }
    let by_http = server.resident().saturating_sub(before);
    assert!(by_http < SUBSCRIPTIONS * MIB / 2, "{SUBSCRIPTIONS} event streams hold {by_http} bytes");
    // Nor is one with a long id kept.
    for _ in 0..SUBSCRIPTIONS {
        let watch = json!({"id": "l".repeat(MIB / 2), "method": "subscription", "params": {"path": "k8s.watch"}});
        assert_eq!(answer(&mut socket, watch.to_string()).await["error"]["data"]["code"], "BAD_REQUEST");
    }
    pulse.assert_steady().await;
    assert!(server.peak() < 150 * MIB, "{} MiB", server.peak() / MIB);
}
