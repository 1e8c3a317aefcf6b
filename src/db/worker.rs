//! A database thread for reads or, on PostgreSQL, for writes: one connection, one job at a time.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use r2d2::{Pool, PooledConnection};

use super::{
    commits::Commits,
    connection::{DbConnection, Purpose},
    dialect,
    job::Job,
    manager::{Manager, is_broken, is_demoted, is_lost},
    transaction,
};
use crate::error::{Error, Result};

/// How often a job is run at most. It is repeated after a deadlock, or when its connection had died unnoticed.
const ATTEMPTS: u8 = 3;
/// The pause before a job that lost a conflict is run again, in milliseconds.
const RETRY: Range<u64> = 5..50;
/// After a failure to connect, jobs are refused for this long without another attempt, so that no queue builds up.
const PAUSE: Duration = Duration::from_millis(500);

/// A database thread.
pub(super) struct Worker {
    pool: Pool<Manager>,
    purpose: Purpose,
    kept: Option<PooledConnection<Manager>>,
    /// When any thread of this queue last failed to connect.
    away: Arc<Mutex<Option<Instant>>>,
    /// Where to announce commits.
    commits: Option<Commits>,
}

/// How an attempt at a job ended.
struct Attempt {
    outcome: Result<()>,
    /// The connection was lost and nothing was written, so the job may run again on another connection.
    repeatable: bool,
}

impl Worker {
    /// A worker that takes its connection from `pool` and shares `away` with the other threads of its queue.
    pub fn new(
        pool: Pool<Manager>,
        purpose: Purpose,
        away: Arc<Mutex<Option<Instant>>>,
        commits: Option<Commits>,
    ) -> Self {
        Self { pool, purpose, kept: None, away, commits }
    }

    /// Works until the queue is closed and empty.
    pub fn work(mut self, jobs: &Receiver<Box<dyn Job>>) {
        for mut job in jobs {
            if !job.claim() {
                continue;
            }
            let mut attempt = self.attempt(job.as_mut());
            for _ in 1..ATTEMPTS {
                let again = attempt.repeatable || matches!(attempt.outcome, Err(Error::Contention));
                if !again || job.is_overdue() {
                    break;
                }
                if attempt.outcome.is_err() && !attempt.repeatable {
                    // Two transactions that conflict again at once would do so until both give up.
                    thread::sleep(Duration::from_millis(rand::random_range(RETRY)));
                }
                attempt = self.attempt(job.as_mut());
            }
            if let (Ok(()), Some(commits)) = (&attempt.outcome, &self.commits) {
                commits.announce();
            }
            job.answer(attempt.outcome);
        }
    }

    fn attempt(&mut self, job: &mut dyn Job) -> Attempt {
        let mut connection = match self.connection() {
            Ok(connection) => connection,
            Err(error) => return Attempt { outcome: Err(error), repeatable: false },
        };
        let (outcome, begun) = run(&mut connection, job, self.purpose);
        // Diesel does not notice that a connection died outside a transaction, so after a server error ask the server.
        let failed = matches!(&outcome, Err(Error::Internal(_) | Error::Unavailable { .. }));
        let lost = if failed { is_lost(&mut connection) } else { is_broken(&mut connection) };
        let demoted = failed && !lost && is_demoted(&mut connection, self.purpose);
        if !lost && !demoted {
            self.kept = Some(connection);
            return Attempt { outcome, repeatable: false };
        }
        // A write whose connection died at the end may have been committed. A server that still answers has rolled back.
        let repeatable = outcome.is_err() && (self.purpose == Purpose::Read || !begun || demoted);
        Attempt { outcome: outcome.map_err(out_of_reach), repeatable }
    }

    fn connection(&mut self) -> Result<PooledConnection<Manager>> {
        let unavailable = || Error::unavailable("The database is unavailable.");
        if let Some(connection) = self.kept.take() {
            return Ok(connection);
        }
        if self.away().is_some_and(|since| since.elapsed() < PAUSE) {
            return Err(unavailable());
        }
        let connection = self.pool.get().map_err(|error| {
            tracing::error!(%error, "no database connection");
            unavailable()
        });
        *self.away() = connection.is_err().then(Instant::now);
        connection
    }

    fn away(&self) -> MutexGuard<'_, Option<Instant>> {
        // Nothing panics while it holds the lock.
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller's error after a lost connection, whatever error reported the loss.
fn out_of_reach(error: Error) -> Error {
    let Error::Internal(detail) = error else { return error };
    tracing::error!(detail = format!("{detail:#}"), "the database connection was lost");
    Error::unavailable("The database is unavailable.")
}

/// Runs a job and says whether it was started.
fn run(connection: &mut DbConnection, job: &mut dyn Job, purpose: Purpose) -> (Result<()>, bool) {
    if purpose == Purpose::Read && !job.needs_snapshot() {
        return (transaction::no_panic(|| job.run(connection)), true);
    }
    let begun = match purpose {
        Purpose::Read => dialect::begin_snapshot(connection),
        Purpose::Write => dialect::begin_write(connection),
    };
    match begun {
        Ok(()) => (transaction::finish(connection, |connection| job.run(connection)), true),
        Err(error) => (Err(error.into()), false),
    }
}
