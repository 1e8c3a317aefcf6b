//! A WebSocket with a few messages, on either protocol.

use std::{fmt, net::SocketAddr};

use clusterdesk_fuzz::{
    answer::{code_of, code_of_response, json, unwrapped},
    entry::{Expected, expected},
};
use futures_util::{SinkExt, StreamExt};
use rand::{Rng, RngExt, seq::IndexedRandom};
use serde_json::{Value, json, value::RawValue};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::{
    calls::Calls,
    connection::{PATIENCE, open},
    exchange::{entry, trpc_input},
    mutation::scramble,
    report::Outcome,
    token::Secrets,
};

/// What a client sends on one socket.
pub struct Conversation {
    pub kind: &'static str,
    target: String,
    authorization: Option<String>,
    messages: Vec<Vec<u8>>,
    /// Ids of calls that must be answered.
    ids: Vec<Value>,
    /// How many replies all messages get, if it is certain.
    replies: Option<usize>,
    /// Bytes that are no frames, at the end.
    garbage: Option<Vec<u8>>,
    protocol: Protocol,
}

#[derive(Clone, Copy, PartialEq)]
enum Protocol {
    JsonRpc,
    Trpc { superjson: bool },
}

/// The id of the last call on a JSON-RPC socket.
const LAST: &str = "last";

impl Conversation {
    pub fn jsonrpc(rng: &mut impl Rng, calls: &Calls, secrets: &Secrets) -> Self {
        let (mut messages, mut ids, mut replies) = (Vec::new(), Vec::new(), 0);
        for number in 0..rng.random_range(1..7) {
            let message = match rng.random_range(0..10) {
                0 => json!([entry(rng, calls, json!(number)), entry(rng, calls, json!(null))]),
                1 => {
                    json!({"jsonrpc": "2.0", "id": number, "method": "rpc.unsubscribe", "params": {"subscription": "1"}})
                }
                _ => entry(rng, calls, json!(number)),
            };
            let message = scramble(rng, message.to_string());
            match expected_reply(&message) {
                Expected::Nothing => {}
                expected => {
                    replies += 1;
                    ids.extend(if let Expected::Id(id) = expected { Some(id) } else { None });
                }
            }
            messages.push(message);
        }
        Self {
            kind: "JSON-RPC by WebSocket",
            target: String::new(),
            authorization: secrets.authorization(rng),
            messages,
            ids,
            replies: Some(replies),
            garbage: garbage(rng),
            protocol: Protocol::JsonRpc,
        }
    }

    pub fn trpc(rng: &mut impl Rng, calls: &Calls, secrets: &Secrets) -> Self {
        let (mount, superjson) = *[("trpc", true), ("trpc-plain", false)].choose(rng).unwrap();
        let introduces = rng.random_bool(0.2);
        let (mut messages, mut ids) = (Vec::new(), Vec::new());
        if introduces {
            let params = json!({"authorization": secrets.authorization(rng).unwrap_or_default()});
            messages.push(json!({"method": "connectionParams", "data": params}).to_string().into_bytes());
        }
        for number in 0..rng.random_range(1..7) {
            let method = calls.any(rng);
            let input = trpc_input(rng, method, superjson);
            let call = json!({"id": number, "method": method.kind, "params": {"path": method.name, "input": input}});
            let (text, is_call) = match rng.random_range(0..12) {
                0 => ("PING".to_owned(), false),
                1 => (json!({"id": rng.random_range(0..6), "method": "subscription.stop"}).to_string(), false),
                2 => {
                    let other = json!({"id": 100 + number, "method": "query", "params": {"path": "hello.hello"}});
                    (json!([call, other]).to_string(), false)
                }
                // A subscription may be stopped before it is answered.
                _ => (call.to_string(), method.kind != "subscription"),
            };
            let message = scramble(rng, text.clone());
            if is_call && message == text.as_bytes() {
                ids.push(json!(number));
            }
            messages.push(message);
        }
        let query = if introduces { "?connectionParams=1" } else { "" };
        Self {
            kind: "tRPC by WebSocket",
            target: format!("{mount}{query}"),
            authorization: secrets.authorization(rng),
            messages,
            ids,
            replies: None,
            garbage: garbage(rng),
            protocol: Protocol::Trpc { superjson },
        }
    }

    /// Opens the socket, sends everything and reads until all that must come has come.
    pub async fn run(&self, address: SocketAddr, outcome: &mut Outcome) -> Result<(), String> {
        let run = timeout(PATIENCE, self.talk(address, outcome)).await;
        run.unwrap_or_else(|_elapsed| Err(format!("not all answers came within {PATIENCE:?}")))
    }

