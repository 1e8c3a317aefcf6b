//! A piece of database work on its way through a queue: claimed once, run on a database thread, answered once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tokio::sync::oneshot;
use tracing::Span;

use super::connection::DbConnection;
use crate::error::{Error, Result};

/// What the database threads see of a job.
pub(super) trait Job: Send {
    /// Whether to run it at all: false once its caller has given up.
    fn claim(&self) -> bool;
    /// Whether its statements need one snapshot.
    fn needs_snapshot(&self) -> bool;
    /// Runs the work and keeps its result. May be called again after a failure.
    fn run(&mut self, connection: &mut DbConnection) -> Result<()>;
    /// Whether its time is up.
    fn is_overdue(&self) -> bool;
    /// Answers the caller: the kept result, or why there is none.
    fn answer(self: Box<Self>, outcome: Result<()>);
}

/// The caller's end of a job.
pub(super) struct Ticket<T> {
    pub reply: oneshot::Receiver<Result<T>>,
    claimed: Arc<AtomicBool>,
}

impl<T> Ticket<T> {
    /// Takes the job back. False when a thread has already begun it.
    pub fn cancel(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }
}

struct Task<T, W> {
    work: W,
    result: Option<T>,
    reply: oneshot::Sender<Result<T>>,
    claimed: Arc<AtomicBool>,
    snapshot: bool,
    deadline: Instant,
    span: Span,
}

/// Wraps `work` for a queue. A result that is ready only after `deadline` is dropped, and its transaction undone.
pub(super) fn job<T, W>(work: W, snapshot: bool, deadline: Instant) -> (Box<dyn Job>, Ticket<T>)
where
    T: Send + 'static,
    W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
{
    let (reply, receiver) = oneshot::channel();
    let claimed = Arc::new(AtomicBool::new(false));
    let ticket = Ticket { reply: receiver, claimed: Arc::clone(&claimed) };
    let task = Task { work, result: None, reply, claimed, snapshot, deadline, span: Span::current() };
    (Box::new(task), ticket)
}

impl<T, W> Job for Task<T, W>
where
    T: Send,
    W: FnMut(&mut DbConnection) -> Result<T> + Send,
{
    fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel) && !self.reply.is_closed()
    }

    fn needs_snapshot(&self) -> bool {
        self.snapshot
    }

    fn run(&mut self, connection: &mut DbConnection) -> Result<()> {
        let _entered = self.span.enter();
        let result = (self.work)(connection)?;
        if self.is_overdue() {
            return Err(Error::Timeout);
        }
        self.result = Some(result);
        Ok(())
    }

    fn is_overdue(&self) -> bool {
        Instant::now() > self.deadline
    }

    fn answer(self: Box<Self>, outcome: Result<()>) {
        let kept = self.result;
        let answer = outcome.and_then(|()| kept.ok_or_else(|| Error::unavailable("The work was not done.")));
        // The caller may be gone: then nobody is told.
        drop(self.reply.send(answer));
    }
}
