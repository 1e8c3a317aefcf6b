//! Keeps SQLite's write-ahead log small. The writer alone makes checkpoints, between two transactions: a checkpoint beside a
//! writer that never pauses can't complete, and the log would grow without end.

use std::{sync::Arc, time::Duration};

use super::{
    connection::DbConnection,
    dialect::{self, Checkpoint, LogState},
    sqlite_file::SqliteFile,
};

/// Pages after which the log is written back and started anew: 16 MiB. A larger log makes a longer pause; a smaller one
/// writes the same pages back more often.
const PAGES: i32 = 4096;
/// While a reader needs the log, the writer tries again after so many further pages.
const STEP: i32 = 1024;
/// A larger file, in bytes, is truncated. It is large because a reader needed the log for long.
const LARGE: u64 = 32 * 1024 * 1024;
/// How soon an idle writer tries again to shrink a log that a reader needed.
const PAUSE: Duration = Duration::from_secs(1);

/// SQLite's write-ahead log, as its writer sees it.
pub(super) struct SqliteLog {
    /// The file to which it belongs.
    pub file: Arc<SqliteFile>,
    /// The number of pages in the log at which to try next.
    due: i32,
}

impl SqliteLog {
    /// The log of `file`, of any size.
    pub fn new(file: Arc<SqliteFile>) -> Self {
        Self { file, due: PAGES }
    }

    /// Writes the log back and starts it anew if it is large and was not tried lately. It may then wait for readers for a few
    /// milliseconds.
    pub fn after_commit(&mut self, connection: &mut DbConnection) {
        match dialect::checkpoint(connection, Checkpoint::Measure) {
            Ok(LogState { log, .. }) if log >= self.due => self.restart(connection),
            // Somebody else has started it anew.
            Ok(LogState { log, .. }) if log < PAGES => self.due = PAGES,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the size of the log is not known"),
        }
    }

    /// How long an idle writer waits before it tries again to restart the log. None if that is not large any more.
    pub fn patience(&self) -> Option<Duration> {
        (self.due > PAGES).then_some(PAUSE)
    }

    /// Writes the log back and starts it anew, unless a reader needs it.
    pub fn restart(&mut self, connection: &mut DbConnection) {
        let kind = if self.file.log_size() > LARGE { Checkpoint::Truncate } else { Checkpoint::Restart };
        self.due = match dialect::checkpoint(connection, kind) {
            Ok(LogState { busy: 0, .. }) => PAGES,
            Ok(LogState { log, .. }) => {
                tracing::debug!(log, "checkpoint postponed: a reader needs the log");
                log.saturating_add(STEP)
            }
            Err(error) => {
                tracing::warn!(%error, "checkpoint failed");
                self.due.saturating_add(STEP)
            }
        };
    }
}
