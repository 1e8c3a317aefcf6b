//! SQLite's only writer. It drains its queue into one transaction, runs every job in a savepoint of its own, and answers
//! after the commit. One `fsync` thus serves all callers that were waiting.

use std::{sync::Arc, time::Duration};

use r2d2::{Pool, PooledConnection};

use super::{
    checkpoints::Checkpoints,
    commits::Commits,
    connection::DbConnection,
    dialect,
    gather::GROUP,
    group::Ran,
    job::{Job, Queue},
    manager::{PoolManager, is_broken, is_lost},
    queue::Found,
    sqlite_file::SqliteFile,
    transaction,
    worker::alone,
};
use crate::error::{Error, NO_DATABASE};

/// How soon an idle writer tries again to shrink a log that a reader needed.
const PAUSE: Duration = Duration::from_secs(1);

/// SQLite's writer thread.
pub(super) struct Writer {
    pool: Pool<PoolManager>,
    file: Arc<SqliteFile>,
    kept: Option<PooledConnection<PoolManager>>,
    checkpoints: Checkpoints,
    /// Where to announce commits.
    commits: Commits,
}

impl Writer {
    /// A writer to `file` with a pool of one connection.
    pub fn new(pool: Pool<PoolManager>, file: Arc<SqliteFile>, commits: Commits) -> Self {
        Self { pool, file, kept: None, checkpoints: Checkpoints::new(), commits }
    }

    /// Works until the queue is closed and empty.
    pub fn work(mut self, jobs: &Queue) {
        while self.wait(jobs) != Found::End {
            let group: Vec<_> = jobs.take(GROUP).into_iter().filter(|job| job.is_waiting()).collect();
            if group.is_empty() {
                continue;
            }
            match self.kept.take().map_or_else(|| self.connect(), Ok) {
                Ok(mut connection) => {
                    self.write_group(&mut connection, group);
                    self.checkpoints.after_commit(&mut connection, &self.file);
                    self.keep(connection);
                }
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "no database connection");
                    refuse(group, NO_DATABASE);
                }
            }
        }
    }

    /// Waits for jobs. Meanwhile it shrinks a log that is still large.
    fn wait(&mut self, jobs: &Queue) -> Found {
        while self.checkpoints.is_behind()
            && let Some(mut connection) = self.kept.take()
        {
            let found = jobs.wait(Some(PAUSE));
            if found == Found::Nothing {
                self.checkpoints.restart(&mut connection, &self.file);
            }
            self.keep(connection);
            if found != Found::Nothing {
                return found;
            }
        }
        jobs.wait(None)
    }

    fn keep(&mut self, mut connection: PooledConnection<PoolManager>) {
        if is_broken(&mut connection) {
            self.file.forget_log();
        } else {
            self.kept = Some(connection);
        }
    }

    fn connect(&self) -> anyhow::Result<PooledConnection<PoolManager>> {
        let connection = self.pool.get()?;
        // It was created, if need be, when the session was prepared.
        self.file.keep_log()?;
        Ok(connection)
    }

    fn write_group(&self, connection: &mut DbConnection, group: Vec<Box<dyn Job>>) {
        if !self.file.is_in_place() {
            return refuse(group, NO_DATABASE);
        }
        if let Err(error) = dialect::begin_write(connection, None) {
            tracing::error!(%error, "could not begin a write transaction");
            if is_lost(connection) {
                dialect::discard(connection);
            }
            return refuse(group, "The database is busy.");
        }
        let mut ran = Vec::with_capacity(group.len());
        let mut waiting = group.into_iter();
        while let Some(mut job) = waiting.next() {
            if !job.start(None) {
                continue;
            }
            let outcome = transaction::savepoint(connection, |connection| alone(connection, job.as_mut()));
            ran.push(Ran { job, outcome });
            // On a full disk SQLite rolls back the whole transaction. Further jobs would then commit one by one.
            if !dialect::in_transaction(connection) {
                tracing::error!("the database rolled the whole transaction back");
                let jobs = ran.into_iter().map(|ran| ran.job).chain(waiting);
                return refuse(jobs, "The write could not be committed.");
            }
        }
        let committed = match dialect::commit(connection) {
            Ok(()) => self.file.is_in_place(),
            // Diesel rolls back, but what the log contains already may be found there after a crash.
            Err(error) => {
                tracing::error!(%error, "commit failed");
                false
            }
        };
        if committed {
            self.commits.announce();
        }
        for Ran { job, outcome } in ran {
            let outcome = outcome.and_then(|()| if committed { Ok(()) } else { Err(Error::OutcomeUnknown) });
            if let Err(Error::OutcomeUnknown) = outcome {
                job.span().in_scope(|| tracing::error!("it is not known whether the write was committed"));
            }
            job.answer(outcome);
        }
    }
}

/// Answers every job of a group with SERVICE_UNAVAILABLE.
fn refuse(jobs: impl IntoIterator<Item = Box<dyn Job>>, reason: &'static str) {
    for job in jobs {
        job.answer(Err(Error::unavailable(reason)));
    }
}
