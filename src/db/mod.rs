//! The database as the rest of the program sees it: `Database::read`, `query` and `write`.
//!
//! Diesel blocks, so a small fixed set of threads does the work, each with its own connection and fed by a bounded
//! queue. See docs/ARCHITECTURE.md, "Data", for what was measured.

mod connection;
pub mod constraint;
pub mod dialect;
mod instrument;
mod job;
mod listen;
pub mod migrations;
pub(crate) mod text_enum;
pub mod timestamp;
mod tls;
pub mod transaction;
mod url;
mod worker;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, bounded};
use r2d2::Pool;
use tokio::sync::watch;

pub use self::{
    connection::{DbConnection, Manager, Role},
    instrument::statements,
    timestamp::Timestamp,
    url::DatabaseUrl,
};
use self::{
    job::{Job, job},
    worker::Worker,
    writer::Writer,
};
use crate::{
    config::Secret,
    error::{Error, Result},
};

/// Where jobs wait for a thread.
type Lane = Sender<Box<dyn Job>>;

/// How to open a [`Database`].
#[derive(Clone, Debug)]
pub struct Options {
    pub url: DatabaseUrl,
    pub replica: Option<DatabaseUrl>,
    /// Threads, each with a connection, for reads; PostgreSQL has as many again for writes.
    pub threads: u32,
    /// Jobs waiting for a thread, in each lane; one more is refused.
    pub queued_jobs: usize,
    /// PostgreSQL cancels a statement that takes longer.
    pub statement_timeout: Duration,
}

/// Where we learn of commits from.
#[derive(Clone)]
enum Commits {
    /// This process' own writer.
    Writer(watch::Sender<()>),
    /// PostgreSQL at this address.
    Server(Secret),
}

/// A handle to the database threads. They finish their queues and end when the last handle is dropped.
#[derive(Clone)]
pub struct Database {
    reads: Lane,
    replica_reads: Option<Lane>,
    writes: Lane,
    commits: Commits,
    /// Closes with the database and stops the checkpoints.
    _checkpoints: Option<Sender<()>>,
}

impl Database {
    /// Starts the threads. Connections are opened on first use, so this works while the database is away.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn open(options: &Options) -> anyhow::Result<Self> {
        let reads = pooled_lane(options, &options.url, Role::Read)?;
        let replica_reads = options.replica.as_ref().map(|url| pooled_lane(options, url, Role::Read)).transpose()?;
        let (writes, commits, checkpoints) = match &options.url {
            DatabaseUrl::Postgres(url) => {
                (pooled_lane(options, &options.url, Role::Write)?, Commits::Server(url.clone()), None)
            }
            DatabaseUrl::Sqlite(path) => {
                let mut log = path.clone().into_os_string();
                log.push("-wal");
                let commits = watch::Sender::new(());
                let (writes, checkpoints) = sqlite_writer(options, &PathBuf::from(log), commits.clone())?;
                (writes, Commits::Writer(commits), Some(checkpoints))
            }
        };
        Ok(Self { reads, replica_reads, writes, commits, _checkpoints: checkpoints })
    }

    /// Whether queries may be answered by a replica, which lags behind.
    pub fn has_replica(&self) -> bool {
        self.replica_reads.is_some()
    }

    /// Runs `work` on the primary, all its statements in one snapshot.
    ///
    /// # Errors
    /// Those of `work`; TIMEOUT; SERVICE_UNAVAILABLE when the queue is full or the database out of reach.
    pub async fn read<T, W>(&self, deadline: Instant, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        self.submit(&self.reads, deadline, work, true).await
    }

    /// Like [`Self::read`], but on the replica where there is one; `snapshot` only where several statements must agree.
    pub async fn query<T, W>(&self, deadline: Instant, snapshot: bool, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        self.submit(self.replica_reads.as_ref().unwrap_or(&self.reads), deadline, work, snapshot).await
    }

    /// Runs `work` in one transaction and returns after its commit. It may run again after a deadlock.
    ///
    /// # Errors
    /// Those of `work`, which undo it; TIMEOUT when it was cancelled; SERVICE_UNAVAILABLE as for [`Self::read`].
    pub async fn write<T, W>(&self, deadline: Instant, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        self.submit(&self.writes, deadline, work, false).await
    }

    async fn submit<T, W>(&self, lane: &Lane, deadline: Instant, work: W, snapshot: bool) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        let (job, mut ticket) = job(work, snapshot, deadline);
        lane.try_send(job).map_err(|_full| Error::unavailable("The server is busy. Try again."))?;
        let answer = match tokio::time::timeout_at(deadline.into(), &mut ticket.reply).await {
            Ok(answer) => answer,
            Err(_elapsed) if ticket.cancel() => return Err(Error::Timeout),
            // A thread has begun it: it ends soon, by its own deadline, and then we know how.
            Err(_elapsed) => ticket.reply.await,
        };
        answer.unwrap_or_else(|_gone| Err(Error::unavailable("The server is stopping.")))
    }

    /// Changes when clusters may have changed: on SQLite after every commit of this process, on PostgreSQL whenever the
    /// server says so, on a connection that lives as long as the receiver. What others write to a SQLite file, or what
    /// is written while that connection is broken, is not told. Needs a runtime.
    pub fn commits(&self) -> watch::Receiver<()> {
        match &self.commits {
            Commits::Writer(commits) => commits.subscribe(),
            Commits::Server(url) => listen::start(url),
        }
    }

    /// Jobs waiting: reads, writes.
    pub fn queued(&self) -> (usize, usize) {
        (self.reads.len(), self.writes.len())
    }
}

fn pool(options: &Options, url: &DatabaseUrl, role: Role, size: u32) -> Pool<Manager> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .idle_timeout(None)
        .max_lifetime(None)
        .connection_timeout(Duration::from_secs(2))
        .error_handler(Box::new(LogErrors))
        .build_unchecked(manager(options, url, role))
}

fn manager(options: &Options, url: &DatabaseUrl, role: Role) -> Manager {
    Manager { url: url.clone(), role, statement_timeout: options.statement_timeout }
}

#[derive(Debug)]
struct LogErrors;

impl r2d2::HandleError<diesel::ConnectionError> for LogErrors {
    fn handle_error(&self, error: diesel::ConnectionError) {
        tracing::warn!(%error, "could not connect to the database");
    }
}

fn pooled_lane(options: &Options, url: &DatabaseUrl, role: Role) -> anyhow::Result<Lane> {
    let (sender, jobs) = bounded(options.queued_jobs);
    let pool = pool(options, url, role, options.threads);
    let away = Arc::default();
    for _ in 0..options.threads {
        let (jobs, worker) = (jobs.clone(), Worker::new(pool.clone(), role, Arc::clone(&away)));
        spawn("db", move || worker.work(&jobs))?;
    }
    Ok(sender)
}

fn sqlite_writer(options: &Options, log: &Path, commits: watch::Sender<()>) -> anyhow::Result<(Lane, Sender<()>)> {
    let (sender, jobs): (_, Receiver<Box<dyn Job>>) = bounded(options.queued_jobs);
    let (stop_sender, stop) = bounded(0);
    let writer = Writer::new(pool(options, &options.url, Role::Write, 1), log.to_owned(), commits);
    let (manager, log) = (manager(options, &options.url, Role::Write), log.to_owned());
    spawn("db-writer", move || writer.work(&jobs))?;
    spawn("db-checkpoint", move || writer::checkpoint_in_background(&stop, &manager, &log))?;
    Ok((sender, stop_sender))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).context("could not start a database thread").map(drop)
}
