//! A WebSocket connection, for either protocol: calls run concurrently, beside streams of events.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{BoxStream, FuturesUnordered, SelectAll},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncWriteExt, sync::watch, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as SocketError, Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    keep_alive::KeepAlive,
    protocol::{Action, Output, Protocol},
};
use crate::{
    error::{Code, Error},
    limits::Limits,
};

/// Bytes of a socket's read buffer. It is small because most sockets are idle.
const READ_BUFFER: usize = 4096;
/// How long a peer may take to close its side after ours.
const LINGER: Duration = Duration::from_secs(2);

/// A socket, and how long its peer may take to accept a message.
struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    patience: Duration,
}

/// A server's side of one socket.
pub struct Connection<'a> {
    /// The protocol.
    pub protocol: &'a mut dyn Protocol,
    /// Limits of the wire.
    pub limits: &'a Limits,
    /// True once the server is stopping.
    pub draining: watch::Receiver<bool>,
}

impl Connection<'_> {
    /// Serves the socket until one side closes it, the peer is gone or the server stops.
    pub async fn serve(mut self, upgraded: Upgraded) {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            // Every message is flushed. The buffer holds what the peer does not accept.
            .write_buffer_size(0)
            .max_write_buffer_size(self.limits.socket_write_bytes.max(1))
            .max_message_size(Some(self.limits.request_bytes))
            .max_frame_size(Some(self.limits.request_bytes));
        let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        let mut socket = Socket { stream, patience: self.limits.socket_write_timeout };
        if let Some(frame) = self.run(&mut socket).await {
            socket.close(frame).await;
        }
    }

    /// Answers messages. Returns how to close the socket, unless the peer has left.
    async fn run(&mut self, socket: &mut Socket) -> Option<CloseFrame> {
        let limits = self.limits;
        let mut draining = self.draining.clone();
        let mut keep_alive = KeepAlive::new(limits.ping_interval);
        let mut calls = FuturesUnordered::new();
        let mut events = SelectAll::new();
        loop {
            let message = tokio::select! {
                Some(output) = calls.next() => {
                    socket.write(output, &mut events).await?;
                    continue;
                }
                Some(text) = events.next() => {
                    socket.send(text).await?;
                    continue;
                }
                // A peer with too many calls in flight is not read from until one is answered.
                message = socket.stream.next(), if calls.len() < limits.socket_calls.max(1) => {
                    keep_alive.heard();
                    message?
                }
                // Unread pongs are not missing.
                is_alive = keep_alive.next(), if calls.len() < limits.socket_calls.max(1) => {
                    if !is_alive {
                        return Some(frame(CloseCode::Away, "no answer to pings"));
                    }
                    socket.send(Message::Ping(Default::default())).await?;
                    continue;
                }
                () = drained(&mut draining) => break,
            };
            let message: Bytes = match message {
                Ok(Message::Text(text)) => text.into(),
                Ok(Message::Binary(bytes)) => bytes,
                Ok(Message::Close(_)) => {
                    // Sends the close frame that answers theirs (RFC 6455 §5.5.1).
                    socket.flush().await;
                    return None;
                }
                Ok(Message::Ping(_)) => {
                    // The pong is queued already. It leaves before anything else is read, so that a peer that pings and
                    // does not read can't fill the buffer.
                    socket.flush().await?;
                    continue;
                }
                Ok(Message::Pong(_) | Message::Frame(_)) => continue,
                Err(SocketError::Capacity(_)) => {
                    let what = format!("A message may have at most {} bytes.", limits.request_bytes);
                    socket.send(self.protocol.refuse(&Error::new(Code::PayloadTooLarge, what))).await?;
                    return Some(frame(CloseCode::Size, "message too large"));
                }
                Err(SocketError::Utf8(_)) => return Some(frame(CloseCode::Invalid, "text must be UTF-8")),
                Err(SocketError::Protocol(_)) => return Some(frame(CloseCode::Protocol, "protocol violation")),
                Err(error) => {
                    tracing::debug!(%error, "the socket broke");
                    return None;
                }
            };
            for action in self.protocol.on_message(message) {
                match action {
                    Action::Send(text) => socket.send(text).await?,
                    Action::Answer(answer) => calls.push(answer),
                    Action::Close(why) => return Some(frame(CloseCode::Policy, why)),
                }
            }
        }
        // Subscriptions end by themselves; there is no time left for those that start now.
        while let Some(output) = calls.next().await {
            socket.write(output, &mut events).await?;
        }
        if let Some(text) = self.protocol.goodbye() {
            socket.send(text).await?;
        }
        Some(frame(CloseCode::Away, "the server is stopping"))
    }
}

/// Resolves once the server is stopping.
async fn drained(draining: &mut watch::Receiver<bool>) {
    // An error means that the server is gone.
    drop(draining.wait_for(|draining| *draining).await);
}

impl Socket {
    async fn write(&mut self, output: Output, events: &mut SelectAll<BoxStream<'static, String>>) -> Option<()> {
        for text in output.texts {
            self.send(text).await?;
        }
        events.extend(output.events);
        Some(())
    }

    /// None when the peer is gone or does not accept the message in time.
    async fn send(&mut self, message: impl Into<Message>) -> Option<()> {
        timeout(self.patience, self.stream.send(message.into())).await.ok()?.ok()
    }

    /// Sends what is queued. None as for [`Self::send`].
    async fn flush(&mut self) -> Option<()> {
        timeout(self.patience, self.stream.flush()).await.ok()?.ok()
    }

    /// Closes our side and discards what still arrives: a connection that is dropped with unread bytes is reset, and then
    /// the peer may lose the last messages.
    async fn close(&mut self, frame: CloseFrame) {
        if let Ok(Ok(())) = timeout(self.patience, self.stream.close(Some(frame))).await {
            let stream = self.stream.get_mut();
            let discard = async {
                stream.shutdown().await?;
                tokio::io::copy(stream, &mut tokio::io::sink()).await
            };
            drop(timeout(LINGER, discard).await);
        }
    }
}

fn frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}
