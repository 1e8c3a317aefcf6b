//! Keeps SQLite's write-ahead log small. The writer alone makes checkpoints, between two transactions: a checkpoint beside a
//! writer that never pauses can't complete, and the log would grow without end.

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

/// When to checkpoint.
pub(super) struct Checkpoints {
    /// The number of pages in the log at which to try next.
    due: i32,
}

impl Checkpoints {
    /// With a log of any size.
    pub fn new() -> Self {
        Self { due: PAGES }
    }

    /// Writes the log back and starts it anew if it is large and was not tried lately. It may then wait for readers for a few
    /// milliseconds.
    pub fn after_commit(&mut self, connection: &mut DbConnection, file: &SqliteFile) {
        match dialect::checkpoint(connection, Checkpoint::Measure) {
            Ok(LogState { log, .. }) if log >= self.due => self.restart(connection, file),
            // Somebody else has started it anew.
            Ok(LogState { log, .. }) if log < PAGES => self.due = PAGES,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the size of the log is not known"),
        }
    }

    /// Whether the log is still large, because a reader needed it.
    pub fn is_behind(&self) -> bool {
        self.due > PAGES
    }

    /// Writes the log back and starts it anew, unless a reader needs it.
    pub fn restart(&mut self, connection: &mut DbConnection, file: &SqliteFile) {
        let kind = if file.log_size() > LARGE { Checkpoint::Truncate } else { Checkpoint::Restart };
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
