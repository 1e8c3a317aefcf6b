//! SQLite's one writer: drains its queue into one transaction, every job in a SAVEPOINT of its own, and answers only
//! after the commit. One `fsync` then serves as many callers as were waiting.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use r2d2::Pool;
use tokio::sync::watch;

use super::{
    connection::{DbConnection, Manager},
    dialect,
    job::Job,
    transaction,
};
use crate::error::{Error, Result};

/// Jobs in one transaction; bounds how long the first of them waits for the last.
const GROUP: usize = 64;
/// The background thread keeps the log below this; above it the writer itself empties the log.
const LARGE_LOG: u64 = 32 * 1024 * 1024;
const SMALL_LOG: u64 = 4 * 1024 * 1024;
/// Between two tries to empty a log that somebody reads from.
const PATIENCE: Duration = Duration::from_secs(5);

/// SQLite's writer thread.
pub(super) struct Writer {
    pool: Pool<Manager>,
    /// The write-ahead log.
    log: PathBuf,
    /// Not before then is the log emptied: the last time a reader was in the way.
    next_truncation: Instant,
    /// Told after every commit.
    commits: watch::Sender<()>,
}

impl Writer {
    pub fn new(pool: Pool<Manager>, log: PathBuf, commits: watch::Sender<()>) -> Self {
        Self { pool, log, next_truncation: Instant::now(), commits }
    }

    /// Works until the lane is closed and empty.
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
                    refuse(group, "The database is out of reach.");
                }
            }
        }
    }

    /// Empties a large log, unless somebody still reads from it.
    fn truncate(&mut self, connection: &mut DbConnection) {
        if log_size(&self.log) > LARGE_LOG && Instant::now() > self.next_truncation && !checkpoint(connection, true) {
            self.next_truncation = Instant::now() + PATIENCE;
        }
    }
}

fn write_group(connection: &mut DbConnection, mut group: Vec<Box<dyn Job>>, commits: &watch::Sender<()>) {
    if let Err(error) = dialect::begin_write(connection) {
        tracing::error!(%error, "could not begin a write transaction");
        return refuse(group, "The database is busy.");
    }
    let mut outcomes: Vec<Result<()>> = Vec::with_capacity(group.len());
    for job in &mut group {
        outcomes.push(transaction::savepoint(connection, |connection| job.run(connection)));
        // A full disk makes SQLite roll the whole transaction back; what came after would commit by itself.
        if !dialect::in_transaction(connection) {
            tracing::error!("the database gave the transaction up");
            return refuse(group, "The write could not be committed.");
        }
    }
    // A failed commit is rolled back by Diesel.
    if let Err(error) = dialect::commit(connection) {
        tracing::error!(%error, "commit failed");
        return refuse(group, "The write could not be committed.");
    }
    commits.send_replace(());
    for (job, outcome) in group.into_iter().zip(outcomes) {
        job.answer(outcome);
    }
}

fn refuse(group: Vec<Box<dyn Job>>, reason: &'static str) {
    for job in group {
        job.answer(Err(Error::unavailable(reason)));
    }
}

/// Checkpoints off the write path, until `stop` closes.
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

/// Whether the log was folded back as asked.
fn checkpoint(connection: &mut DbConnection, truncate: bool) -> bool {
    let done = dialect::checkpoint(connection, truncate);
    match &done {
        Ok(true) => {}
        Ok(false) => tracing::debug!("checkpoint put off: somebody reads from the log"),
        Err(error) => tracing::warn!(%error, "checkpoint failed"),
    }
    done.unwrap_or(false)
}

fn log_size(log: &Path) -> u64 {
    std::fs::metadata(log).map(|file| file.len()).unwrap_or(0)
}
