//! SQLite's only writer. It drains its queue into one transaction, runs every job in a savepoint of its own, and answers
//! after the commit. One `fsync` thus serves all callers that were waiting.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use r2d2::Pool;

use super::{commits::Commits, connection::DbConnection, dialect, job::Job, manager::Manager, transaction};
use crate::error::{Error, Result};

/// Jobs in one transaction at most. This bounds how long the first one waits for the last.
const GROUP: usize = 64;
/// Above this size, in bytes, the writer itself empties the log.
const LARGE_LOG: u64 = 32 * 1024 * 1024;
/// Below this size, in bytes, the background thread leaves the log alone.
const SMALL_LOG: u64 = 4 * 1024 * 1024;
/// Between two attempts to empty a log that a reader blocks.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// SQLite's writer thread.
pub(super) struct Writer {
    pool: Pool<Manager>,
    /// The write-ahead log.
    log: PathBuf,
    /// When to try next to empty the log.
    next_truncation: Instant,
    /// Where to announce commits.
    commits: Commits,
}

impl Writer {
    /// A writer with a pool of one connection and the path of the write-ahead log.
    pub fn new(pool: Pool<Manager>, log: PathBuf, commits: Commits) -> Self {
        Self { pool, log, next_truncation: Instant::now(), commits }
    }

    /// Works until the queue is closed and empty.
    pub fn work(mut self, jobs: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = jobs.recv() {
            let waiting = std::iter::once(first).chain(jobs.try_iter()).take(GROUP);
            let group: Vec<_> = waiting.filter(|job| job.claim()).collect();
            if group.is_empty() {
                continue;
            }
            match self.pool.get() {
                Ok(mut connection) => {
                    write_group(&mut connection, group, &self.commits);
                    self.truncate(&mut connection);
                }
                Err(error) => {
                    tracing::error!(%error, "no database connection");
                    refuse(group, "The database is unavailable.");
                }
            }
        }
    }

    /// Empties a large log, unless a reader still uses it.
    fn truncate(&mut self, connection: &mut DbConnection) {
        if log_size(&self.log) > LARGE_LOG && Instant::now() > self.next_truncation && !checkpoint(connection, true) {
            self.next_truncation = Instant::now() + RETRY_PAUSE;
        }
    }
}

fn write_group(connection: &mut DbConnection, mut group: Vec<Box<dyn Job>>, commits: &Commits) {
    if let Err(error) = dialect::begin_write(connection) {
        tracing::error!(%error, "could not begin a write transaction");
        return refuse(group, "The database is busy.");
    }
    let mut outcomes: Vec<Result<()>> = Vec::with_capacity(group.len());
    for job in &mut group {
        outcomes.push(transaction::savepoint(connection, |connection| job.run(connection)));
        // On a full disk SQLite rolls back the whole transaction. Further jobs would then commit one by one.
        if !dialect::in_transaction(connection) {
            tracing::error!("the database rolled the whole transaction back");
            return refuse(group, "The write could not be committed.");
        }
    }
    // Diesel rolls back after a failed commit.
    if let Err(error) = dialect::commit(connection) {
        tracing::error!(%error, "commit failed");
        return refuse(group, "The write could not be committed.");
    }
    commits.announce();
    for (job, outcome) in group.into_iter().zip(outcomes) {
        job.answer(outcome);
    }
}

/// Answers every job of a group with SERVICE_UNAVAILABLE.
fn refuse(group: Vec<Box<dyn Job>>, reason: &'static str) {
    for job in group {
        job.answer(Err(Error::unavailable(reason)));
    }
}

/// Checkpoints beside the writer until `stop` closes.
pub(super) fn checkpoint_in_background(stop: &Receiver<()>, manager: &Manager, log: &Path) {
    let mut connection = None;
    let timeout = crossbeam_channel::RecvTimeoutError::Timeout;
    while stop.recv_timeout(Duration::from_secs(1)) == Err(timeout) {
        if log_size(log) < SMALL_LOG {
            continue;
        }
        if connection.is_none() {
            connection = manager.open().inspect_err(|error| tracing::warn!(%error, "no connection to checkpoint")).ok();
        }
        if let Some(connection) = &mut connection {
            checkpoint(connection, false);
        }
    }
}

/// Writes the log back into the file. False when that was not possible.
fn checkpoint(connection: &mut DbConnection, truncate: bool) -> bool {
    let done = dialect::checkpoint(connection, truncate);
    match &done {
        Ok(true) => {}
        Ok(false) => tracing::debug!("checkpoint postponed: a reader uses the log"),
        Err(error) => tracing::warn!(%error, "checkpoint failed"),
    }
    done.unwrap_or(false)
}

/// The size of the log in bytes; 0 when there is none.
fn log_size(log: &Path) -> u64 {
    std::fs::metadata(log).map(|file| file.len()).unwrap_or(0)
}
