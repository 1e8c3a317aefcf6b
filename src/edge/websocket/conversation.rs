//! The course of a socket, whatever is spoken on it: many calls at a time, and streams of events beside them.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    future::BoxFuture,
    stream::{BoxStream, FuturesUnordered, SelectAll},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt,
    time::{interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as SocketError, Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{
    edge::{Edge, drained},
    error::Error,
};

/// How long a peer may take to accept a message.
const SEND: Duration = Duration::from_secs(30);
/// Bytes that a socket keeps for reading; most of ten thousand sockets are idle.
const READ_BUFFER: usize = 4096;
/// How long a peer may take to close its side after ours.
const LINGER: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What is spoken on a socket.
pub(super) trait Dialect: Send {
    /// Takes a message apart, and says what to do about it.
    fn hear(&mut self, message: Bytes) -> Vec<Turn>;

    /// How a message is refused that is none.
    fn refuse(&self, error: &Error) -> String;

    /// What is said before we leave.
    fn farewell(&self) -> Option<String> {
        None
    }
}

/// What a message leads to.
pub(super) enum Turn {
    Say(String),
    /// Something to say when it is ready.
    Answer(BoxFuture<'static, Said>),
    /// There is no point in going on.
    Leave(&'static str),
}

/// An answer.
#[derive(Default)]
pub(super) struct Said {
    pub texts: Vec<String>,
    /// What will be said from then on.
    pub events: Vec<BoxStream<'static, String>>,
}

/// Serves a socket until one side has had enough.
pub(super) async fn serve(edge: &Edge, dialect: &mut dyn Dialect, upgraded: Upgraded) {
    let limits = edge.limits();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(limits.request_bytes))
        .max_frame_size(Some(limits.request_bytes));
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let sockets = &edge.kernel().metrics().sockets;
    sockets.inc();
    if let Some(frame) = converse(edge, dialect, &mut socket).await {
        leave(&mut socket, frame).await;
    }
    sockets.dec();
}

/// Answers messages. Returns how to take leave of a peer that is still there.
async fn converse(edge: &Edge, dialect: &mut dyn Dialect, socket: &mut Socket) -> Option<CloseFrame> {
    let limits = edge.limits();
    let mut draining = edge.draining.clone();
    let mut ping = interval(limits.ping_interval);
    let mut unanswered = 0_u8;
    let mut calls = FuturesUnordered::new();
    let mut events = SelectAll::new();
    loop {
        let message = tokio::select! {
            Some(said) = calls.next() => {
                say(socket, said, &mut events).await?;
                continue;
            }
            Some(text) = events.next() => {
                send(socket, text).await?;
                continue;
            }
            // A peer with too many calls in flight is not read from until one is answered.
            message = socket.next(), if calls.len() < limits.socket_calls => message?.inspect(|_| unanswered = 0),
            // A pong that we don't read is not missing.
            _ = ping.tick(), if calls.len() < limits.socket_calls => {
                if unanswered == 2 {
                    return Some(frame(CloseCode::Away, "no answer to pings"));
                }
                unanswered = unanswered.saturating_add(1);
                timeout(SEND, socket.send(Message::Ping(Default::default()))).await.ok()?.ok()?;
                continue;
            }
            () = drained(&mut draining) => break,
        };
        let message: Bytes = match message {
            Ok(Message::Text(text)) => text.into(),
            Ok(Message::Binary(bytes)) => bytes,
            Ok(Message::Close(_)) => {
                // Sends the close frame that answers theirs (RFC 6455 §5.5.1).
                drop(timeout(SEND, socket.flush()).await);
                return None;
            }
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Err(SocketError::Capacity(_)) => {
                let what = format!("A message may have at most {} bytes.", limits.request_bytes);
                send(socket, dialect.refuse(&Error::PayloadTooLarge(what))).await?;
                return Some(frame(CloseCode::Size, "message too large"));
            }
            Err(SocketError::Utf8(_)) => return Some(frame(CloseCode::Invalid, "text must be UTF-8")),
            Err(SocketError::Protocol(_)) => return Some(frame(CloseCode::Protocol, "protocol violation")),
            Err(error) => {
                tracing::debug!(%error, "the socket broke");
                return None;
            }
        };
        for turn in dialect.hear(message) {
            match turn {
                Turn::Say(text) => send(socket, text).await?,
                Turn::Answer(answer) => calls.push(answer),
                Turn::Leave(why) => return Some(frame(CloseCode::Policy, why)),
            }
        }
    }
    // Streams of events end by themselves; what they begin with now has nowhere to go.
    while let Some(said) = calls.next().await {
        say(socket, said, &mut events).await?;
    }
    if let Some(text) = dialect.farewell() {
        send(socket, text).await?;
    }
    Some(frame(CloseCode::Away, "the server is stopping"))
}

async fn say(socket: &mut Socket, said: Said, events: &mut SelectAll<BoxStream<'static, String>>) -> Option<()> {
    for text in said.texts {
        send(socket, text).await?;
    }
    events.extend(said.events);
    Some(())
}

async fn send(socket: &mut Socket, text: String) -> Option<()> {
    timeout(SEND, socket.send(Message::text(text))).await.ok()?.ok()
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

fn frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}
