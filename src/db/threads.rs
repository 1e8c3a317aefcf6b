//! Starts the database threads and their connection pools.

use std::{sync::Arc, thread, time::Duration};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, bounded};
use r2d2::Pool;
use scheduled_thread_pool::ScheduledThreadPool;

use super::{
    commits::Commits,
    connection::Purpose,
    job::Job,
    manager::{Manager, PoolManager},
    options::Options,
    sqlite_file::SqliteFile,
    url::DatabaseUrl,
    worker::Worker,
    writer::Writer,
};

/// Where jobs wait for a thread.
pub(super) type Lane = Sender<Box<dyn Job>>;

/// How long a thread waits for r2d2 to open a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// Helper threads that open connections, for each server.
const HELPERS: usize = 2;

/// The pools of one database server. They share the threads on which r2d2 opens connections; otherwise every pool
/// would start three of its own. A replica has its own set, so that an unreachable replica cannot delay the primary.
pub(super) struct Pools<'a> {
    options: &'a Options,
    url: &'a DatabaseUrl,
    file: Option<Arc<SqliteFile>>,
    statement_timeout: Duration,
    helpers: Arc<ScheduledThreadPool>,
}

impl<'a> Pools<'a> {
    /// The pools of the server at `url`, which cancels statements that take longer than `statement_timeout`.
    pub fn new(options: &'a Options, url: &'a DatabaseUrl, statement_timeout: Duration) -> Self {
        let helpers = ScheduledThreadPool::builder().num_threads(HELPERS).thread_name_pattern("db-connect-{}").build();
        let file = url.sqlite_path().map(|path| Arc::new(SqliteFile::new(path)));
        Self { options, url, file, statement_timeout, helpers: Arc::new(helpers) }
    }

    /// Starts `options.threads` threads that work off one queue, and announce to `commits` what they commit.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_workers(&self, purpose: Purpose, commits: Option<&Commits>) -> anyhow::Result<Lane> {
        let (lane, jobs) = bounded(self.options.queued_jobs);
        let pool = self.pool(purpose, self.options.threads);
        let away = Arc::default();
        for _ in 0..self.options.threads {
            let timeout = self.statement_timeout;
            let worker = Worker::new(pool.clone(), purpose, timeout, Arc::clone(&away), commits.cloned());
            let jobs = jobs.clone();
            spawn("db", move || worker.work(&jobs))?;
        }
        Ok(lane)
    }

    /// Starts the one thread that writes to a SQLite file. None on PostgreSQL.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_sqlite_writer(&self, commits: &Commits) -> anyhow::Result<Option<Lane>> {
        let Some(file) = &self.file else { return Ok(None) };
        let (lane, jobs): (_, Receiver<Box<dyn Job>>) = bounded(self.options.queued_jobs);
        let writer = Writer::new(self.pool(Purpose::Write, 1), Arc::clone(file), commits.clone());
        spawn("db-writer", move || writer.work(&jobs))?;
        Ok(Some(lane))
    }

    fn pool(&self, purpose: Purpose, size: u32) -> Pool<PoolManager> {
        Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_timeout(CONNECTION_TIMEOUT)
            .error_handler(Box::new(LogErrors))
            .thread_pool(Arc::clone(&self.helpers))
            .build_unchecked(self.manager(purpose))
    }

    fn manager(&self, purpose: Purpose) -> PoolManager {
        let manager = Manager { url: self.url.clone(), purpose, statement_timeout: self.statement_timeout };
        PoolManager { manager, file: self.file.clone() }
    }
}

#[derive(Debug)]
struct LogErrors;

impl r2d2::HandleError<diesel::ConnectionError> for LogErrors {
    fn handle_error(&self, error: diesel::ConnectionError) {
        tracing::warn!(%error, "could not connect to the database");
    }
}

/// Starts a named thread.
///
/// # Errors
/// When the operating system refuses it.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).context("could not start a database thread").map(drop)
}
