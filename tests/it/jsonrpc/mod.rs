//! JSON-RPC 2.0, over HTTP and WebSocket alike.

mod batches;
mod errors;
mod examples;
mod ids;
mod input;
mod params;

use serde_json::{Value, json};

use crate::support::{Backend, Builder, TestApp, Wires};

/// A server, and one of its users on both transports.
async fn wires() -> (TestApp, Wires) {
    let app = Builder::new(Backend::Sqlite).start().await;
    let wires = Wires::open(app.user("user_1")).await;
    (app, wires)
}

fn success(id: Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// An error response whose data has the given members and, taken out by [`Wires`], a request id.
fn failure(id: Value, number: i32, message: &str, data: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": number, "message": message, "data": data}})
}

fn unreadable() -> Value {
    failure(Value::Null, -32700, "The request is not valid JSON.", json!({"code": "PARSE_ERROR", "httpStatus": 400}))
}

/// The answer to what is JSON and no request.
fn invalid(id: Value, what: &str) -> Value {
    let message = format!("Invalid request: {what}.");
    failure(id, -32600, &message, json!({"code": "BAD_REQUEST", "httpStatus": 400}))
}

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
