//! The HTTP layer: everything that happens once per request (docs/API.md, "HTTP and WebSocket").

mod bodies;
mod busy_port;
mod connections;
mod crowd;
mod explorer;
mod health;
mod metrics;
mod origins;
mod promtool;
mod refused_requests;
mod requests;
mod unix_socket;

use reqwest::Response;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Raw, RawResponse};

const ME: &str = r#"{"jsonrpc":"2.0","id":1,"method":"user.me"}"#;
const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"hello.hello","params":{"text":"you"}}"#;

/// Sends a head and a body as they are and returns the response.
async fn raw(url: &str, head: &str, body: &[u8]) -> RawResponse {
    let mut raw = Raw::open(url).await;
    raw.send([head.as_bytes(), b"\r\n\r\n", body].concat()).await;
    raw.response().await.unwrap()
}

/// Asserts that a response is an error object with this HTTP status and code (docs/API.md, "Errors").
fn assert_refused(response: &RawResponse, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_str()), (status, code));
    assert_eq!(response.headers["content-type"], "application/json; charset=utf-8");
    let body = response.json();
    assert_eq!((&body["jsonrpc"], &body["id"]), (&Value::from("2.0"), &Value::Null));
    let data = &body["error"]["data"];
    assert_eq!(data["httpStatus"], status);
    assert_eq!(data["requestId"], response.headers["x-request-id"].to_str().unwrap());
    assert!(Uuid::parse_str(data["requestId"].as_str().unwrap()).is_ok());
}

/// Reads a response to its end.
async fn read(response: Response) -> RawResponse {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    RawResponse { status, headers, body: response.bytes().await.unwrap().to_vec() }
}