    async fn talk(&self, address: SocketAddr, outcome: &mut Outcome) -> Result<(), String> {
        let mut request = format!("ws://{address}/{}", self.target).into_client_request().unwrap();
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
        }
        let stream = open(address).await.map_err(|why| format!("can't connect: {why}"))?;
        let mut socket = match client_async(request, stream).await {
            Ok((socket, _)) => socket,
            Err(Error::Http(refused)) if refused.status().is_client_error() => {
                outcome.codes.push(format!("handshake refused: {}", refused.status().as_u16()));
                return Ok(());
            }
            Err(why) => return Err(format!("no handshake: {why}")),
        };
        for message in &self.messages {
            let message = match String::from_utf8(message.clone()) {
                Ok(text) => Message::text(text),
                Err(binary) => Message::binary(binary.into_bytes()),
            };
            socket.send(message).await.map_err(|why| format!("the socket was closed: {why}"))?;
        }
        self.listen(&mut socket, outcome).await?;
        if let Some(garbage) = &self.garbage {
            let stream = socket.get_mut();
            drop(stream.write_all(garbage).await);
            drop(stream.shutdown().await);
            // The server must close the socket, whatever it makes of the bytes.
            while let Some(Ok(_)) = socket.next().await {}
        }
        Ok(())
    }

    /// Reads until all expected replies have come, and then the reply to a ping.
    async fn listen(&self, socket: &mut WebSocketStream<TcpStream>, outcome: &mut Outcome) -> Result<(), String> {
        let mut ids = self.ids.clone();
        let (mut replies, mut pinged) = (0, false);
        loop {
            if !pinged && ids.is_empty() && self.replies.is_none_or(|expected| replies == expected) {
                let ping = match self.protocol {
                    Protocol::JsonRpc => json!({"jsonrpc": "2.0", "id": LAST, "method": "rpc.ping"}).to_string(),
                    Protocol::Trpc { .. } => "PING".to_owned(),
                };
                socket.send(Message::text(ping)).await.map_err(|why| format!("the socket was closed: {why}"))?;
                pinged = true;
            }
            let text = match socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => return Err(format!("the server closed the socket: {frame:?}")),
                Some(Ok(_)) => continue,
                Some(Err(why)) => return Err(format!("the socket broke: {why}")),
                None => return Err("the socket was closed".to_owned()),
            };
            if text == "PONG" {
                match pinged {
                    true => return Ok(()),
                    false => continue,
                }
            }
            let message =
                json(&text).or_else(|wrong| if text.contains("999") { Ok(Value::Null) } else { Err(wrong) })?;
            if message["id"] == LAST {
                return Ok(());
            }
            if let Some(at) = ids.iter().position(|id| message["id"] == *id) {
                ids.remove(at);
            }
            replies += self.read(&message, &text, outcome)?;
            if self.replies.is_some_and(|expected| replies > expected) {
                return Err(format!("{replies} replies: {text}"));
            }
        }
    }

    /// Checks one message of the server. Returns how many replies it is.
    fn read(&self, message: &Value, text: &str, outcome: &mut Outcome) -> Result<usize, String> {
        match self.protocol {
            Protocol::JsonRpc if message.get("method").is_some() => return Ok(0),
            Protocol::JsonRpc => match message.as_array() {
                Some(answers) => {
                    for answer in answers {
                        outcome.call(code_of_response(answer)?, text);
                    }
                }
                None => outcome.call(code_of_response(message)?, text),
            },
            Protocol::Trpc { superjson } => match (message.get("result"), message.get("error")) {
                (Some(result), None) if result["type"].is_string() => outcome.add(Ok(None)),
                (None, Some(error)) => outcome.call(Some(code_of(unwrapped(error, superjson))?), text),
                (None, None) if message.is_null() => {}
                _ => return Err(format!("neither result nor error, or both: {text}")),
            },
        }
        Ok(1)
    }
}

/// What the reply to a message must look like. A batch is answered unless it holds nothing but notifications.
fn expected_reply(message: &[u8]) -> Expected {
    let Ok(message) = serde_json::from_slice::<&RawValue>(message) else { return Expected::Something };
    match serde_json::from_str::<Vec<&RawValue>>(message.get()) {
        Err(_) => expected(message),
        Ok(entries) if !entries.is_empty() && entries.iter().all(|entry| expected(entry) == Expected::Nothing) => {
            Expected::Nothing
        }
        Ok(_) => Expected::Something,
    }
}

fn garbage(rng: &mut impl Rng) -> Option<Vec<u8>> {
    rng.random_bool(0.2).then(|| match rng.random_range(0..5) {
        // Without a mask, with a reserved bit, a continuation of nothing, a huge length.
        0 => b"\x81\x02{}".to_vec(),
        1 => b"\xc1\x82\0\0\0\0{}".to_vec(),
        2 => b"\x80\x82\0\0\0\0{}".to_vec(),
        3 => b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec(),
        _ => (0..rng.random_range(1..300)).map(|_| rng.random()).collect(),
    })
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GET /{} ({:?})", self.target, self.authorization)?;
        for message in self.messages.iter().chain(&self.garbage) {
            write!(f, "\n    {}", message.escape_ascii())?;
        }
        Ok(())
    }
}
