//! Starts the database threads and their connection pools.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, bounded};
use r2d2::Pool;
use scheduled_thread_pool::ScheduledThreadPool;

use super::{
    commits::Commits,
    connection::Purpose,
    job::Job,
    manager::Manager,
    options::Options,
    url::DatabaseUrl,
    worker::Worker,
    writer::{self, Writer},
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
    helpers: Arc<ScheduledThreadPool>,
}

/// The writer thread of a SQLite file and the thread that checkpoints beside it.
pub(super) struct SqliteWriter {
    /// Jobs for the writer.
    pub lane: Lane,
    /// Stops the checkpoints when it is dropped.
    pub checkpoints: Sender<()>,
}

impl<'a> Pools<'a> {
    /// The pools of the server at `url`.
    pub fn new(options: &'a Options, url: &'a DatabaseUrl) -> Self {
        let helpers = ScheduledThreadPool::builder().num_threads(HELPERS).thread_name_pattern("db-connect-{}").build();
        Self { options, url, helpers: Arc::new(helpers) }
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
            let worker = Worker::new(pool.clone(), purpose, Arc::clone(&away), commits.cloned());
            let jobs = jobs.clone();
            spawn("db", move || worker.work(&jobs))?;
        }
        Ok(lane)
    }

    /// Starts the one thread that writes to the SQLite file `path`.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_sqlite_writer(&self, path: &Path, commits: Commits) -> anyhow::Result<SqliteWriter> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = PathBuf::from(log);
        let (lane, jobs): (_, Receiver<Box<dyn Job>>) = bounded(self.options.queued_jobs);
        let (checkpoints, stop) = bounded(0);
        let writer = Writer::new(self.pool(Purpose::Write, 1), log.clone(), commits);
        let manager = self.manager(Purpose::Write);
        spawn("db-writer", move || writer.work(&jobs))?;
        spawn("db-checkpoint", move || writer::checkpoint_in_background(&stop, &manager, &log))?;
        Ok(SqliteWriter { lane, checkpoints })
    }

    fn pool(&self, purpose: Purpose, size: u32) -> Pool<Manager> {
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

    fn manager(&self, purpose: Purpose) -> Manager {
        Manager { url: self.url.clone(), purpose, statement_timeout: self.options.statement_timeout }
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
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).context("could not start a database thread").map(drop)
}
