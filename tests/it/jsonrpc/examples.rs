//! The examples of section 7 of the JSON-RPC 2.0 specification, with our methods.

use serde_json::{Value::Null, json};

use super::{hello, hello_answer, invalid, success, unknown, unreadable, wires};

#[tokio::test]
async fn rpc_call_with_positional_parameters() {
    let (_app, mut wires) = wires().await;
    let call = r#"{"jsonrpc": "2.0", "method": "hello.hello", "params": [{"text": "you"}], "id": 1}"#;
    assert_eq!(wires.answer(call).await, hello_answer(json!(1)));
    let call = r#"{"jsonrpc": "2.0", "method": "hello.hello", "params": [{"text": "them"}], "id": 2}"#;
    assert_eq!(wires.answer(call).await, success(json!(2), json!({"greeting": "hello them"})));
}

#[tokio::test]
async fn rpc_call_with_named_parameters() {
    let (_app, mut wires) = wires().await;
    let call = r#"{"jsonrpc": "2.0", "method": "hello.hello", "params": {"text": "you"}, "id": 3}"#;
    assert_eq!(wires.answer(call).await, hello_answer(json!(3)));
    let call = r#"{"id": 4, "params": {"text": "you"}, "method": "hello.hello", "jsonrpc": "2.0"}"#;
    assert_eq!(wires.answer(call).await, hello_answer(json!(4)));
}

#[tokio::test]
async fn notification_is_not_answered() {
    let (_app, mut wires) = wires().await;
    assert_eq!(wires.ask(r#"{"jsonrpc": "2.0", "method": "hello.hello", "params": [1,2,3,4,5]}"#).await, None);
    assert_eq!(wires.ask(r#"{"jsonrpc": "2.0", "method": "foobar"}"#).await, None);
}

#[tokio::test]
async fn rpc_call_of_non_existent_method() {
    let (_app, mut wires) = wires().await;
    let answer = wires.answer(r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#).await;
    assert_eq!(answer, unknown(json!("1"), "foobar"));
}

#[tokio::test]
async fn rpc_call_with_invalid_json() {
    let (_app, mut wires) = wires().await;
    let answer = wires.answer(r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#).await;
    assert_eq!(answer, unreadable());
}

#[tokio::test]
async fn rpc_call_with_invalid_request_object() {
    let (_app, mut wires) = wires().await;
    let answer = wires.answer(r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#).await;
    assert_eq!(answer, invalid(Null, "method must be a string"));
}

#[tokio::test]
async fn rpc_call_batch_with_invalid_json() {
    let (_app, mut wires) = wires().await;
    let batch = r#"[
        {"jsonrpc": "2.0", "method": "hello.hello", "params": {"text": "you"}, "id": "1"},
        {"jsonrpc": "2.0", "method"
    ]"#;
    assert_eq!(wires.answer(batch).await, unreadable());
}

#[tokio::test]
async fn rpc_call_with_an_empty_array() {
    let (_app, mut wires) = wires().await;
    assert_eq!(wires.answer("[]").await, invalid(Null, "a batch must not be empty"));
}

#[tokio::test]
async fn rpc_call_with_an_invalid_batch_that_is_not_empty() {
    let (_app, mut wires) = wires().await;
    assert_eq!(wires.answer("[1]").await, json!([invalid(Null, "a request must be an object")]));
}

#[tokio::test]
async fn rpc_call_with_invalid_batch() {
    let (_app, mut wires) = wires().await;
    let refusal = invalid(Null, "a request must be an object");
    assert_eq!(wires.answer("[1,2,3]").await, json!([refusal, refusal, refusal]));
}

#[tokio::test]
async fn rpc_call_batch() {
    let (_app, mut wires) = wires().await;
    let batch = json!([
        hello(json!("1")),
        {"jsonrpc": "2.0", "method": "hello.hello", "params": [7]},
        {"jsonrpc": "2.0", "method": "k8s.list", "id": "2"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "k8s.count", "id": "9"}
    ]);
    let answers = json!([
        hello_answer(json!("1")),
        success(json!("2"), json!([])),
        invalid(Null, "jsonrpc must be \"2.0\""),
        unknown(json!("5"), "foo.get"),
        success(json!("9"), json!({"active": 0, "deleted": 0})),
    ]);
    assert_eq!(wires.answer(batch.to_string()).await, answers);
}

#[tokio::test]
async fn rpc_call_batch_of_notifications_alone() {
    let (_app, mut wires) = wires().await;
    let batch = r#"[
        {"jsonrpc": "2.0", "method": "hello.hello", "params": {"text": "you"}},
        {"jsonrpc": "2.0", "method": "foobar", "params": [7]}
    ]"#;
    assert_eq!(wires.ask(batch).await, None);
}
