//! The head of a request while it arrives: how much memory it may take, and how long.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use procedures::{Budget, Result, Share};
use tokio::time::{Instant, Sleep, sleep_until};

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
}

#[derive(Default)]
struct State {
    is_answering: bool,
    arriving: Option<Arriving>,
}

struct Arriving {
    deadline: Instant,
    /// Made for a head that does not arrive at once.
    alarm: Option<Pin<Box<Sleep>>>,
    bytes: usize,
    share: Share,
}

/// A request that is being answered. What arrives before this is dropped is not a head.
pub(super) struct Answering(Heads);

impl Heads {
    /// Each head takes its memory from what `budget` has for strangers, because nobody knows yet who sends it, and must
    /// arrive within `patience`.
    pub(super) fn new(budget: Budget, patience: Duration) -> Self {
        Self { budget, patience, state: Arc::default() }
    }

    /// Counts bytes that have arrived.
    ///
    /// # Errors
    /// SERVICE_UNAVAILABLE when the budget does not allow them.
    pub(super) fn count(&self, bytes: usize) -> Result<()> {
        let mut state = self.state();
        if state.is_answering || bytes == 0 {
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
        state.is_answering = true;
        let share = state.arriving.take().map(|arriving| arriving.share);
        (share.unwrap_or_default(), Answering(self.clone()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.state().is_answering = false;
    }
}
