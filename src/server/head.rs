//! The head of a request while it arrives: how much memory it may take, and how long.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use procedures::{Budget, Result, Share};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// The largest head of a request, in bytes. Hyper looks at the size before it reads on, so one that arrives at once may be
/// twice as large.
pub(super) const HEAD_BYTES: usize = 64 * 1024;
/// What hyper allocates for a connection before it reads anything.
const ALLOCATED: usize = 8 * 1024;

/// The heads that arrive on one connection: all bytes that come while no request is being answered. Clones are the same
/// connection.
#[derive(Clone)]
pub(super) struct Heads {
    budget: Budget,
    patience: Duration,
    state: Arc<Mutex<State>>,
    ended: CancellationToken,
}

#[derive(Default)]
struct State {
    /// The number of the request that is being answered.
    answering: Option<u64>,
    /// How many requests there were.
    requests: u64,
    /// Whether only the peer ends what it is answered.
    is_endless: bool,
    /// To be woken when the peer's end may be told.
    reader: Option<Waker>,
    arriving: Option<Arriving>,
}

struct Arriving {
    deadline: Instant,
    /// Made for a head that does not arrive at once.
    alarm: Option<Pin<Box<Sleep>>>,
    bytes: usize,
    share: Share,
}

/// A request that is being answered. What arrives before this is dropped is not a head. The rest of a refused body may keep it
/// longer than hyper, which answers the next request meanwhile.
pub(super) struct Answering {
    heads: Heads,
    number: u64,
}

impl Heads {
    /// Each head takes its memory from what `budget` has for strangers, because nobody knows yet who sends it, and must
    /// arrive within `patience`.
    pub(super) fn new(budget: Budget, patience: Duration) -> Self {
        Self { budget, patience, state: Arc::default(), ended: CancellationToken::new() }
    }

    /// Counts bytes that have arrived.
    ///
    /// # Errors
    /// SERVICE_UNAVAILABLE when the budget does not allow them.
    pub(super) fn count(&self, bytes: usize) -> Result<()> {
        let mut state = self.state();
        if state.answering.is_some() || bytes == 0 {
            return Ok(());
        }
        let arriving = state.arriving.get_or_insert_with(|| Arriving {
            deadline: Instant::now() + self.patience,
            alarm: None,
            bytes: 0,
            share: self.budget.share(false),
        });
        let allocated = if arriving.bytes == 0 { ALLOCATED } else { 0 };
        // Hyper keeps no more than that.
        let total = arriving.bytes.saturating_add(bytes).min(HEAD_BYTES.saturating_mul(2));
        arriving.share.hold(allocated.saturating_add(total).saturating_sub(arriving.bytes))?;
        arriving.bytes = total;
        Ok(())
    }

    /// Wakes the task, which waits for more of the head, when that is late.
    ///
    /// # Errors
    /// When it is late.
    pub(super) fn check(&self, context: &mut Context<'_>) -> io::Result<()> {
        let mut state = self.state();
        let Some(Arriving { deadline, alarm, .. }) = state.arriving.as_mut() else { return Ok(()) };
        match alarm.get_or_insert_with(|| Box::pin(sleep_until(*deadline))).as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::TimedOut, "the head took too long to arrive")),
            Poll::Pending => Ok(()),
        }
    }

    /// Begins to answer the request whose head has arrived. The head occupies the share.
    pub(super) fn answer(&self) -> (Share, Answering) {
        let mut state = self.state();
        state.requests = state.requests.wrapping_add(1);
        let number = state.requests;
        (state.answering, state.is_endless) = (Some(number), false);
        let share = state.arriving.take().map(|arriving| arriving.share);
        (share.unwrap_or_default(), Answering { heads: self.clone(), number })
    }

    /// Cancelled by [`Self::end`].
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Notes that the peer has closed its sending side. Ready when hyper may learn of it: while it answers a request, it would
    /// give that up.
    pub(super) fn end(&self, context: &Context<'_>) -> Poll<()> {
        self.ended.cancel();
        let mut state = self.state();
        if state.answering.is_none() || state.is_endless {
            return Poll::Ready(());
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Notes that the answer is one that only the peer ends.
    pub(super) fn answer_is_endless(&self) {
        let mut state = self.state();
        state.is_endless = true;
        state.wake();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.heads.state();
        if state.answering == Some(self.number) {
            state.answering = None;
            state.wake();
        }
    }
}
