//! A database thread for reads or, on PostgreSQL, for writes: one connection, one group of jobs at a time.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use r2d2::{Pool, PooledConnection};

use super::{
    batch::Batch,
    commits::Commits,
    connection::{DbConnection, Purpose},
    dialect::{self, Backend},
    gather::Gather,
    group::{self, Jobs},
    job::{Isolation, Job, Lane, Queue},
    manager::{PoolManager, is_broken, is_demoted, is_lost},
    queue::Found,
    transaction,
};
use crate::error::{BUSY, Error, NO_DATABASE, Result};

/// How often a job is run at most. It is repeated after a deadlock, or when its connection had died unnoticed.
const ATTEMPTS: u8 = 3;
/// The pause before a job that lost a conflict is run again, in milliseconds.
const RETRY: Range<u64> = 5..50;
/// After a failure to connect, jobs are refused for this long without another attempt, so that no queue builds up.
const PAUSE: Duration = Duration::from_millis(500);
/// A job that has so much less time left than the session's statement timeout gets a timeout of its own.
const LATE: Duration = Duration::from_millis(100);

/// A database thread.
pub(super) struct Worker {
    pool: Pool<PoolManager>,
    purpose: Purpose,
    /// The statement timeout of its connections.
    statement_timeout: Duration,
    kept: Option<Kept>,
    /// When any thread of this queue last failed to connect.
    away: Arc<Mutex<Option<Instant>>>,
    /// Where to announce commits.
    commits: Option<Commits>,
    /// Counts the jobs that were run in groups.
    grouped: Arc<AtomicU64>,
}

/// A connection that the thread keeps between jobs.
struct Kept {
    connection: PooledConnection<PoolManager>,
    /// The PostgreSQL process that serves it.
    backend: Option<Backend>,
}

/// How an attempt at a job ended.
struct Attempt {
    outcome: Result<()>,
    /// The connection was lost and nothing was written, so the job may run again on another connection.
    repeatable: bool,
}

/// How far the transaction of a job came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It did not begin.
    Unbegun,
    /// The work failed, and rolled it back.
    Work,
    /// Its commit failed.
    Commit,
    /// It was committed, or the job needs none.
    Done,
}

impl Worker {
    /// A worker that takes its connections, which have this statement timeout, from `pool`, and shares `away` with the
    /// other threads of its queue.
    pub fn new(
        pool: Pool<PoolManager>,
        purpose: Purpose,
        statement_timeout: Duration,
        away: Arc<Mutex<Option<Instant>>>,
        commits: Option<Commits>,
        grouped: Arc<AtomicU64>,
    ) -> Self {
        Self { pool, purpose, statement_timeout, kept: None, away, commits, grouped }
    }

    /// Runs each job by itself until the queue is closed and empty.
    pub fn work(mut self, jobs: &Queue) {
        while jobs.wait(None) != Found::End {
            jobs.take(1).into_iter().filter(|job| job.is_waiting()).for_each(|job| self.serve(job));
        }
    }

    /// Runs reads in groups until the queue is closed and empty.
    pub fn read_in_groups(mut self, jobs: &Queue) {
        for group in Gather::new(jobs) {
            self.together(group).into_iter().for_each(|job| self.serve(job));
        }
    }

    /// Runs writes in groups until the queue is closed and empty. What must run alone goes to the queue `alone`.
    pub fn write_in_groups(mut self, jobs: &Queue, alone: &Lane) {
        for group in Gather::new(jobs) {
            for job in self.together(group) {
                if let Err(full) = alone.try_send(job) {
                    full.answer(Err(Error::unavailable(BUSY)));
                }
            }
        }
    }

    /// Runs a group, and returns the jobs that must run alone.
    fn together(&mut self, group: Jobs) -> Jobs {
        // Reads gain nothing. A write would take another thread's time, and the place of a group in the order of commits.
        if !self.purpose.writes()
            && let [_] = group.as_slice()
        {
            return group;
        }
        // The error is reported when they run alone.
        let Ok(Kept { mut connection, backend }) = self.connection() else { return group };
        let size = group.len();
        let ended = match self.purpose {
            Purpose::Read | Purpose::Browse => {
                let left = group.iter().map(|job| job.time_left()).min().unwrap_or_default();
                group::read(&mut connection, backend, self.limit(left), group)
            }
            Purpose::Write => group::write(&mut connection, backend, group),
        };
        let together = size.saturating_sub(ended.alone.len());
        if together > 1 {
            self.grouped.fetch_add(together.try_into().unwrap_or(0), Ordering::Relaxed);
        }
        if let Some(commits) = self.commits.as_ref().filter(|_| ended.is_committed) {
            commits.announce();
        }
        // After a failover every group is left to run alone.
        let is_demoted = !ended.is_committed
            && !ended.alone.is_empty()
            && ended.is_usable
            && is_demoted(&mut connection, self.purpose);
        if ended.is_usable && !is_demoted {
            self.kept = Some(Kept { connection, backend });
        } else {
            dialect::discard(&mut connection);
        }
        ended.alone
    }

    fn serve(&mut self, mut job: Box<dyn Job>) {
        let Some(outcome) = self.run(job.as_mut()) else { return };
        if let (Ok(()), Some(commits)) = (&outcome, &self.commits) {
            commits.announce();
        }
        if !job.answer(outcome)
            && let Some(mut kept) = self.kept.take()
        {
            // Its process may be terminated at any time, which must not hit another job.
            dialect::discard(&mut kept.connection);
        }
    }

