//! `rpc.ping` and `rpc.unsubscribe`: methods of the JSON-RPC socket itself, which are not procedures.

use serde_json::{Value, json};

use super::code;
use crate::support::{Backend, Builder, Socket, TestApp, both_databases};

const METHODS: [(&str, &str); 2] = [("rpc.ping", "{}"), ("rpc.unsubscribe", r#"{"subscription": "1"}"#)];

fn request(id: u32, method: &str, params: Option<&str>) -> String {
    let params = params.map(|params| format!(r#", "params": {params}"#)).unwrap_or_default();
    format!(r#"{{"jsonrpc": "2.0", "id": {id}, "method": "{method}"{params}}}"#)
}

/// Sends a message and returns the next one received.
async fn answer(socket: &mut Socket, message: String) -> Value {
    socket.send(message).await;
    socket.receive().await.unwrap()
}

#[tokio::test]
async fn rpc_ping_is_answered_with_pong() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    for params in [None, Some("{}"), Some("[]"), Some("[{}]")] {
        let pong = answer(&mut socket, request(7, "rpc.ping", params)).await;
        assert_eq!(pong, json!({"jsonrpc": "2.0", "id": 7, "result": "pong"}), "{params:?}");
    }
}

#[tokio::test]
async fn rpc_ping_takes_no_params() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    for (params, number) in [(r#"{"x": 1}"#, -32602), ("[1]", -32602), ("[{}, {}]", -32602), ("\"x\"", -32600)] {
        let refused = answer(&mut socket, request(1, "rpc.ping", Some(params))).await;
        assert_eq!((code(&refused), &refused["error"]["code"]), ("BAD_REQUEST", &json!(number)), "{params}");
        assert_eq!(refused["id"], 1);
    }
    let refused = answer(&mut socket, request(1, "rpc.ping", Some(r#"{"x": 1}"#))).await;
    assert_eq!(refused["error"]["data"]["path"], "rpc.ping");
    assert_eq!(refused["error"]["data"]["issues"][0]["path"], "x");
}

#[tokio::test]
async fn rpc_ping_works_in_a_batch_and_is_not_answered_as_a_notification() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open(&app.user("user_1")).await;
    socket.send(r#"{"jsonrpc": "2.0", "method": "rpc.ping"}"#).await;
    let batch = format!("[{}, {}]", request(1, "rpc.ping", None), request(2, "user.me", None));
    let answers = answer(&mut socket, batch).await;
    assert_eq!((&answers[0]["result"], &answers[1]["result"]["id"]), (&json!("pong"), &json!("user_1")));
}

#[tokio::test]
async fn rpc_unsubscribe_answers_false_for_an_unknown_id_and_needs_no_caller() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    for id in ["1", "", "-1", "x", "18446744073709551616"] {
        let ended = socket.call("rpc.unsubscribe", json!({"subscription": id})).await;
        assert_eq!(ended, json!({"jsonrpc": "2.0", "id": 1, "result": false}), "{id:?}");
    }
    for params in [json!({}), json!({"subscription": 1}), json!({"subscription": "1", "x": 1})] {
        let refused = socket.call("rpc.unsubscribe", params).await;
        assert_eq!((code(&refused), &refused["error"]["code"]), ("BAD_REQUEST", &json!(-32602)));
    }
}

#[tokio::test]
async fn socket_methods_are_not_supported_over_http() {
    let app = TestApp::on_sqlite().await;
    for client in [app.anonymous(), app.user("user_1")] {
        for (method, params) in METHODS {
            let message: Value = serde_json::from_str(&request(1, method, Some(params))).unwrap();
            let batch = client.message(json!([message])).await;
            for refused in [client.message(message).await, batch[0].clone()] {
                assert_eq!(code(&refused), "METHOD_NOT_SUPPORTED", "{method}");
                let error = &refused["error"];
                assert_eq!((&error["code"], &error["data"]["httpStatus"]), (&json!(-32005), &json!(405)));
                assert_eq!((&refused["id"], &error["data"]["path"]), (&json!(1), &json!(method)));
            }
            let message = serde_json::from_str(&request(1, method, Some(r#"{"x": 1}"#))).unwrap();
            assert_eq!(code(&client.message(message).await), "BAD_REQUEST", "{method}");
        }
    }
    assert_eq!(app.count("users"), 0, "no caller was looked up");
}

both_databases! {
    async fn pings_are_not_counted_against_a_limit(builder: Builder) {
        let builder = builder.flag("rate-limit-read-max-requests", "1").flag("rate-limit-write-max-requests", "1");
        let app = builder.flag("rate-limit-read-window-ms", "3600000").start().await;
        for client in [app.anonymous(), app.user("user_1")] {
            let mut socket = Socket::open(&client).await;
            let first = if client.token.is_some() { "OK" } else { "UNAUTHORIZED" };
            for expected in [first, "TOO_MANY_REQUESTS"] {
                for _ in 0..6 {
                    assert_eq!(code(&answer(&mut socket, request(1, "rpc.ping", None)).await), "OK");
                }
                assert_eq!(code(&socket.call("user.me", json!({})).await), expected);
            }
        }
    }
}

#[tokio::test]
async fn rpc_ping_is_not_a_procedure() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let document = app.anonymous().call("rpc.discover", Value::Null).await;
    assert!(!document["methods"].to_string().contains("rpc.ping"));
    let response = app.anonymous().http.get(format!("{}trpc/rpc.ping", app.url)).send().await.unwrap();
    assert_eq!(response.status(), 404);
}
