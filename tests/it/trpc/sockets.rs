//! tRPC's WebSocket protocol: `wsLink`.

use serde_json::{Value, json};

use super::{FORKED, OLD, PLAIN, SUPERJSON, date};
use crate::support::{Backend, Builder, Gate, Socket, TestApp, both_databases, probes};

fn request(id: Value, method: &str, path: &str, input: Value) -> Value {
    let params = if input.is_null() { json!({"path": path}) } else { json!({"path": path, "input": input}) };
    json!({"id": id, "method": method, "params": params})
}

/// Sends a message and returns the next one received.
async fn answer(socket: &mut Socket, message: Value) -> Value {
    socket.send(message.to_string()).await;
    socket.receive().await.unwrap()
}

both_databases! {
    async fn queries_and_mutations_are_answered_with_their_ids(app: TestApp) {
        let user = app.user("user_1");
        for mount in [SUPERJSON, OLD, FORKED] {
            let mut socket = Socket::open_at(&user, mount).await;
            let me = answer(&mut socket, request(json!(1), "query", "user.me", Value::Null)).await;
            let data = json!({"json": user.call("user.me", Value::Null).await, "meta": {"values": {"createdAt": date()}, "v": 1}});
            assert_eq!(me, json!({"id": 1, "result": {"type": "data", "data": data}}));
        }
        let mut socket = Socket::open_at(&user, PLAIN).await;
        let mut create = request(json!("a"), "mutation", "k8s.createCluster", json!({"name": "web", "location": "eu"}));
        create["jsonrpc"] = json!("2.0");
        let created = answer(&mut socket, create).await;
        assert_eq!((&created["id"], &created["jsonrpc"]), (&json!("a"), &json!("2.0")));
        assert_eq!(created["result"]["data"]["success"], true);

        let wrong = answer(&mut socket, request(json!(3), "mutation", "k8s.create", json!({"name": "W"}))).await;
        assert_eq!((&wrong["id"], &wrong["error"]["code"]), (&json!(3), &json!(-32600)));
        assert_eq!(wrong["error"]["data"]["zodError"]["fieldErrors"]["location"], json!(["is required"]));
        for (method, path) in [("query", "nope"), ("mutation", "user.me"), ("query", "k8s.create"), ("query", "k8s.watch"), ("subscription", "user.me")] {
            let missing = answer(&mut socket, request(json!(4), method, path, Value::Null)).await;
            assert_eq!(missing["error"]["data"]["code"], "NOT_FOUND", "{method} {path}");
        }
        assert_eq!(app.count("k8s_cluster_configs"), 1);
    }

    async fn a_subscription_starts_sends_tracked_events_and_stops(app: TestApp) {
        let user = app.user("user_1");
        let mut socket = Socket::open_at(&user, SUPERJSON).await;
        let started = answer(&mut socket, request(json!(7), "subscription", "k8s.watch", Value::Null)).await;
        assert_eq!(started, json!({"id": 7, "result": {"type": "started"}}));
        let ready = socket.receive().await.unwrap();
        let position = ready["result"]["id"].as_str().unwrap().to_owned();
        assert_eq!(ready["result"]["data"]["json"], json!({"id": position, "data": {"type": "ready", "id": position}}));

        let id = user.create("web", "FREE").await;
        let created = socket.receive().await.unwrap();
        let data = &created["result"]["data"];
        assert_eq!((&created["id"], &created["result"]["type"]), (&json!(7), &json!("data")));
        assert_eq!((&data["json"]["id"], &data["json"]["data"]["cluster"]["id"]), (&created["result"]["id"], &json!(id)));
        assert_eq!(data["meta"]["values"]["data.cluster.createdAt"], date());

        let stopped = answer(&mut socket, json!({"id": 7, "method": "subscription.stop"})).await;
        assert_eq!(stopped, json!({"id": 7, "result": {"type": "stopped"}}));
        user.call("k8s.delete", json!({"id": id})).await;
        // No more events of it: the next message is the next answer.
        let mut again = request(json!(8), "subscription", "k8s.watch", Value::Null);
        again["params"]["lastEventId"] = created["result"]["id"].clone();
        assert_eq!(answer(&mut socket, again).await, json!({"id": 8, "result": {"type": "started"}}));
        let deleted = socket.receive().await.unwrap();
        assert_eq!(deleted["result"]["data"]["json"]["data"]["type"], "deleted");
    }

    async fn the_first_message_can_carry_the_token(app: TestApp) {
        let token = app.user("user_1").token.unwrap();
        for (data, expected) in [
            (json!({"token": token}), Ok("user_1")),
            (json!({"authorization": format!("bearer {token}")}), Ok("user_1")),
            (json!({"token": "nonsense"}), Err("UNAUTHORIZED")),
            (json!({}), Err("UNAUTHORIZED")),
            (json!(null), Err("UNAUTHORIZED")),
        ] {
            let mut socket = Socket::try_open_at(&app.url, "trpc-plain?connectionParams=1", &[]).await.unwrap();
            socket.send(json!({"method": "connectionParams", "data": data}).to_string()).await;
            let me = answer(&mut socket, request(json!(1), "query", "user.me", Value::Null)).await;
            match expected {
                Ok(id) => assert_eq!(me["result"]["data"]["id"], id),
                Err(code) => assert_eq!(me["error"]["data"]["code"], code),
            }
        }
    }
}

