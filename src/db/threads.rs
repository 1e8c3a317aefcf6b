//! Starts the database threads and their connection pools.

use std::{
    sync::{Arc, Mutex, atomic::AtomicU64},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use r2d2::Pool;
use scheduled_thread_pool::ScheduledThreadPool;

use super::{
    commits::Commits,
    connection::Purpose,
    job::{Lane, Queue},
    manager::{Manager, PoolManager},
    options::Options,
    queue::queue,
    sqlite_file::SqliteFile,
    url::DatabaseUrl,
    worker::Worker,
    writer::Writer,
};

/// Threads for writes that run in groups. More of them make smaller groups.
const WRITERS: u32 = 2;
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
    /// Jobs that were run in groups.
    grouped: Arc<AtomicU64>,
    helpers: Arc<ScheduledThreadPool>,
}

impl<'a> Pools<'a> {
    /// The pools of the server at `url`, which cancels statements that take longer than `statement_timeout`.
    pub fn new(options: &'a Options, url: &'a DatabaseUrl, statement_timeout: Duration) -> Self {
        let helpers = ScheduledThreadPool::builder().num_threads(HELPERS).thread_name_pattern("db-connect-{}").build();
        let file = url.sqlite_path().map(|path| Arc::new(SqliteFile::new(path)));
        Self { options, url, file, statement_timeout, grouped: Arc::default(), helpers: Arc::new(helpers) }
    }

    /// Starts `options.threads` threads that read what waits in one queue, in groups.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_readers(&self) -> anyhow::Result<Lane> {
        self.start_workers(Purpose::Read, None, Worker::read_in_groups)
    }

    /// Starts `options.threads` threads that run one job at a time, all from one queue, and announce to `commits` what they
    /// commit.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_loners(&self, purpose: Purpose, commits: Option<&Commits>) -> anyhow::Result<Lane> {
        self.start_workers(purpose, commits, Worker::work)
    }

    /// Starts the threads that write in groups, each with a queue of its own, so that all writes of a user meet on one
    /// thread. What must run alone goes to the queue `alone`.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_group_writers(&self, commits: &Commits, alone: &Lane) -> anyhow::Result<Vec<Lane>> {
        let pool = self.pool(Purpose::Write, WRITERS);
        let away = Arc::default();
        let start = |_| {
            let (lane, jobs) = queue(self.options.queued_jobs);
            let worker = self.worker(&pool, Purpose::Write, &away, Some(commits));
            let alone = alone.clone();
            spawn("db-group", move || worker.write_in_groups(&jobs, &alone)).map(|()| lane)
        };
        (0..WRITERS).map(start).collect()
    }

    /// Counts the jobs that were run in groups.
    pub fn grouped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.grouped)
    }

    fn start_workers(
        &self,
        purpose: Purpose,
        commits: Option<&Commits>,
        work: fn(Worker, &Queue),
    ) -> anyhow::Result<Lane> {
        let (lane, jobs) = queue(self.options.queued_jobs);
        let pool = self.pool(purpose, self.options.threads);
        let away = Arc::default();
        for _ in 0..self.options.threads {
            let worker = self.worker(&pool, purpose, &away, commits);
            let jobs = jobs.clone();
            spawn("db", move || work(worker, &jobs))?;
        }
        Ok(lane)
    }

    fn worker(
        &self,
        pool: &Pool<PoolManager>,
        purpose: Purpose,
        away: &Arc<Mutex<Option<Instant>>>,
        commits: Option<&Commits>,
    ) -> Worker {
        let (away, grouped) = (Arc::clone(away), Arc::clone(&self.grouped));
        Worker::new(pool.clone(), purpose, self.statement_timeout, away, commits.cloned(), grouped)
    }

    /// Starts the one thread that writes to a SQLite file. None on PostgreSQL.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_sqlite_writer(&self, commits: &Commits) -> anyhow::Result<Option<Lane>> {
        let Some(file) = &self.file else { return Ok(None) };
        let (lane, jobs) = queue(self.options.queued_jobs);
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
