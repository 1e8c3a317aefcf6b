//! One client over HTTP and over a WebSocket, whose answers must be equal.

use bytes::Bytes;
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::{Client, Socket};

/// The same client over both transports.
pub struct Wires {
    pub client: Client,
    pub socket: Socket,
}

impl Wires {
    pub async fn open(client: Client) -> Self {
        let socket = Socket::open(&client).await;
        Self { client, socket }
    }

    /// Sends a message over both transports, asserts equal answers, and returns the answer without its request ids. None
    /// when the message is not answered.
    pub async fn ask(&mut self, message: impl Into<Bytes>) -> Option<Value> {
        let message = message.into();
        let posted = self.post(message.clone()).await;
        self.send(message.clone()).await;
        if posted.is_none() {
            // If the WebSocket had answered the message, that answer would arrive before the answer to this request.
            self.send(json!({"jsonrpc": "2.0", "id": "next", "method": "user.me"}).to_string()).await;
            assert_eq!(self.socket.receive().await.unwrap()["id"], "next", "{message:?}");
            return None;
        }
        let mut received = self.socket.receive().await.unwrap();
        take_request_ids(&mut received, None);
        assert_eq!(posted, Some(received), "HTTP (left) and WebSocket (right) answer {message:?} differently");
        posted
    }

    /// Sends a message that must be answered.
    pub async fn answer(&mut self, message: impl Into<Bytes>) -> Value {
        self.ask(message).await.expect("the message was not answered")
    }

    async fn post(&self, message: Bytes) -> Option<Value> {
        let response = self.client.send(message).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.unwrap();
        if status == 204 {
            assert_eq!(body, "");
            return None;
        }
        assert_eq!(
            (status.as_u16(), &headers["content-type"]),
            (200, &"application/json; charset=utf-8".parse().unwrap())
        );
        let mut answer = serde_json::from_str(&body).unwrap();
        take_request_ids(&mut answer, Some(headers["x-request-id"].to_str().unwrap()));
        Some(answer)
    }

    async fn send(&mut self, message: impl Into<Bytes>) {
        let message = match String::from_utf8(message.into().to_vec()) {
            Ok(text) => Message::text(text),
            Err(bytes) => Message::binary(bytes.into_bytes()),
        };
        self.socket.stream.send(message).await.unwrap();
    }
}

/// Removes the request ids from the errors of an answer. Asserts that they are UUIDs and equal to the header, if given.
fn take_request_ids(answer: &mut Value, header: Option<&str>) {
    let entries = match answer {
        Value::Array(entries) => entries.as_mut_slice(),
        one => std::slice::from_mut(one),
    };
    for entry in entries {
        assert!(entry.get("error").is_some() != entry.get("result").is_some(), "{entry}");
        if let Some(error) = entry.get_mut("error") {
            let id = error["data"].as_object_mut().unwrap().remove("requestId").unwrap();
            let id = id.as_str().unwrap();
            assert_eq!(Uuid::parse_str(id).unwrap().to_string(), id);
            assert!(header.is_none_or(|header| header == id));
        }
    }
}
