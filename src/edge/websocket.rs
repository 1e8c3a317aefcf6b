//! WebSockets (RFC 6455): JSON-RPC messages in both directions, many calls at a time.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt, stream::FuturesUnordered};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncWriteExt, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as SocketError, Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use uuid::Uuid;

use super::{
    Connection, Edge,
    client::{Bearer, address, bearer},
    drained,
    refusal::{self, Wire},
    response::Response,
};
use crate::{
    auth::Credential,
    error::Error,
    rpc::{Context, caller, jsonrpc::refuse_message},
};

/// How a browser, which can't set headers on a WebSocket, hands over its token: as one of the offered subprotocols.
const BEARER: &str = "bearer.";
/// How long a peer may take to accept a message.
const SEND: Duration = Duration::from_secs(30);
/// Bytes that a socket keeps for reading; most of ten thousand sockets are idle.
const READ_BUFFER: usize = 4096;
/// How long a peer may take to close its side after ours.
const LINGER: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

pub fn is_upgrade(request: &Request<Incoming>) -> bool {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    request.method() == Method::GET && upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// What stays the same for all messages of a socket.
struct Session {
    edge: Arc<Edge>,
    template: Context,
}

impl Edge {
    /// Answers the opening handshake and serves the socket in a task of its own.
    pub(super) async fn upgrade(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        connection: &Connection,
        request_id: &str,
    ) -> Response {
        let headers = request.headers();
        let key = headers.get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
        let version = headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let (Some(accept), true) = (key.and_then(|key| HeaderValue::from_str(&key).ok()), version) else {
            return refusal::refuse(
                Wire::JsonRpc,
                &Error::invalid_request("this is no WebSocket handshake of version 13"),
                request_id,
            );
        };
        let offered = Offered::read(headers);
        let presented = match offered.token {
            Some(token) => Bearer::Token(token),
            None => bearer(headers),
        };
        let credential = presented.authenticate(&self.authenticator).await;
        if let (false, Some(error)) = (matches!(credential, Credential::Anonymous), caller::refusal(&credential)) {
            return refusal::refuse(Wire::JsonRpc, &error, request_id);
        }
        let chosen = offered.chosen.and_then(|protocol| HeaderValue::from_str(protocol).ok());
        let address = address(connection.peer, headers, &self.trusted_proxies);
        let template = Context { request_id: request_id.to_owned(), address, credential };
        let session = Session { edge: Arc::clone(self), template };
        let upgrade = hyper::upgrade::on(&mut request);
        let connection = connection.clone();
        self.sockets.spawn(async move {
            match upgrade.await {
                Ok(upgraded) => session.serve(upgraded).await,
                Err(error) => tracing::debug!(%error, "the socket was not upgraded"),
            }
            drop(connection);
        });
        switching_protocols(accept, chosen)
    }
}

fn switching_protocols(accept: HeaderValue, protocol: Option<HeaderValue>) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// The subprotocols a client offers. A browser closes the socket unless exactly one of them comes back.
struct Offered<'a> {
    token: Option<&'a str>,
    chosen: Option<&'a str>,
}

impl<'a> Offered<'a> {
    /// The token is the one behind `bearer.`; chosen is the first of the others, or, where there is none, the token's.
    fn read(headers: &'a HeaderMap) -> Self {
        let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|list| list.to_str().ok());
        let (mut token, mut chosen, mut fallback) = (None, None, None);
        for protocol in lists.flat_map(|list| list.split(',')).map(str::trim) {
            match protocol.strip_prefix(BEARER) {
                Some(found) => {
                    token = token.or(Some(found));
                    fallback = fallback.or(Some(protocol));
                }
                None => chosen = chosen.or(Some(protocol)),
            }
        }
        Self { token, chosen: chosen.or(fallback) }
    }
}

impl Session {
    async fn serve(self, upgraded: Upgraded) {
        let limits = self.edge.limits();
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(limits.request_bytes))
            .max_frame_size(Some(limits.request_bytes));
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        let sockets = &self.edge.kernel().metrics().sockets;
        sockets.inc();
        if let Some(frame) = self.converse(&mut socket).await {
            leave(&mut socket, frame).await;
        }
        sockets.dec();
    }

    /// Answers messages until one side has had enough. Returns how to take leave of a peer that is still there.
    async fn converse(&self, socket: &mut Socket) -> Option<CloseFrame> {
        let limits = self.edge.limits();
        let mut draining = self.edge.draining.clone();
        let mut ping = tokio::time::interval(limits.ping_interval);
        let mut unanswered = 0_u8;
        let mut calls = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(reply) = calls.next() => send(socket, reply).await?,
                // A peer with too many calls in flight is not read from until one is answered.
                message = socket.next(), if calls.len() < limits.socket_calls => match message?.inspect(|_| unanswered = 0) {
                    Ok(Message::Text(text)) => calls.push(self.answer(text.into())),
                    Ok(Message::Binary(bytes)) => calls.push(self.answer(bytes)),
                    Ok(Message::Close(_)) => {
                        // Sends the close frame that answers theirs (RFC 6455 §5.5.1).
                        drop(timeout(SEND, socket.flush()).await);
                        return None;
                    }
                    Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                    Err(SocketError::Capacity(_)) => {
                        let error = Error::PayloadTooLarge(format!("A message may have at most {} bytes.", limits.request_bytes));
                        send(socket, Some(refuse_message(&Uuid::new_v4().to_string(), &error))).await?;
                        return Some(farewell(CloseCode::Size, "message too large"));
                    }
                    Err(SocketError::Utf8(_)) => return Some(farewell(CloseCode::Invalid, "text must be UTF-8")),
                    Err(SocketError::Protocol(_)) => return Some(farewell(CloseCode::Protocol, "protocol violation")),
                    Err(error) => {
                        tracing::debug!(%error, "the socket broke");
                        return None;
                    }
                },
                // A pong that we don't read is not missing.
                _ = ping.tick(), if calls.len() < limits.socket_calls => {
                    if unanswered == 2 {
                        return Some(farewell(CloseCode::Away, "no answer to pings"));
                    }
                    unanswered = unanswered.saturating_add(1);
                    timeout(SEND, socket.send(Message::Ping(Default::default()))).await.ok()?.ok()?;
                }
                () = drained(&mut draining) => break,
            }
        }
        while let Some(reply) = calls.next().await {
            send(socket, reply).await?;
        }
        Some(farewell(CloseCode::Away, "the server is stopping"))
    }

    async fn answer(&self, message: bytes::Bytes) -> Option<String> {
        let context = Arc::new(Context { request_id: Uuid::new_v4().to_string(), ..self.template.clone() });
        self.edge.jsonrpc.answer(&context, &message).await.body
    }
}

async fn send(socket: &mut Socket, reply: Option<String>) -> Option<()> {
    match reply {
        Some(text) => timeout(SEND, socket.send(Message::text(text))).await.ok()?.ok(),
        None => Some(()),
    }
}

/// Closes our side, and throws away what still comes: a connection dropped with bytes unread is reset, and then the peer
/// may lose what we said last.
async fn leave(socket: &mut Socket, frame: CloseFrame) {
    if let Ok(Ok(())) = timeout(SEND, socket.close(Some(frame))).await {
        let stream = socket.get_mut();
        let silence = async {
            stream.shutdown().await?;
            tokio::io::copy(stream, &mut tokio::io::sink()).await
        };
        drop(timeout(LINGER, silence).await);
    }
}

fn farewell(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}
