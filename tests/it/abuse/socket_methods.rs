//! `rpc.ping` and `rpc.unsubscribe` are not counted when they succeed, so their params are short.

use serde_json::{Value, json};

use crate::support::{Socket, TestApp};

fn unsubscribe(bytes: usize) -> Value {
    let empty = json!({"subscription": ""}).to_string().len();
    let params = json!({"subscription": "x".repeat(bytes - empty)});
    json!({"jsonrpc": "2.0", "id": 1, "method": "rpc.unsubscribe", "params": params})
}

fn assert_refused(answer: &Value) {
    let data = &answer["error"]["data"];
    assert_eq!((&answer["error"]["code"], &data["code"]), (&json!(-32602), &json!("BAD_REQUEST")), "{answer}");
    assert_eq!(data["issues"], json!([{"path": "", "code": "too_long", "message": "must have at most 1024 bytes"}]));
}

#[tokio::test]
async fn long_params_of_socket_methods_are_refused_unread() {
    let app = TestApp::on_sqlite().await;
    let client = app.user("user_1");
    let mut socket = Socket::open(&client).await;
    socket.send(unsubscribe(1024).to_string()).await;
    assert_eq!(socket.receive().await.unwrap()["result"], false);
    let spaces = format!(r#"{{"jsonrpc": "2.0", "id": 1, "method": "rpc.ping", "params": {{{}}}}}"#, " ".repeat(1023));
    for message in [unsubscribe(1025).to_string(), unsubscribe(1_000_000).to_string(), spaces] {
        socket.send(message.clone()).await;
        assert_refused(&socket.receive().await.unwrap());
        assert_refused(&serde_json::from_str(&client.send(message).await.text().await.unwrap()).unwrap());
    }
}
