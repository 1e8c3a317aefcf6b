//! SQLite's one writer: drains its queue into one transaction, every job in a SAVEPOINT of its own, and answers only
//! after the commit. One `fsync` then serves as many callers as were waiting.

use std::{path::Path, time::Duration};

use crossbeam_channel::Receiver;
use r2d2::Pool;

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

/// Works until the lane is closed and empty.
pub(super) fn work(jobs: &Receiver<Box<dyn Job>>, pool: &Pool<Manager>, log: &Path) {
    while let Ok(first) = jobs.recv() {
        let group: Vec<_> =
            std::iter::once(first).chain(jobs.try_iter()).take(GROUP).filter(|job| job.claim()).collect();
        if group.is_empty() {
            continue;
        }
        match pool.get() {
            Ok(mut connection) => {
                write_group(&mut connection, group);
                if log_size(log) > LARGE_LOG {
                    checkpoint(&mut connection, true);
                }
            }
            Err(error) => {
                tracing::error!(%error, "no database connection");
                refuse(group, "The database is out of reach.");
            }
        }
    }
}

fn write_group(connection: &mut DbConnection, mut group: Vec<Box<dyn Job>>) {
    if let Err(error) = dialect::begin_write(connection) {
        tracing::error!(%error, "could not begin a write transaction");
        return refuse(group, "The database is busy.");
    }
    let outcomes: Vec<Result<()>> =
        group.iter_mut().map(|job| transaction::savepoint(connection, |connection| job.run(connection))).collect();
    if let Err(error) = dialect::commit(connection) {
        tracing::error!(%error, "commit failed");
        if let Err(error) = dialect::rollback(connection) {
            tracing::error!(%error, "rollback failed");
        }
        return refuse(group, "The write could not be committed.");
    }
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

fn checkpoint(connection: &mut DbConnection, truncate: bool) {
    if let Err(error) = dialect::checkpoint(connection, truncate) {
        tracing::debug!(%error, "checkpoint put off");
    }
}

fn log_size(log: &Path) -> u64 {
    std::fs::metadata(log).map(|file| file.len()).unwrap_or(0)
}