#[tokio::test]
async fn invalid_connection_params_close_the_socket() {
    let app = TestApp::on_sqlite().await;
    for first in ["nonsense", r#"{"data": [1]}"#, r#"{"data": {"token": 1}}"#] {
        let mut socket = Socket::try_open_at(&app.url, "trpc-plain?connectionParams=1", &[]).await.unwrap();
        socket.send(first).await;
        let refused = socket.receive().await.unwrap();
        assert_eq!((&refused["id"], &refused["error"]["data"]["code"]), (&Value::Null, &json!("PARSE_ERROR")));
        assert_eq!(socket.receive().await.unwrap_err().unwrap().code, 1008.into());
    }
}

#[tokio::test]
async fn a_socket_without_a_token_opens_and_its_calls_are_unauthorized() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open_at(&app.anonymous(), PLAIN).await;
    for (method, path) in [("query", "user.me"), ("subscription", "k8s.watch")] {
        let refused = answer(&mut socket, request(json!(1), method, path, Value::Null)).await;
        assert_eq!((&refused["id"], &refused["error"]["data"]["code"]), (&json!(1), &json!("UNAUTHORIZED")));
    }
    // A socket is opened at the mount, not at a procedure.
    assert!(Socket::try_open_at(&app.url, "trpc/user.me", &[]).await.is_err());
}

#[tokio::test]
async fn the_text_ping_is_answered_with_pong() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open_at(&app.user("user_1"), PLAIN).await;
    socket.send("PONG").await;
    socket.send("PING").await;
    assert_eq!(socket.text().await.unwrap(), "PONG");
}

#[tokio::test]
async fn an_array_of_messages_is_handled_as_separate_messages() {
    let app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let gate = Gate::new();
    let mut socket = Socket::open_at(&app.user("user_1"), PLAIN).await;
    let waiting = request(json!(1), "mutation", "probe.wait", json!({"gate": gate.name}));
    let message = json!([waiting, request(json!(2), "query", "user.me", Value::Null)]);
    // The second does not wait for the first.
    assert_eq!(answer(&mut socket, message).await["id"], 2);
    gate.open(1);
    assert_eq!(socket.receive().await.unwrap()["id"], 1);
}

#[tokio::test]
async fn an_invalid_message_is_a_parse_error_without_an_id() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open_at(&app.user("user_1"), SUPERJSON).await;
    for invalid in [
        "nonsense",
        "1",
        r#"{"id": null, "method": "query", "params": {"path": "user.me"}}"#,
        r#"{"method": "query", "params": {"path": "user.me"}}"#,
        r#"{"id": 1, "method": "call", "params": {"path": "user.me"}}"#,
        r#"{"id": 1, "method": "query"}"#,
        r#"{"id": 1, "jsonrpc": "1.0", "method": "query", "params": {"path": "user.me"}}"#,
        r#"{"id": {}, "method": "query", "params": {"path": "user.me"}}"#,
        r#"[{"id": 1, "method": "mutation", "params": {"path": "customer.create"}}, 2]"#,
    ] {
        socket.send(invalid).await;
        let refused = socket.receive().await.unwrap();
        assert_eq!((&refused["id"], &refused["error"]["json"]["code"]), (&Value::Null, &json!(-32700)), "{invalid}");
    }
    let many = vec![request(json!(1), "query", "user.me", Value::Null); 51];
    assert_eq!(answer(&mut socket, json!(many)).await["error"]["json"]["data"]["code"], "BAD_REQUEST");
    assert_eq!(app.count("audit_log"), 0);
}

#[tokio::test]
async fn a_socket_limits_its_subscriptions_and_refuses_duplicate_ids() {
    let app = Builder::new(Backend::Sqlite).limits(|limits| limits.wire.socket_subscriptions = 2).start().await;
    let mut socket = Socket::open_at(&app.user("user_1"), PLAIN).await;
    let watch = |id: u32| request(json!(id), "subscription", "k8s.watch", Value::Null);
    for id in [1, 2] {
        assert_eq!(answer(&mut socket, watch(id)).await["result"]["type"], "started");
        assert_eq!(socket.receive().await.unwrap()["result"]["data"]["data"]["type"], "ready");
    }
    let refused = answer(&mut socket, watch(3)).await;
    assert_eq!(refused["error"]["data"]["code"], "TOO_MANY_REQUESTS", "{refused}");
    socket.send(json!({"id": 1, "method": "subscription.stop"}).to_string()).await;
    assert_eq!(socket.receive().await.unwrap()["result"]["type"], "stopped");
    assert_eq!(answer(&mut socket, watch(2)).await["error"]["message"], "Duplicate id 2");
    assert_eq!(answer(&mut socket, watch(1)).await["result"]["type"], "started");
}

#[tokio::test]
async fn a_stopping_server_answers_calls_in_flight_and_asks_clients_to_reconnect() {
    let mut app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let gate = Gate::new();
    let mut socket = Socket::open_at(&app.user("user_1"), PLAIN).await;
    assert_eq!(answer(&mut socket, request(json!(1), "subscription", "k8s.watch", Value::Null)).await["id"], 1);
    assert_eq!(socket.receive().await.unwrap()["result"]["type"], "data");
    socket.send(request(json!(2), "mutation", "probe.wait", json!({"gate": gate.name})).to_string()).await;
    gate.arrivals(1).await;
    app.stop();
    gate.open(1);
    // No "stopped" for the subscription: the client resumes it on the next connection.
    assert_eq!(socket.receive().await.unwrap()["id"], 2);
    assert_eq!(socket.receive().await.unwrap(), json!({"id": null, "method": "reconnect"}));
    assert_eq!(socket.receive().await.unwrap_err().unwrap().code, 1001.into());
    app.stopped().await;
}