    /// The statement timeout of a job with so much time left, unless the session's will do.
    fn limit(&self, left: Duration) -> Option<Duration> {
        (left + LATE < self.statement_timeout).then_some(left)
    }

    /// Runs a job, more than once if need be. None once its caller has given up waiting for a thread.
    fn run(&mut self, job: &mut dyn Job) -> Option<Result<()>> {
        let mut attempt = self.attempt(job)?;
        for _ in 1..ATTEMPTS {
            let again = attempt.repeatable || matches!(attempt.outcome, Err(Error::Contention));
            if !again || job.time_left().is_zero() || !job.retry() {
                break;
            }
            if !attempt.repeatable {
                // Two transactions that conflict again at once would do so until both give up.
                thread::sleep(Duration::from_millis(rand::random_range(RETRY)));
            }
            attempt = self.attempt(job)?;
        }
        Some(attempt.outcome)
    }

    fn attempt(&mut self, job: &mut dyn Job) -> Option<Attempt> {
        let Kept { mut connection, backend } = match self.connection() {
            Ok(kept) => kept,
            Err(error) => return Some(Attempt { outcome: Err(error), repeatable: false }),
        };
        if !job.start(backend) {
            self.kept = Some(Kept { connection, backend });
            return None;
        }
        let (outcome, stage) = self.run_on(&mut connection, job);
        // Diesel does not notice that a connection died outside a transaction, so after a server error ask the server.
        let failed = matches!(&outcome, Err(Error::Internal(_) | Error::Unavailable { .. })) || stage == Stage::Commit;
        let lost = if failed { is_lost(&mut connection) } else { is_broken(&mut connection) };
        let demoted = failed && !lost && is_demoted(&mut connection, self.purpose);
        if !lost && !demoted {
            self.kept = Some(Kept { connection, backend });
            return Some(Attempt { outcome, repeatable: false });
        }
        // A server that still answers has rolled back. Otherwise a commit that was sent may have succeeded.
        let unknown = lost && stage == Stage::Commit && self.purpose.writes();
        let repeatable = outcome.is_err() && (!self.purpose.writes() || stage == Stage::Unbegun || demoted) && !unknown;
        let out_of_reach = |error| job.span().in_scope(|| out_of_reach(error, unknown));
        Some(Attempt { outcome: outcome.map_err(out_of_reach), repeatable })
    }

    fn connection(&mut self) -> Result<Kept> {
        if let Some(kept) = self.kept.take() {
            return Ok(kept);
        }
        if self.away().is_some_and(|since| since.elapsed() < PAUSE) {
            return Err(Error::unavailable(NO_DATABASE));
        }
        let connection = self.connect();
        *self.away() = connection.is_err().then(Instant::now);
        connection
    }

    fn connect(&self) -> Result<Kept> {
        let mut connection = self.pool.get().map_err(|error| {
            tracing::error!(%error, "no database connection");
            Error::unavailable(NO_DATABASE)
        })?;
        let backend = dialect::backend(&mut connection).map_err(|error| {
            tracing::error!(%error, "the new database connection was lost");
            Error::unavailable(NO_DATABASE)
        })?;
        Ok(Kept { connection, backend })
    }

    fn away(&self) -> MutexGuard<'_, Option<Instant>> {
        // Nothing panics while it holds the lock.
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a job in its transaction and says how far that came.
    fn run_on(&self, connection: &mut DbConnection, job: &mut dyn Job) -> (Result<()>, Stage) {
        let limit = self.limit(job.time_left());
        let needs_none = match job.isolation() {
            Isolation::Own => true,
            // Only a transaction can have a limit of its own without changing the session's.
            Isolation::OneStatement => limit.is_none(),
            Isolation::Snapshot => false,
        };
        if !self.purpose.writes() && needs_none {
            let outcome = transaction::no_panic(|| alone(connection, job));
            let stage = if outcome.is_ok() { Stage::Done } else { Stage::Work };
            return (outcome, stage);
        }
        let begun = match self.purpose {
            Purpose::Read | Purpose::Browse => dialect::begin_snapshot(connection, limit),
            Purpose::Write => dialect::begin_write(connection, limit),
        };
        if let Err(error) = begun {
            return (Err(error.into()), Stage::Unbegun);
        }
        match transaction::work_or_roll_back(connection, |connection| alone(connection, job)) {
            Ok(()) => match dialect::commit(connection) {
                Ok(()) => (Ok(()), Stage::Done),
                Err(error) => (Err(error.into()), Stage::Commit),
            },
            Err(error) => (Err(error), Stage::Work),
        }
    }
}

/// Runs a job that shares nothing with others.
///
/// # Errors
/// Those of the work, which must then not be committed.
pub(super) fn alone(connection: &mut DbConnection, job: &mut dyn Job) -> Result<()> {
    let mut batch = Batch::default();
    while !job.run(connection, &mut batch)? {}
    job.seal()
}

/// The caller's error after a lost connection, whatever error reported the loss.
fn out_of_reach(error: Error, unknown: bool) -> Error {
    if unknown {
        tracing::error!(detail = error.detail(), "the database connection was lost during a commit");
        return Error::OutcomeUnknown;
    }
    let Error::Internal(detail) = error else { return error };
    tracing::error!(detail = format!("{detail:#}"), "the database connection was lost");
    Error::unavailable(NO_DATABASE)
}
