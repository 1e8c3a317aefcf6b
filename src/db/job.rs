//! A piece of database work in a queue: run on a database thread, answered once, and given up by its caller when that takes
//! too long.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::oneshot,
    time::{sleep_until, timeout_at},
};
use tracing::Span;

use super::{
    batch::{Batch, Company, Progress, Reading, Rest},
    claim::{self, Claim},
    connection::DbConnection,
    dialect::Backend,
    queue::{Receiver, Sender},
    stopper::Stopper,
};
use crate::{
    error::{Error, Result},
    traces::within,
};

/// Where jobs wait for a thread.
pub(super) type Lane = Sender<Box<dyn Job>>;
/// The threads' side of a lane.
pub(super) type Queue = Receiver<Box<dyn Job>>;

/// A job as the database threads see it.
pub(super) trait Job: Send {
    /// Whether no thread has started it and its caller still waits.
    fn is_waiting(&self) -> bool;
    /// Begins the job on a connection, which `backend` serves on PostgreSQL. False once its caller has given up.
    fn start(&self, backend: Option<Backend>) -> bool;
    /// In which transaction its statements run, unless it writes.
    fn isolation(&self) -> Isolation;
    /// What it has in common with other jobs.
    fn company(&self) -> &Company;
    /// Whether it costs less in a group.
    fn gains(&self) -> bool {
        self.company().lock.is_some() || self.company().reading == Reading::Short
    }
    /// The time since its caller began to wait.
    fn age(&self) -> Duration;
    /// The time until its deadline.
    fn time_left(&self) -> Duration;
    /// The span of its call, which names the request in the log.
    fn span(&self) -> &Span;
    /// Runs the work and keeps the result. False when it waits for the steps of the batch and must then be run again. An
    /// error means that the work must not be committed.
    fn run(&mut self, connection: &mut DbConnection, batch: &mut Batch) -> Result<bool>;
    /// Runs the work without others.
    ///
    /// # Errors
    /// Those of the work, which must then not be committed.
    fn run_alone(&mut self, connection: &mut DbConnection) -> Result<()> {
        let mut batch = Batch::default();
        while !self.run(connection, &mut batch)? {}
        self.seal()
    }
    /// Says that the work may be committed.
    ///
    /// # Errors
    /// TIMEOUT when it took too long or the caller has given up: then it must not be committed.
    fn seal(&self) -> Result<()>;
    /// Puts the job back to be started again. Nothing of it may have been committed. False once its caller has given up.
    fn retry(&mut self) -> bool;
    /// Sends the caller the kept result or the error. False when the caller has given up; then the backend of the
    /// connection may be terminated at any time.
    fn answer(self: Box<Self>, outcome: Result<()>) -> bool;
}

/// The transaction of a job that reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// None: the work begins its own.
    Own,
    /// None is needed for a single statement.
    OneStatement,
    /// One whose statements all see the same state of the database.
    Snapshot,
}

/// How long a caller waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// When the work must have ended. A job that has not begun then is withdrawn.
    pub deadline: Instant,
    /// When the caller stops waiting for the end of a job that has begun.
    pub give_up: Instant,
}

/// The caller's side of a job. Dropping it withdraws the job, or, once it has begun, still stops it when its time is over.
pub(super) struct Ticket<T> {
    reply: oneshot::Receiver<Result<T>>,
    shared: Arc<Shared>,
    patience: Patience,
    stopper: Option<Stopper>,
}

/// What both sides of a job share.
struct Shared {
    claim: Claim,
    /// The PostgreSQL process that serves the job's connection.
    backend: Mutex<Option<Backend>>,
}

struct Task<T, W> {
    work: W,
    /// The rest of the work, once its steps are taken.
    rest: Option<Rest<T>>,
    company: Company,
    result: Option<T>,
    reply: oneshot::Sender<Result<T>>,
    shared: Arc<Shared>,
    isolation: Isolation,
    queued_at: Instant,
    deadline: Instant,
    span: Span,
}

/// Wraps `work` for a queue. If it finishes after the deadline, it fails with TIMEOUT and its transaction is rolled back.
pub(super) fn job<T, W>(
    work: W,
    company: Company,
    isolation: Isolation,
    patience: Patience,
    stopper: Option<Stopper>,
) -> (Box<dyn Job>, Ticket<T>)
where
    T: Send + 'static,
    W: FnMut(&mut DbConnection, &mut Batch) -> Result<Progress<T>> + Send + 'static,
{
    let (reply, receiver) = oneshot::channel();
    let shared = Arc::new(Shared { claim: Claim::new(), backend: Mutex::new(None) });
    let ticket = Ticket { reply: receiver, shared: Arc::clone(&shared), patience, stopper };
    let task = Task {
        work,
        rest: None,
        company,
        result: None,
        reply,
        shared,
        isolation,
        queued_at: Instant::now(),
        deadline: patience.deadline,
        span: Span::current(),
    };
    (Box::new(task), ticket)
}

