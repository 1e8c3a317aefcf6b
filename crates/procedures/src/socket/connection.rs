//! A WebSocket connection, for either protocol: calls run concurrently, beside streams of events.

use std::{pin::pin, sync::Arc};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{BoxStream, FuturesUnordered, SelectAll},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_tungstenite::tungstenite::{
    Error as SocketError, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{
    inbound::{Inbound, Introduced, Overrun},
    keep_alive::KeepAlive,
    protocol::{Action, Output, Protocol},
    stream::Socket,
};
use crate::{
    budget::{Budget, exhausted},
    error::{Code, Error},
    limits::Limits,
};

/// The close code for a token that has expired: UNAUTHORIZED, in the range for applications (RFC 6455 §7.4.2).
const EXPIRED: u16 = 4401;

/// A server's side of one socket.
pub struct Connection<'a> {
    /// The protocol.
    pub protocol: &'a mut dyn Protocol,
    /// Limits of the wire.
    pub limits: &'a Limits,
    /// The memory of all connections.
    pub budget: &'a Budget,
    /// Whether the client is known by now.
    pub introduced: Introduced,
    /// Resolves when the client's credential has expired.
    pub expired: BoxFuture<'static, ()>,
    /// True once the server is stopping.
    pub draining: watch::Receiver<bool>,
}

/// The calls in flight, and the events of subscriptions.
#[derive(Default)]
struct Running {
    calls: FuturesUnordered<BoxFuture<'static, Output>>,
    events: SelectAll<BoxStream<'static, String>>,
}

/// Why a connection ends, unless the peer has left.
enum End {
    /// It is closed at once.
    Now(CloseFrame),
    /// It is closed once the calls in flight are answered: some may have changed something.
    Answered(CloseFrame),
    /// As [`Self::Answered`], with a goodbye: the client is to open another connection.
    Leaving(CloseFrame),
}

