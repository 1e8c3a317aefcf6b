//! The arriving side of a WebSocket. It bounds what a message that is not complete yet may cost: bytes, memory and time.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::frames::{Arrived, Frames};
use crate::{
    budget::{Budget, Share},
    limits::Limits,
};

/// Tells whether the client's credential was verified by now.
pub type Introduced = Arc<dyn Fn() -> bool + Send + Sync>;

/// Why nothing more is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overrun {
    /// The message is too large for a client that is not known.
    Bytes,
    /// The server lacks the memory.
    Memory,
    /// The message takes too long.
    Time,
}

/// A stream, and what has arrived of the next messages.
pub struct Inbound<T> {
    stream: T,
    budget: Budget,
    introduced: Introduced,
    limits: Limits,
    frames: Frames,
    /// Bytes of the message that is arriving.
    bytes: u64,
    /// When the frame or message that is arriving must be complete. None between messages.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Bytes of it that were announced while an earlier message was not taken yet. That one may introduce the client.
    unchecked: u64,
    /// What the message that is arriving occupies. None before it was checked.
    arriving: Option<Share>,
    /// What the messages occupy that have arrived and were not taken yet. None for one that is too short to count.
    arrived: VecDeque<Option<Share>>,
    overrun: Option<Overrun>,
    /// Whether what arrives is of no interest any more.
    discards: bool,
}

impl<T> Inbound<T> {
    /// Reads from `stream`.
    pub fn new(stream: T, budget: Budget, introduced: Introduced, limits: &Limits) -> Self {
        let limits = limits.clone();
        Self {
            stream,
            budget,
            introduced,
            limits,
            frames: Frames::default(),
            bytes: 0,
            deadline: None,
            unchecked: 0,
            arriving: None,
            arrived: VecDeque::new(),
            overrun: None,
            discards: false,
        }
    }

    /// Whether the client is known.
    pub fn is_known(&self) -> bool {
        (self.introduced)()
    }

    /// What the next message occupies that has arrived.
    pub fn take_share(&mut self) -> Share {
        self.arrived.pop_front().flatten().unwrap_or_else(|| self.budget.share(self.is_known()))
    }

    /// Gives a message that is arriving more time, after a while in which nothing was read.
    pub fn extend(&mut self, unread: Duration) {
        if let Some(deadline) = self.deadline.as_mut() {
            let later = deadline.deadline() + unread;
            deadline.as_mut().reset(later);
        }
    }

    /// From now on, what arrives is neither counted nor limited, because nobody keeps it.
    pub fn discard(&mut self) {
        (self.discards, self.deadline, self.arriving) = (true, None, None);
    }

    /// Why nothing more is read. None while the stream is read.
    pub fn overrun(&self) -> Option<Overrun> {
        self.overrun
    }

    /// Whether there is memory for another message.
    pub fn has_room(&self) -> bool {
        self.budget.left_of_connection() > self.limits.request_bytes
    }

    fn count(&mut self, bytes: &[u8]) -> Result<(), Overrun> {
        if self.frames.is_between() {
            self.deadline = Some(Box::pin(sleep(self.limits.message_timeout)));
        }
        for arrived in self.frames.follow(bytes) {
            match arrived {
                Arrived::Data(bytes) if self.arrived.is_empty() => self.expect(bytes)?,
                Arrived::Data(bytes) => self.unchecked = self.unchecked.saturating_add(bytes),
                Arrived::Message => {
                    (self.bytes, self.unchecked) = (0, 0);
                    self.arrived.push_back(self.arriving.take());
                }
            }
        }
        if self.frames.is_between() {
            self.deadline = None;
        }
        Ok(())
    }

    /// Makes room for a frame of a message.
    fn expect(&mut self, bytes: u64) -> Result<(), Overrun> {
        self.bytes = self.bytes.saturating_add(bytes);
        let limit = u64::try_from(self.limits.stranger_request_bytes).unwrap_or(u64::MAX);
        if self.bytes > limit && !self.is_known() {
            return Err(Overrun::Bytes);
        }
        // A larger frame is refused by the socket, which reads no more of it than its header.
        let kept = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.limits.request_bytes);
        let share = self.arriving.take().unwrap_or_else(|| self.budget.share(self.is_known()));
        let held = share.hold(kept).map_err(|_exhausted| Overrun::Memory);
        self.arriving = Some(share);
        held
    }

    fn stop(&mut self, why: Overrun) -> io::Error {
        self.overrun = Some(why);
        io::Error::other("the message is not read to its end")
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Inbound<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let unchecked = std::mem::take(&mut self.unchecked);
        if unchecked > 0
            && !self.discards
            && let Err(why) = self.expect(unchecked)
        {
            return Poll::Ready(Err(self.stop(why)));
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        let arrived = into.filled().get(before..).unwrap_or_default();
        if !self.discards
            && !arrived.is_empty()
            && let Err(why) = self.count(arrived)
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