impl<T> Ticket<T> {
    /// Waits for the answer. `unfinished` is the error for a job that had begun when the caller gave up.
    ///
    /// # Errors
    /// Those of the work; TIMEOUT when it never began; `unfinished`.
    pub async fn answer(mut self, unfinished: Error) -> Result<T> {
        let Patience { deadline, give_up } = self.patience;
        let in_time = match timeout_at(deadline.into(), &mut self.reply).await {
            Err(_elapsed) if self.shared.claim.withdraw() => return Err(Error::Timeout),
            // A thread has begun. It observes the same deadline, so it usually answers soon.
            Err(_elapsed) => timeout_at(give_up.into(), &mut self.reply).await,
            in_time => in_time,
        };
        match in_time {
            Ok(Ok(answer)) => answer,
            Ok(Err(_thread_is_gone)) => match self.shared.claim.give_up() {
                claim::Progress::Begun => Err(reported(unfinished)),
                claim::Progress::Waiting | claim::Progress::Answered => {
                    Err(Error::unavailable("The server is stopping."))
                }
            },
            Err(_elapsed) => match self.shared.give_up(self.stopper.as_ref()) {
                claim::Progress::Waiting => Err(Error::Timeout),
                claim::Progress::Begun => Err(reported(unfinished)),
                // The thread is just sending it.
                claim::Progress::Answered => (&mut self.reply).await.unwrap_or(Err(unfinished)),
            },
        }
    }
}

/// Logs that a write was given up after it had begun, within the span of the call.
fn reported(unfinished: Error) -> Error {
    if matches!(unfinished, Error::OutcomeUnknown) {
        tracing::error!("the database did not finish a write in time; it is not known whether it was committed");
    }
    unfinished
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        if self.shared.claim.withdraw() || self.shared.claim.is_settled() {
            return;
        }
        // The caller has gone away while a thread works on the job. The thread must still become free in the end.
        if let Ok(runtime) = Handle::try_current() {
            let (shared, stopper, give_up) = (Arc::clone(&self.shared), self.stopper.take(), self.patience.give_up);
            runtime.spawn(async move {
                sleep_until(give_up.into()).await;
                shared.give_up(stopper.as_ref());
            });
        }
    }
}

impl Shared {
    /// Gives the job up, and stops the PostgreSQL process that still works on it.
    fn give_up(&self, stopper: Option<&Stopper>) -> claim::Progress {
        let progress = self.claim.give_up();
        if progress == claim::Progress::Begun
            && let Some(stopper) = stopper
            && let Some(backend) = self.backend().take()
        {
            stopper.stop(backend);
        }
        progress
    }

    fn backend(&self) -> MutexGuard<'_, Option<Backend>> {
        // Nothing panics while it holds the lock.
        self.backend.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, W> Job for Task<T, W>
where
    T: Send,
    W: FnMut(&mut DbConnection, &mut Batch) -> Result<Progress<T>> + Send,
{
    fn is_waiting(&self) -> bool {
        self.shared.claim.is_waiting()
    }

    fn start(&self, backend: Option<Backend>) -> bool {
        *self.shared.backend() = backend;
        self.shared.claim.start()
    }

    fn isolation(&self) -> Isolation {
        self.isolation
    }

    fn age(&self) -> Duration {
        self.queued_at.elapsed()
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn span(&self) -> &Span {
        &self.span
    }

    fn company(&self) -> &Company {
        &self.company
    }

    fn run(&mut self, connection: &mut DbConnection, batch: &mut Batch) -> Result<bool> {
        let _entered = self.span.enter();
        let progress = within(self.company.trace.as_slice(), || match self.rest.take() {
            Some(rest) => rest(connection, batch),
            None => (self.work)(connection, batch),
        })?;
        match progress {
            Progress::Done(result) => self.result = Some(result),
            Progress::Waits(rest) => self.rest = Some(rest),
        }
        Ok(self.rest.is_none())
    }

    fn seal(&self) -> Result<()> {
        let in_time = !self.time_left().is_zero() && self.shared.claim.seal();
        if in_time { Ok(()) } else { Err(Error::Timeout) }
    }

    fn retry(&mut self) -> bool {
        self.rest = None;
        self.shared.claim.retry()
    }

    fn answer(self: Box<Self>, outcome: Result<()>) -> bool {
        if !self.shared.claim.finish() {
            return false;
        }
        let kept = self.result;
        let answer = outcome.and_then(|()| kept.ok_or_else(|| Error::unavailable("The work was not done.")));
        // Fails when the caller is gone, and then nobody needs the answer.
        drop(self.reply.send(answer));
        true
    }
}
