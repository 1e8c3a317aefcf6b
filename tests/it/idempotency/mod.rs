//! Idempotency keys: a mutation that is sent again gets the first answer, and is made once.

mod any;
mod concurrency;
mod dropped;
mod keys;
mod replays;
mod stripe;
mod wires;

use reqwest::Response;
use serde_json::{Value, json};

use crate::support::Client;

/// A call over HTTP with a key in the header.
pub async fn send(client: &Client, key: &str, method: &str, params: &Value) -> Response {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    client.post().header("Idempotency-Key", key).body(message.to_string()).send().await.unwrap()
}

/// The response to such a call, and whether it is the stored one. The header and the member say the same.
pub async fn call(client: &Client, key: &str, method: &str, params: &Value) -> (Value, bool) {
    let response = send(client, key, method, params).await;
    let header = response.headers().get("Idempotency-Replayed").map(|value| value.to_str().unwrap().to_owned());
    let mut answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let member = answer.as_object_mut().unwrap().remove("idempotencyReplayed");
    assert!(member.as_ref().is_none_or(|member| *member == json!(true)), "{member:?}");
    assert_eq!(header.as_deref(), member.is_some().then_some("true"));
    (answer, member.is_some())
}

/// The `error.data.code` of an answer.
pub fn code(answer: &Value) -> &str {
    answer["error"]["data"]["code"].as_str().unwrap_or_else(|| panic!("{answer} is no error"))
}

pub fn cluster(name: &str) -> Value {
    json!({"name": name, "location": "eu"})
}
