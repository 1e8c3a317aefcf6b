//! A piece of database work in a queue: claimed once, run on a database thread, answered once.

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

/// A job as the database threads see it.
pub(super) trait Job: Send {
    /// Whether to run the job: false once its caller has given up.
    fn claim(&self) -> bool;
    /// Whether its statements must see one snapshot.
    fn needs_snapshot(&self) -> bool;
    /// Runs the work and keeps the result. May be called again after a failure.
    fn run(&mut self, connection: &mut DbConnection) -> Result<()>;
    /// Whether its deadline has passed.
    fn is_overdue(&self) -> bool;
    /// Sends the caller the kept result or the error.
    fn answer(self: Box<Self>, outcome: Result<()>);
}

/// The caller's side of a job.
pub(super) struct Ticket<T> {
    /// Receives the result.
    pub reply: oneshot::Receiver<Result<T>>,
    claimed: Arc<AtomicBool>,
}

impl<T> Ticket<T> {
    /// Cancels the job. False when a thread has already started it.
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

/// Wraps `work` for a queue. If it finishes after `deadline`, it fails with TIMEOUT and its transaction is rolled back.
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
        // Fails when the caller is gone, and then nobody needs the answer.
        drop(self.reply.send(answer));
    }
}