impl Connection<'_> {
    /// Serves the socket until one side closes it, the peer is gone or the server stops.
    pub async fn serve(mut self, upgraded: Upgraded) {
        let budget = self.budget.of_connection(self.limits.connection_bytes);
        let inbound = Inbound::new(TokioIo::new(upgraded), budget, Arc::clone(&self.introduced), self.limits);
        let mut socket = Socket::new(inbound, self.limits).await;
        if let Some(frame) = self.run(&mut socket).await {
            socket.close(frame).await;
        }
    }

    /// Answers messages. Returns how to close the socket, unless the peer has left.
    async fn run(&mut self, socket: &mut Socket) -> Option<CloseFrame> {
        let mut running = Running::default();
        let (frame, goodbye) = match self.answer(socket, &mut running).await? {
            End::Now(frame) => return Some(frame),
            End::Answered(frame) => (frame, None),
            End::Leaving(frame) => (frame, self.protocol.goodbye()),
        };
        // Subscriptions end by themselves; there is no time left for those that start now.
        while let Some(output) = running.calls.next().await {
            send(socket, output, &mut running.events).await?;
        }
        if let Some(text) = goodbye {
            socket.send_text(text).await?;
        }
        Some(frame)
    }

    /// Answers messages until the connection ends. None when the peer has left.
    async fn answer(&mut self, socket: &mut Socket, Running { calls, events }: &mut Running) -> Option<End> {
        let limits = self.limits;
        let mut draining = self.draining.clone();
        let mut keep_alive = KeepAlive::new(limits.ping_interval);
        let mut introduction = pin!(sleep(limits.message_timeout));
        let mut strangers_time = pin!(sleep(limits.stranger_timeout));
        let mut may_be_stranger = true;
        let mut introducing = false;
        let mut unread_since = None;
        loop {
            // A peer with too much in flight is not read from until a call is answered, nor one that was not identified yet.
            let may_wait = calls.len() < limits.socket_calls.max(1) && !introducing && socket.inbound().has_room();
            let reads = calls.is_empty() || may_wait;
            if !reads {
                unread_since.get_or_insert_with(Instant::now);
            } else if let Some(since) = unread_since.take() {
                socket.inbound().extend(since.elapsed());
            }
            let message = tokio::select! {
                Some(output) = calls.next() => {
                    send(socket, output, events).await?;
                    continue;
                }
                Some(text) = events.next() => {
                    socket.send_text(text).await?;
                    continue;
                }
                message = socket.next(), if reads => {
                    keep_alive.heard();
                    message?
                }
                // Unread pongs are not missing.
                is_alive = keep_alive.next(), if reads => {
                    if !is_alive {
                        return Some(End::Now(frame(CloseCode::Away, "no answer to pings")));
                    }
                    socket.send(Message::Ping(Default::default())).await?;
                    continue;
                }
                () = &mut introduction, if self.protocol.awaits_introduction() => {
                    return Some(End::Now(frame(CloseCode::Policy, "the connection params took too long")));
                }
                () = &mut strangers_time, if may_be_stranger => {
                    if socket.is_stranger() {
                        return Some(End::Answered(frame(CloseCode::Policy, "nobody has signed in")));
                    }
                    may_be_stranger = false;
                    continue;
                }
                () = &mut self.expired => {
                    return Some(End::Leaving(frame(EXPIRED.into(), "the token has expired")));
                }
                () = drained(&mut draining) => {
                    return Some(End::Leaving(frame(CloseCode::Away, "the server is stopping")));
                }
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
                Err(SocketError::Utf8(_)) => {
                    return Some(End::Answered(frame(CloseCode::Invalid, "text must be UTF-8")));
                }
                Err(SocketError::Protocol(_)) => {
                    return Some(End::Answered(frame(CloseCode::Protocol, "protocol violation")));
                }
                Err(error) => {
                    let (error, frame) = match (error, socket.inbound().overrun()) {
                        (SocketError::Capacity(_), _) => too_large(limits.request_bytes),
                        (_, Some(overrun)) => overran(overrun, limits),
                        (error, None) => {
                            tracing::debug!(%error, "the socket broke");
                            return None;
                        }
                    };
                    socket.send_text(self.protocol.refuse(&error)).await?;
                    return Some(End::Answered(frame));
                }
            };
            introducing = self.protocol.awaits_introduction();
            let share = socket.inbound().take_share();
            for action in self.protocol.on_message(message, share) {
                match action {
                    Action::Send(text) => socket.send_text(text).await?,
                    Action::Answer(answer) => calls.push(answer),
                    Action::Close(why) => return Some(End::Now(frame(CloseCode::Policy, why))),
                }
            }
        }
    }
}

/// Sends the texts of an answer, and follows the subscription that it has started. None when the peer is gone.
async fn send(socket: &mut Socket, output: Output, events: &mut SelectAll<BoxStream<'static, String>>) -> Option<()> {
    for text in output.texts {
        socket.send_text(text).await?;
    }
    events.extend(output.events);
    Some(())
}

/// Resolves once the server is stopping.
async fn drained(draining: &mut watch::Receiver<bool>) {
    // An error means that the server is gone.
    drop(draining.wait_for(|draining| *draining).await);
}

/// The error and the close frame for a message that is not read to its end.
fn overran(overrun: Overrun, limits: &Limits) -> (Error, CloseFrame) {
    match overrun {
        Overrun::Bytes => too_large(limits.stranger_request_bytes),
        Overrun::Memory => (exhausted(), frame(CloseCode::Again, "too many large messages")),
        Overrun::Time => {
            let slow = Error::new(Code::Timeout, "The message took too long to arrive.");
            (slow, frame(CloseCode::Policy, "message too slow"))
        }
    }
}

fn too_large(limit: usize) -> (Error, CloseFrame) {
    let error = Error::new(Code::PayloadTooLarge, format!("A message may have at most {limit} bytes."));
    (error, frame(CloseCode::Size, "message too large"))
}

fn frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}
