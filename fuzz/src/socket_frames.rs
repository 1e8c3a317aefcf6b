//! Bytes on a WebSocket after the handshake, on both protocols.

use std::collections::BTreeMap;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::{
    answer::{check, code_of, code_of_response, json, unwrapped},
    app::{App, run},
};

/// Bytes in flight in either direction. More than a whole conversation, so that neither side waits for the other.
const PIPE: usize = 16 * 1024 * 1024;

/// The protocol on a socket.
#[derive(Clone, Copy, PartialEq)]
enum Protocol {
    JsonRpc,
    Trpc { superjson: bool },
}

/// Serves one socket. The first byte chooses the protocol: `j` for JSON-RPC, `t` for tRPC, `s` for tRPC with superjson,
/// `c` for tRPC with connectionParams. After it comes a text frame in each line; after the capital letter, frames as they
/// are.
pub fn socket_frames(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let (protocol, target) = match kind.to_ascii_lowercase() {
        b'j' => (Protocol::JsonRpc, "/"),
        b't' => (Protocol::Trpc { superjson: false }, "/trpc"),
        b's' => (Protocol::Trpc { superjson: true }, "/trpc"),
        b'c' => (Protocol::Trpc { superjson: false }, "/trpc?connectionParams=1"),
        _ => return,
    };
    let sent =
        if kind.is_ascii_uppercase() { rest.to_vec() } else { rest.split(|b| *b == b'\n').flat_map(frame).collect() };
    let received = run(async |app| exchange(app, protocol, target, &sent).await);
    let texts = texts(&received);
    texts.iter().for_each(|text| check_text(protocol, text));
    if !kind.is_ascii_uppercase() && protocol == Protocol::JsonRpc {
        let answers = texts.iter().filter(|text| !text.contains(r#""method":"order.watch","params""#)).count();
        let sent = rest.split(|byte| *byte == b'\n').count();
        assert!(answers <= sent, "{answers} answers to {sent} messages: {texts:?}");
    }
}

/// A frame as a client sends it. The mask is zero, so that the payload can be read.
fn frame(payload: &[u8]) -> Vec<u8> {
    let opcode = if std::str::from_utf8(payload).is_ok() { 0x81 } else { 0x82 };
    let length = payload.len();
    let mut frame = match length {
        0..126 => vec![opcode, 0x80 | length as u8],
        126..0x1_0000 => [vec![opcode, 0x80 | 126], (length as u16).to_be_bytes().to_vec()].concat(),
        _ => [vec![opcode, 0x80 | 127], (length as u64).to_be_bytes().to_vec()].concat(),
    };
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Opens a socket, sends the bytes and the end of the stream, and returns all that the server has sent.
async fn exchange(app: &App, protocol: Protocol, target: &str, bytes: &[u8]) -> Vec<u8> {
    let endpoint = if protocol == (Protocol::Trpc { superjson: true }) { &app.superjson } else { &app.plain };
    let (mut client, server) = duplex(PIPE);
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(server), endpoint.clone()).with_upgrades());
    let handshake = format!(
        "GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    client.write_all(handshake.as_bytes()).await.unwrap();
    skip_head(&mut client).await;
    // Fails when the server has closed the connection.
    drop(client.write_all(bytes).await);
    drop(client.shutdown().await);
    let mut received = Vec::new();
    client.read_to_end(&mut received).await.unwrap();
    received
}

async fn skip_head(client: &mut DuplexStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
}

/// The text messages that the server has sent. Each is one frame.
fn texts(mut bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let [opcode, length, rest @ ..] = bytes {
        let (length, rest) = match length {
            0..126 => (u64::from(*length), rest),
            126 => (u64::from(u16::from_be_bytes(rest[..2].try_into().unwrap())), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()), &rest[8..]),
            _ => panic!("the server masks a frame"),
        };
        let (payload, after) = rest.split_at(usize::try_from(length).unwrap());
        match opcode {
            0x81 => texts.push(String::from_utf8(payload.to_vec()).expect("a text frame is UTF-8")),
            // A close frame, a ping or a pong.
            0x88..=0x8a => assert!(payload.len() <= 125),
            other => panic!("unexpected frame {other:#x}"),
        }
        bytes = after;
    }
    assert!(bytes.is_empty(), "half a frame");
    texts
}

fn check_text(protocol: Protocol, text: &str) {
    match protocol {
        Protocol::Trpc { .. } if text == "PONG" => {}
        Protocol::Trpc { superjson } => {
            // The id is repeated as it came, and may be a number that no type holds.
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).expect(text);
            assert!(members.contains_key("id"), "{text}");
            let member = |name: &str| members.get(name).map(|value| json(value.get()).unwrap());
            match (member("result"), member("error")) {
                (Some(result), None) => {
                    let kind = result["type"].as_str().unwrap();
                    assert!(["data", "started", "stopped"].contains(&kind), "{text}");
                }
                (None, Some(error)) => _ = check(code_of(unwrapped(&error, superjson)).map(Some)),
                _ => panic!("neither result nor error, or both: {text}"),
            }
        }
        Protocol::JsonRpc => {
            let message = json(text).unwrap();
            if message.get("method").is_some() {
                // An event of a subscription.
                let params = &message["params"];
                assert!(params["subscription"].is_string() && params.get("result").is_some(), "{text}");
                return;
            }
            match message.as_array() {
                Some(answers) => answers.iter().for_each(|answer| _ = check(code_of_response(answer))),
                None => _ = check(code_of_response(&message)),
            }
        }
    }
}
