//! Starts the database threads and their connection pools.

use std::{
    sync::{Arc, Mutex},
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
    measures::{LaneMeasures, Measures},
    options::Options,
    queue::queue,
    sqlite_file::SqliteFile,
    sqlite_log::SqliteLog,
    url::DatabaseUrl,
    worker::Worker,
};

/// Threads for writes that run in groups. More of them make smaller groups.
const WRITERS: u32 = 2;
/// Threads for queries that browse. They take long, and must leave the processors to others.
const BROWSERS: u32 = 2;
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
    measures: &'a Measures,
    /// The names of its lanes.
    lanes: &'static LaneNames,
    helpers: Arc<ScheduledThreadPool>,
}

/// What the lanes of a server are called in the metrics.
pub(super) struct LaneNames {
    reads: &'static str,
    browsing: &'static str,
    writes: &'static str,
    groups: &'static str,
}

/// The lanes of the primary.
pub(super) const PRIMARY: LaneNames =
    LaneNames { reads: "reads", browsing: "browsing", writes: "writes", groups: "write_groups" };
/// The lanes of a replica, which has none for writes.
pub(super) const REPLICA: LaneNames =
    LaneNames { reads: "replica_reads", browsing: "replica_browsing", writes: "", groups: "" };

impl<'a> Pools<'a> {
    /// The pools of the server at `url`, which cancels statements that take longer than `statement_timeout`.
    pub fn new(
        options: &'a Options,
        url: &'a DatabaseUrl,
        statement_timeout: Duration,
        (lanes, measures): (&'static LaneNames, &'a Measures),
    ) -> Self {
        let helpers = ScheduledThreadPool::builder().num_threads(HELPERS).thread_name_pattern("db-connect-{}").build();
        let file = url.sqlite_path().map(|path| Arc::new(SqliteFile::new(path)));
        Self { options, url, file, statement_timeout, measures, lanes, helpers: Arc::new(helpers) }
    }

    /// Starts `options.threads` threads that read what waits in one queue, in groups.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_readers(&self) -> anyhow::Result<Lane> {
        self.start_workers(Purpose::Read, self.options.threads, None, Worker::read_in_groups)
    }

    /// Starts the threads for queries that browse.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_browsers(&self) -> anyhow::Result<Lane> {
        self.start_workers(Purpose::Browse, BROWSERS, None, Worker::work)
    }

    /// Starts `options.threads` threads that run one job at a time, all from one queue, and announce to `commits` what they
    /// commit.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_loners(&self, purpose: Purpose, commits: Option<&Commits>) -> anyhow::Result<Lane> {
        self.start_workers(purpose, self.options.threads, commits, Worker::work)
    }

    /// Starts the threads that write. On SQLite this is one, which writes in groups. On PostgreSQL those of the first queue
    /// run one job at a time, and the others write in groups, each with a queue of its own, so that all writes of a user
    /// meet on one thread. What must run alone goes to the first queue.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start_writers(&self, commits: &Commits) -> anyhow::Result<(Lane, Vec<Lane>)> {
        if self.file.is_some() {
            let writes = self.start_workers(Purpose::Write, 1, Some(commits), Worker::write_all)?;
            return Ok((writes, Vec::new()));
        }
        let writes = self.start_loners(Purpose::Write, Some(commits))?;
        let measures = self.measures.of(self.lanes.groups);
        let pool = self.pool(Purpose::Write, WRITERS, &measures);
        let away = Arc::default();
        let start = |_| {
            let (lane, jobs) = queue(self.options.queued_jobs);
            let worker = self.worker(&pool, Purpose::Write, &measures, &away, Some(commits));
            let alone = writes.clone();
            spawn("db-group", move || worker.write_in_groups(&jobs, &alone)).map(|()| lane)
        };
        let groups = (0..WRITERS).map(start).collect::<anyhow::Result<_>>()?;
        Ok((writes, groups))
    }

    fn start_workers(
        &self,
        purpose: Purpose,
        threads: u32,
        commits: Option<&Commits>,
        work: fn(Worker, &Queue),
    ) -> anyhow::Result<Lane> {
        let (lane, jobs) = queue(self.options.queued_jobs);
        let measures = self.measures.of(match purpose {
            Purpose::Read => self.lanes.reads,
            Purpose::Browse => self.lanes.browsing,
            Purpose::Write => self.lanes.writes,
        });
        let pool = self.pool(purpose, threads, &measures);
        let away = Arc::default();
        for _ in 0..threads {
            let worker = self.worker(&pool, purpose, &measures, &away, commits);
            let jobs = jobs.clone();
            spawn("db", move || work(worker, &jobs))?;
        }
        Ok(lane)
    }

    fn worker(
        &self,
        pool: &Pool<PoolManager>,
        purpose: Purpose,
        measures: &LaneMeasures,
        away: &Arc<Mutex<Option<Instant>>>,
        commits: Option<&Commits>,
    ) -> Worker {
        let written = self.file.clone().filter(|_| purpose == Purpose::Write);
        Worker {
            pool: pool.clone(),
            purpose,
            statement_timeout: self.statement_timeout,
            has_sessions: self.url.has_sessions(),
            kept: None,
            away: Arc::clone(away),
            commits: commits.cloned(),
            log: written.map(SqliteLog::new),
            measures: measures.clone(),
        }
    }

    fn pool(&self, purpose: Purpose, size: u32, measures: &LaneMeasures) -> Pool<PoolManager> {
        Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_timeout(CONNECTION_TIMEOUT)
            .error_handler(Box::new(LogErrors))
            .thread_pool(Arc::clone(&self.helpers))
            .build_unchecked(self.manager(purpose, measures))
    }

    fn manager(&self, purpose: Purpose, measures: &LaneMeasures) -> PoolManager {
        let manager = Manager { url: self.url.clone(), purpose, statement_timeout: self.statement_timeout };
        PoolManager { manager, file: self.file.clone(), measures: Some(measures.clone()) }
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
