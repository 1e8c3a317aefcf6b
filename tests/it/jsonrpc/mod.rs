//! JSON-RPC 2.0, over HTTP and WebSocket alike.

mod batches;
mod errors;
mod examples;
mod ids;
mod input;
mod params;

use serde_json::{Value, json};

use crate::support::{Backend, Builder, TestApp, Wires};

/// A server, and one user connected over HTTP and WebSocket.
async fn wires() -> (TestApp, Wires) {
    let app = Builder::new(Backend::Sqlite).start().await;
    let wires = Wires::open(app.user("user_1")).await;
    (app, wires)
}

fn success(id: Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// An error response whose `data` has these members. [`Wires`] removes the request id.
fn failure(id: Value, number: i32, message: &str, data: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": number, "message": message, "data": data}})
}

/// The answer to a message that is not JSON.
fn unreadable() -> Value {
    failure(Value::Null, -32700, "The request is not valid JSON.", json!({"code": "PARSE_ERROR", "httpStatus": 400}))
}

/// The answer to JSON that is not a valid request.
fn invalid(id: Value, what: &str) -> Value {
    let message = format!("Invalid request: {what}.");
    failure(id, -32600, &message, json!({"code": "BAD_REQUEST", "httpStatus": 400}))
}

/// The answer to a call of an unknown method.
fn unknown(id: Value, name: &str) -> Value {
    let message = format!("No procedure found on path \"{name}\"");
    failure(id, -32601, &message, json!({"code": "NOT_FOUND", "httpStatus": 404, "path": name}))
}

fn hello(id: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "hello.hello", "params": {"text": "you"}})
}

fn hello_answer(id: Value) -> Value {
    success(id, json!({"greeting": "hello you"}))
}
