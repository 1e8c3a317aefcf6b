//! A WebSocket connection, for either protocol: calls run concurrently, beside streams of events.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{BoxStream, FuturesUnordered, SelectAll},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt,
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as SocketError, Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    inbound::{Inbound, Introduced, Overrun, READ_BYTES},
    keep_alive::KeepAlive,
    protocol::{Action, Output, Protocol},
};
use crate::{
    budget::{Budget, Standing, exhausted},
    error::{Code, Error},
    limits::Limits,
};

/// How long a peer may take to close its side after ours.
const LINGER: Duration = Duration::from_secs(2);

/// A socket, and how long its peer may take to accept a message.
struct Socket {
    stream: WebSocketStream<Inbound<TokioIo<Upgraded>>>,
    patience: Duration,
}

/// A server's side of one socket.
pub struct Connection<'a> {
    /// The protocol.
    pub protocol: &'a mut dyn Protocol,
    /// Limits of the wire.
    pub limits: &'a Limits,
    /// The memory of all connections.
    pub budget: &'a Budget,
    /// How far the client has introduced itself by now.
    pub introduced: Introduced,
    /// True once the server is stopping.
    pub draining: watch::Receiver<bool>,
}

impl Connection<'_> {
    /// Serves the socket until one side closes it, the peer is gone or the server stops.
    pub async fn serve(mut self, upgraded: Upgraded) {
        let config = WebSocketConfig::default()
            // Small, because most sockets are idle.
            .read_buffer_size(READ_BYTES)
            // Every message is flushed. The buffer holds what the peer does not accept.
            .write_buffer_size(0)
            .max_write_buffer_size(self.limits.connection_bytes.max(1))
            .max_message_size(Some(self.limits.request_bytes))
            .max_frame_size(Some(self.limits.request_bytes));
        let budget = self.budget.of_connection(self.limits.connection_bytes);
        let inbound = Inbound::new(TokioIo::new(upgraded), budget, Arc::clone(&self.introduced), self.limits);
        let stream = WebSocketStream::from_raw_socket(inbound, Role::Server, Some(config)).await;
        let mut socket = Socket { stream, patience: self.limits.write_timeout };
        if let Some(frame) = self.run(&mut socket).await {
            socket.close(frame).await;
        }
    }

    /// Answers messages. Returns how to close the socket, unless the peer has left.
    async fn run(&mut self, socket: &mut Socket) -> Option<CloseFrame> {
        let limits = self.limits;
        let mut draining = self.draining.clone();
        let mut keep_alive = KeepAlive::new(limits.ping_interval);
        let mut introduction = pin!(sleep(limits.message_timeout));
        let mut last_message = Instant::now();
        let mut introducing = false;
        let mut calls = FuturesUnordered::new();
        let mut events = SelectAll::new();
        loop {
            // A peer with too much in flight is not read from until a call is answered, nor one that was not identified yet.
            let may_wait = calls.len() < limits.socket_calls.max(1) && !introducing && socket.inbound().has_room();
            let reads = calls.is_empty() || may_wait;
            let message = tokio::select! {
                Some(output) = calls.next() => {
                    socket.write(output, &mut events).await?;
                    if !reads {
                        socket.inbound().extend();
                    }
                    continue;
                }
                Some(text) = events.next() => {
                    socket.send(text).await?;
                    continue;
                }
                message = socket.stream.next(), if reads => {
                    keep_alive.heard();
                    message?
                }
                // Unread pongs are not missing.
                is_alive = keep_alive.next(), if reads => {
                    if !is_alive {
                        return Some(frame(CloseCode::Away, "no answer to pings"));
                    }
                    if last_message.elapsed() > limits.anonymous_idle_timeout && socket.is_anonymous() {
                        return Some(frame(CloseCode::Policy, "nothing was called, and nobody has signed in"));
                    }
                    socket.send(Message::Ping(Default::default())).await?;
                    continue;
                }
                () = &mut introduction, if self.protocol.awaits_introduction() => {
                    return Some(frame(CloseCode::Policy, "the connection params took too long"));
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
                Ok(Message::Ping(payload)) => {
                    socket.inbound().complete_control(payload.len());
                    // The pong is queued already. It leaves before anything else is read, so that a peer that pings and
                    // does not read can't fill the buffer.
                    socket.flush().await?;
                    continue;
                }
                Ok(Message::Pong(payload)) => {
                    socket.inbound().complete_control(payload.len());
                    continue;
                }
                Ok(Message::Frame(_)) => continue,
                Err(SocketError::Capacity(_)) => {
                    socket.send(self.protocol.refuse(&too_large(limits.request_bytes))).await?;
                    return Some(frame(CloseCode::Size, "message too large"));
                }
                Err(SocketError::Utf8(_)) => return Some(frame(CloseCode::Invalid, "text must be UTF-8")),
                Err(SocketError::Protocol(_)) => return Some(frame(CloseCode::Protocol, "protocol violation")),
                Err(error) => {
                    let Some(overrun) = socket.inbound().overrun() else {
                        tracing::debug!(%error, "the socket broke");
                        return None;
                    };
                    let (error, frame) = overran(overrun, limits);
                    socket.send(self.protocol.refuse(&error)).await?;
                    return Some(frame);
                }
            };
            last_message = Instant::now();
            introducing = self.protocol.awaits_introduction();
            let share = socket.inbound().complete();
            for action in self.protocol.on_message(message, share) {
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
    fn inbound(&mut self) -> &mut Inbound<TokioIo<Upgraded>> {
        self.stream.get_mut()
    }

    fn is_anonymous(&self) -> bool {
        self.stream.get_ref().standing() == Standing::Anonymous
    }

    async fn write(&mut self, output: Output, events: &mut SelectAll<BoxStream<'static, String>>) -> Option<()> {
        let Output { texts, events: started, share } = output;
        for text in texts {
            self.send(text).await?;
        }
        drop(share);
        events.extend(started);
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

/// The error and the close frame for a message that is not read to its end.
fn overran(overrun: Overrun, limits: &Limits) -> (Error, CloseFrame) {
    match overrun {
        Overrun::Bytes => {
            (too_large(limits.anonymous_request_bytes), frame(CloseCode::Size, "message too large without a token"))
        }
        Overrun::Memory => (exhausted(), frame(CloseCode::Again, "too many large messages")),
        Overrun::Time => {
            let slow = Error::new(Code::Timeout, "The message took too long to arrive.");
            (slow, frame(CloseCode::Policy, "message too slow"))
        }
    }
}

fn too_large(limit: usize) -> Error {
    Error::new(Code::PayloadTooLarge, format!("A message may have at most {limit} bytes."))
}

fn frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}
