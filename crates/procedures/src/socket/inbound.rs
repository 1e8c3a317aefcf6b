//! The arriving side of a WebSocket. It bounds what a message that is not complete yet may cost: bytes, memory and time.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::{
    budget::{Budget, Share, Standing},
    limits::Limits,
};

/// Bytes that are read at once. Read with the end of a message, they may belong to the next one.
pub const READ_BYTES: usize = 4096;
/// The most bytes of a frame's header from a client (RFC 6455 §5.2).
const HEADER_BYTES: usize = 14;
/// The bytes of a short frame's header from a client: flags, length, mask.
const SHORT_HEADER_BYTES: usize = 6;

/// Tells how far the client has introduced itself by now.
pub type Introduced = Arc<dyn Fn() -> Standing + Send + Sync>;

/// Why nothing more is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overrun {
    /// The message is too large for a client that has not introduced itself.
    Bytes,
    /// The server lacks the memory.
    Memory,
    /// The message takes too long.
    Time,
}

/// A stream, and what has arrived of the next message.
pub struct Inbound<T> {
    stream: T,
    budget: Budget,
    introduced: Introduced,
    limits: Limits,
    /// Bytes read since the last complete message.
    bytes: usize,
    /// When the message must be complete. None between messages.
    deadline: Option<Pin<Box<Sleep>>>,
    share: Share,
    overrun: Option<Overrun>,
}

impl<T> Inbound<T> {
    /// Reads from `stream`.
    pub fn new(stream: T, budget: Budget, introduced: Introduced, limits: &Limits) -> Self {
        let share = budget.share(introduced());
        Self { stream, budget, introduced, limits: limits.clone(), bytes: 0, deadline: None, share, overrun: None }
    }

    /// How far the client has introduced itself.
    pub fn standing(&self) -> Standing {
        (self.introduced)()
    }

    /// Notes that a message is complete. Returns what it occupies.
    pub fn complete(&mut self) -> Share {
        (self.bytes, self.deadline) = (0, None);
        let next = self.budget.share(self.standing());
        std::mem::replace(&mut self.share, next)
    }

    /// Notes that a control frame with so many bytes of payload is complete. It may have come amid a message.
    pub fn complete_control(&mut self, payload: usize) {
        self.bytes = self.bytes.saturating_sub(payload.saturating_add(SHORT_HEADER_BYTES));
        if self.bytes == 0 {
            self.complete();
        }
    }

    /// Gives a message that is arriving its whole time again, after a while in which nothing was read.
    pub fn extend(&mut self) {
        if let Some(deadline) = self.deadline.as_mut() {
            deadline.set(sleep(self.limits.message_timeout));
        }
    }

    /// Why nothing more is read. None while the stream is read.
    pub fn overrun(&self) -> Option<Overrun> {
        self.overrun
    }

    /// Whether there is memory for another message.
    pub fn has_room(&self) -> bool {
        self.budget.left_of_connection() > self.limits.request_bytes
    }

    fn arrived(&mut self, bytes: usize) -> Result<(), Overrun> {
        if self.bytes == 0 {
            self.deadline = Some(Box::pin(sleep(self.limits.message_timeout)));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        let anonymous = self.limits.anonymous_request_bytes.saturating_add(READ_BYTES).saturating_add(HEADER_BYTES);
        if self.bytes > anonymous && self.standing() == Standing::Anonymous {
            return Err(Overrun::Bytes);
        }
        self.share.hold(bytes).map_err(|_exhausted| Overrun::Memory)
    }

    fn stop(&mut self, why: Overrun) -> io::Error {
        self.overrun = Some(why);
        io::Error::other("the message is not read to its end")
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Inbound<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        let arrived = into.filled().len().saturating_sub(before);
        if arrived > 0
            && let Err(why) = self.arrived(arrived)
        {
            return Poll::Ready(Err(self.stop(why)));
        }
        if read.is_pending()
            && let Some(deadline) = self.deadline.as_mut()
        {
            ready!(deadline.as_mut().poll(context));
            return Poll::Ready(Err(self.stop(Overrun::Time)));
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Inbound<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
