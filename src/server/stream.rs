//! The stream under hyper: closes connections whose peer does not read or does not finish a head, and replaces hyper's own
//! error responses.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::head::Heads;
use crate::http::{crowded, malformed};

/// Bytes that a peer must accept within the write timeout unless everything is written earlier. So a peer can't hold an
/// answer by reading a byte now and then.
const PROGRESS: usize = 64 * 1024;
/// What hyper answers by itself to a head that it can't read, before any request is passed on.
const AUTOMATIC: [StatusCode; 3] =
    [StatusCode::BAD_REQUEST, StatusCode::URI_TOO_LONG, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE];

/// The stream of a connection.
pub(super) struct Guarded<S> {
    stream: S,
    heads: Heads,
    patience: Duration,
    /// When a peer that does not accept what is written is given up, and how much it has accepted since the start.
    stalled: Option<(Pin<Box<Sleep>>, usize)>,
    /// Our response in place of hyper's.
    replacement: Bytes,
    /// Whether the peer has closed its sending side.
    has_ended: bool,
    /// Whether nothing more is read, because there is no memory for the head.
    is_refused: bool,
}

impl<S> Guarded<S> {
    /// Guards a stream whose peer may take `patience` to accept a part of an answer.
    pub(super) fn new(stream: S, heads: Heads, patience: Duration) -> Self {
        Self { stream, heads, patience, stalled: None, replacement: Bytes::new(), has_ended: false, is_refused: false }
    }

    /// Follows the result of a write of `wanted` bytes.
    fn watch(
        &mut self,
        context: &mut Context<'_>,
        wanted: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) if *bytes >= wanted => self.stalled = None,
            Poll::Ready(Ok(bytes)) => {
                if let Some((_, accepted)) = self.stalled.as_mut() {
                    *accepted = accepted.saturating_add(*bytes);
                    if *accepted >= PROGRESS {
                        self.stalled = None;
                    }
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let patience = self.patience;
                let (deadline, _) = self.stalled.get_or_insert_with(|| (Box::pin(sleep(patience)), 0));
                ready!(deadline.as_mut().poll(context));
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")));
            }
        }
        written
    }
}

impl<S> Guarded<S> {
    /// The end of what the peer sends, once it has been answered.
    fn end(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.heads.end(context).map(Ok)
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    fn poll_replacement(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.replacement.has_remaining() {
            let written = Pin::new(&mut self.stream).poll_write(context, &self.replacement);
            let wanted = self.replacement.len();
            match ready!(self.watch(context, wanted, written))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => self.replacement.advance(bytes),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.has_ended {
            return self.end(context);
        }
        let before = into.filled().len();
        if !self.is_refused {
            let read = Pin::new(&mut self.stream).poll_read(context, into);
            if matches!(read, Poll::Ready(Ok(()))) && into.filled().len() == before && into.remaining() > 0 {
                self.has_ended = true;
                return self.end(context);
            }
            let Err(refusal) = self.heads.count(into.filled().len().saturating_sub(before)) else {
                if read.is_pending() {
                    self.heads.check(context)?;
                }
                return read;
            };
            self.is_refused = true;
            self.replacement = crowded(&refusal);
        }
        ready!(self.as_mut().poll_flush(context))?;
        Poll::Ready(Err(io::Error::other("there is no memory left for the head")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(replacement) = replacement(bytes) {
            self.replacement = replacement;
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, bytes.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = slices.iter().map(|slice| slice.len()).fold(0, usize::saturating_add);
        if let [only] = slices
            && let Some(replacement) = replacement(only)
        {
            self.replacement = replacement;
            return Poll::Ready(Ok(wanted));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, wanted, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_replacement(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_replacement(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Our response in place of one that hyper has made by itself. That is the whole of what is written, has no body and lacks
/// the request id that each of our responses has. Neither JSON nor a WebSocket frame can look like that.
fn replacement(bytes: &[u8]) -> Option<Bytes> {
    let head = str::from_utf8(bytes.strip_prefix(b"HTTP/1.1 ")?).ok()?;
    let status = AUTOMATIC.into_iter().find(|status| head.starts_with(status.as_str()))?;
    if head.contains("x-request-id") || !head.ends_with("\r\n\r\n") {
        return None;
    }
    Some(malformed(status))
}

#[cfg(test)]
mod tests {
    use procedures::Budget;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::{Instant, advance},
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// How long a peer keeps an answer that never ends, when it reads so many bytes every ten seconds for five minutes.
    async fn kept(bytes: usize) -> Duration {
        // Real sockets tell of free space only in large steps.
        let (near, mut peer) = duplex(16 * 1024);
        let mut guarded = Guarded::new(near, Heads::new(Budget::new(0), PATIENCE), PATIENCE);
        let start = Instant::now();
        let writer = tokio::spawn(async move {
            while guarded.write_all(&[0; 1024 * 1024]).await.is_ok() {}
            start.elapsed()
        });
        for _ in 0..30 {
            tokio::task::yield_now().await;
            advance(Duration::from_secs(10)).await;
            drop(peer.read_exact(&mut vec![0; bytes]).await);
        }
        drop(peer);
        writer.await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_must_read_64_kib_within_the_patience() {
        assert!(kept(16 * 1024).await <= Duration::from_secs(60));
        assert!(kept(32 * 1024).await >= Duration::from_secs(300));
    }
}
