//! The database threads of the read lane, and on PostgreSQL of the write lane: one connection each, one job at a time.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use r2d2::{Pool, PooledConnection};

use super::{
    connection::{DbConnection, Manager, Role, is_broken, is_lost},
    dialect,
    job::Job,
    transaction,
};
use crate::error::{Error, Result};

/// How often a job is run before its failure is the answer: deadlocks, or a connection that had died unnoticed.
const ATTEMPTS: u8 = 3;
/// After a failure to connect, jobs are refused this long without another try, so that no queue builds up.
const PAUSE: Duration = Duration::from_millis(500);

/// A database thread.
pub(super) struct Worker {
    pool: Pool<Manager>,
    role: Role,
    kept: Option<PooledConnection<Manager>>,
    /// When the database was last found to be away, by any thread of the lane.
    away: Arc<Mutex<Option<Instant>>>,
}

/// How an attempt at a job ended.
struct Attempt {
    outcome: Result<()>,
    /// The connection died before a write had begun, or in a read: the job may be run again on another one.
    repeatable: bool,
}

impl Worker {
    pub fn new(pool: Pool<Manager>, role: Role, away: Arc<Mutex<Option<Instant>>>) -> Self {
        Self { pool, role, kept: None, away }
    }

    /// Works until the lane is closed and empty.
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
                attempt = self.attempt(job.as_mut());
            }
            job.answer(attempt.outcome);
        }
    }

    fn attempt(&mut self, job: &mut dyn Job) -> Attempt {
        let mut connection = match self.connection() {
            Ok(connection) => connection,
            Err(error) => return Attempt { outcome: Err(error), repeatable: false },
        };
        let (outcome, begun) = run(&mut connection, job, self.role);
        // Asked only after a fault of ours: Diesel does not notice that a connection died outside a transaction.
        let lost = match &outcome {
            Err(Error::Internal(_) | Error::Unavailable { .. }) => is_lost(&mut connection),
            _ => is_broken(&mut connection),
        };
        if !lost {
            self.kept = Some(connection);
            return Attempt { outcome, repeatable: false };
        }
        // A write whose connection died at its end may have been committed.
        let repeatable = outcome.is_err() && (self.role == Role::Read || !begun);
        Attempt { outcome: outcome.map_err(out_of_reach), repeatable }
    }

    fn connection(&mut self) -> Result<PooledConnection<Manager>> {
        let unavailable = || Error::unavailable("The database is out of reach.");
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

/// What the caller of a lost connection is told, whatever the first sign of the loss was.
fn out_of_reach(error: Error) -> Error {
    let Error::Internal(detail) = error else { return error };
    tracing::error!(detail = format!("{detail:#}"), "the database connection was lost");
    Error::unavailable("The database is out of reach.")
}

/// Runs a job, and tells whether it was begun at all.
fn run(connection: &mut DbConnection, job: &mut dyn Job, role: Role) -> (Result<()>, bool) {
    if role == Role::Read && !job.needs_snapshot() {
        return (transaction::no_panic(|| job.run(connection)), true);
    }
    let begun = match role {
        Role::Read => dialect::begin_snapshot(connection),
        Role::Write => dialect::begin_write(connection),
    };
    match begun {
        Ok(()) => (transaction::finish(connection, |connection| job.run(connection)), true),
        Err(error) => (Err(error.into()), false),
    }
}
