//! A WebSocket as the server writes to it: whole texts, each part of which the peer must accept in time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::inbound::Inbound;
use crate::limits::Limits;

/// How long a peer may take to close its side after ours.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes that are read at once.
const READ_BYTES: usize = 2048;
/// Bytes of a fragment of a long message. A socket keeps a buffer of this size.
const FRAGMENT_BYTES: usize = 16 * 1024;
/// A socket, and how long its peer may take to accept a message.
pub struct Socket {
    stream: WebSocketStream<Inbound<TokioIo<Upgraded>>>,
    patience: Duration,
}

impl Socket {
    /// The server's side of an upgraded connection.
    pub async fn new(inbound: Inbound<TokioIo<Upgraded>>, limits: &Limits) -> Self {
        let config = WebSocketConfig::default()
            // Small, because most sockets are idle.
            .read_buffer_size(READ_BYTES)
            // Every message is flushed. The buffer holds what the peer does not accept.
            .write_buffer_size(0)
            .max_write_buffer_size(limits.connection_bytes.max(1))
            .max_message_size(Some(limits.request_bytes))
            .max_frame_size(Some(limits.request_bytes));
        let stream = WebSocketStream::from_raw_socket(inbound, Role::Server, Some(config)).await;
        Self { stream, patience: limits.write_timeout }
    }

    /// The next message. None when the peer has left.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        self.stream.next().await
    }

    /// The arriving side.
    pub fn inbound(&mut self) -> &mut Inbound<TokioIo<Upgraded>> {
        self.stream.get_mut()
    }

    /// Whether the client is not known.
    pub fn is_stranger(&self) -> bool {
        !self.stream.get_ref().is_known()
    }

    /// Sends a text, a long one in fragments: the socket keeps a buffer as long as the longest, and the peer gets time
    /// for each. None when the peer is gone or does not accept it in time.
    pub async fn send_text(&mut self, text: String) -> Option<()> {
        if text.len() <= FRAGMENT_BYTES {
            return self.send(Message::text(text)).await;
        }
        let mut rest = Bytes::from(text);
        let mut kind = Data::Text;
        while !rest.is_empty() {
            let fragment = rest.split_to(rest.len().min(FRAGMENT_BYTES));
            let frame = Frame::message(fragment, OpCode::Data(kind), rest.is_empty());
            self.send(Message::Frame(frame)).await?;
            kind = Data::Continue;
        }
        Some(())
    }

    /// None when the peer is gone or does not accept the message in time.
    pub async fn send(&mut self, message: Message) -> Option<()> {
        let start = Instant::now();
        let sent = timeout(self.patience, self.stream.send(message)).await.ok()?.ok();
        self.inbound().extend(start.elapsed());
        sent
    }

    /// Sends what is queued. None as for [`Self::send`].
    pub async fn flush(&mut self) -> Option<()> {
        let start = Instant::now();
        let sent = timeout(self.patience, self.stream.flush()).await.ok()?.ok();
        self.inbound().extend(start.elapsed());
        sent
    }

    /// Closes our side and discards what still arrives: a connection that is dropped with unread bytes is reset, and then
    /// the peer may lose the last messages.
    pub async fn close(mut self, frame: CloseFrame) {
        self.inbound().discard();
        if let Ok(Ok(())) = timeout(self.patience, self.stream.close(Some(frame))).await {
            // Without the buffers of the socket.
            let mut stream = self.stream.into_inner();
            let discard = async {
                stream.shutdown().await?;
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
            };
            drop(timeout(LINGER, discard).await);
        }
    }
}
