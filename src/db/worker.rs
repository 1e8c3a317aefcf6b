//! A database thread for reads or writes: one connection, one group of jobs at a time.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use r2d2::{Pool, PooledConnection};

use super::{
    commits::Commits,
    connection::{DbConnection, Purpose},
    dialect::{self, Backend},
    gather::{GROUP, Gather},
    group::{self, Jobs},
    job::{Isolation, Job, Lane, Queue},
    manager::{PoolManager, is_broken, is_demoted, is_lost},
    measures::LaneMeasures,
    queue::Found,
    sqlite_log::SqliteLog,
    transaction,
};
use crate::{
    error::{BUSY, Error, NO_DATABASE, Result},
    traces::within,
};

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
    /// Where it takes its connections.
    pub pool: Pool<PoolManager>,
    /// What they are for.
    pub purpose: Purpose,
    /// Their statement timeout.
    pub statement_timeout: Duration,
    /// Whether a connection keeps that timeout, and its PostgreSQL process, from one transaction to the next.
    pub has_sessions: bool,
    /// The connection, between jobs.
    pub kept: Option<Kept>,
    /// When any thread of this queue last failed to connect.
    pub away: Arc<Mutex<Option<Instant>>>,
    /// Where to announce commits.
    pub commits: Option<Commits>,
    /// The log of the SQLite file to which it writes.
    pub log: Option<SqliteLog>,
    /// What it counts and times.
    pub measures: LaneMeasures,
}

/// A connection that the thread keeps between jobs.
pub(super) struct Kept {
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
    /// Runs each job by itself until the queue is closed and empty.
    pub fn work(mut self, jobs: &Queue) {
        while jobs.wait(None) != Found::End {
            for job in jobs.take(1).into_iter().filter(|job| job.is_waiting()) {
                self.observe_wait(job.as_ref());
                self.serve(job);
            }
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

    /// Runs whatever waits as one group, until the queue is closed and empty. For SQLite's writer, which has no other thread
    /// to leave jobs to.
    pub fn write_all(mut self, jobs: &Queue) {
        while self.wait(jobs) != Found::End {
            let group: Jobs = jobs.take(GROUP).into_iter().filter(|job| job.is_waiting()).collect();
            if !group.is_empty() {
                group::refuse(self.together(group), NO_DATABASE);
            }
        }
    }

    /// Waits for jobs. Meanwhile it shrinks a log that is still large.
    fn wait(&mut self, jobs: &Queue) -> Found {
        loop {
            let (Some(log), Some(kept)) = (&mut self.log, &mut self.kept) else { return jobs.wait(None) };
            match jobs.wait(log.patience()) {
                Found::Nothing => log.restart(&mut kept.connection),
                found => return found,
            }
        }
    }

    fn observe_wait(&self, job: &dyn Job) {
        let waited = job.age();
        self.measures.wait.observe(waited.as_secs_f64());
        if let Some(trace) = &job.company().trace {
            trace.waited(self.measures.lane, waited);
        }
    }

    /// Runs a group, and returns the jobs that must run alone, on SQLite those that found no database.
    fn together(&mut self, group: Jobs) -> Jobs {
        group.iter().for_each(|job| self.observe_wait(job.as_ref()));
        self.measures.group.observe(f64::from(u32::try_from(group.len()).unwrap_or(u32::MAX)));
        // Reads gain nothing. A write would take another thread's time, and the place of a group in the order of commits.
        if !self.purpose.writes()
            && let [_] = group.as_slice()
        {
            return group;
        }
        // The error is in the log, and reported when they run alone or are refused.
        let Ok(Kept { mut connection, backend }) = self.connection() else { return group };
        let size = group.len();
        let ended = match self.purpose {
            Purpose::Read | Purpose::Browse => {
                let left = group.iter().map(|job| job.time_left()).min().unwrap_or_default();
                group::read(&mut connection, backend, self.limit(left), group)
            }
            Purpose::Write => {
                group::write(&mut connection, backend, self.log.as_ref().map(|log| log.file.as_ref()), group)
            }
        };
        let together = size.saturating_sub(ended.alone.len());
        if together > 1 && self.log.is_none() {
            self.measures.grouped.inc_by(together.try_into().unwrap_or(0));
        }
        if let Some(commits) = self.commits.as_ref().filter(|_| ended.is_committed) {
            commits.announce();
        }
        if let Some(log) = &mut self.log {
            log.after_commit(&mut connection);
        }
        // After a failover every group is left to run alone.
        let is_demoted = !ended.is_committed
            && !ended.alone.is_empty()
            && ended.is_usable
            && is_demoted(&mut connection, self.purpose);
        if ended.is_usable && !is_demoted && !is_broken(&mut connection) {
            self.kept = Some(Kept { connection, backend });
        } else {
            self.log.iter().for_each(|log| log.file.forget_log());
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
        if !self.has_sessions {
            return Some(left.min(self.statement_timeout));
        }
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
        // A SQLite file to write to is looked for again at once.
        *self.away() = (connection.is_err() && self.log.is_none()).then(Instant::now);
        connection.map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "no database connection");
            Error::unavailable(NO_DATABASE)
        })
    }

    fn connect(&self) -> anyhow::Result<Kept> {
        let mut connection = self.pool.get()?;
        let backend = if self.has_sessions { dialect::backend(&mut connection) } else { Ok(None) };
        let backend = backend.context("the new connection was lost")?;
        // The log was created, if need be, when the session was prepared.
        self.log.iter().try_for_each(|log| log.file.keep_log())?;
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
            let outcome = transaction::no_panic(|| job.run_alone(connection));
            let stage = if outcome.is_ok() { Stage::Done } else { Stage::Work };
            return (outcome, stage);
        }
        let trace = job.company().trace.clone();
        let begun = within(trace.as_slice(), || match self.purpose {
            Purpose::Read | Purpose::Browse => dialect::begin_snapshot(connection, limit),
            Purpose::Write => dialect::begin_write(connection, limit),
        });
        if let Err(error) = begun {
            return (Err(error.into()), Stage::Unbegun);
        }
        match transaction::work_or_roll_back(connection, |connection| job.run_alone(connection)) {
            Ok(()) => match within(trace.as_slice(), || dialect::commit(connection)) {
                Ok(()) => (Ok(()), Stage::Done),
                Err(error) => (Err(error.into()), Stage::Commit),
            },
            Err(error) => (Err(error), Stage::Work),
        }
    }
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
