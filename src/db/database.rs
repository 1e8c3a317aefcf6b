//! The database as the rest of the program sees it: `Database::read`, `query` and `write`.
//!
//! Diesel blocks, so a small fixed set of threads does the work, each with its own connection and fed by a bounded
//! queue. See docs/ARCHITECTURE.md, "Data", for the measurements behind this.

use std::{sync::Arc, time::Instant};

use crossbeam_channel::Sender;
use tokio::sync::watch;

use super::{
    commits::Commits,
    connection::{DbConnection, Purpose},
    job::job,
    options::Options,
    threads::{Lane, Pools},
    url::DatabaseUrl,
};
use crate::error::{Error, Result};

/// A handle to the database threads; clones share them. When the last one is dropped, the threads finish their queues
/// and end.
#[derive(Clone)]
pub struct Database(Arc<Lanes>);

struct Lanes {
    reads: Lane,
    replica_reads: Option<Lane>,
    writes: Lane,
    commits: Commits,
    /// Dropped with the database, which stops the checkpoints.
    _checkpoints: Option<Sender<()>>,
}

impl Database {
    /// Starts the threads. Connections are opened on first use, so this succeeds while the database is down.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn open(options: &Options) -> anyhow::Result<Self> {
        let primary = Pools::new(options, &options.url);
        let reads = primary.start_workers(Purpose::Read, None)?;
        let replica = options.replica.as_ref().map(|url| Pools::new(options, url));
        let replica_reads = replica.map(|pools| pools.start_workers(Purpose::Read, None)).transpose()?;
        let (commits, writes, checkpoints) = match &options.url {
            DatabaseUrl::Postgres(url) => {
                let commits = Commits::of_postgres(url.clone());
                let writes = primary.start_workers(Purpose::Write, Some(&commits))?;
                (commits, writes, None)
            }
            DatabaseUrl::Sqlite(path) => {
                let commits = Commits::of_sqlite();
                let writer = primary.start_sqlite_writer(path, commits.clone())?;
                (commits, writer.lane, Some(writer.checkpoints))
            }
        };
        Ok(Self(Arc::new(Lanes { reads, replica_reads, writes, commits, _checkpoints: checkpoints })))
    }

    /// Whether queries may be answered by a replica, which lags behind.
    pub fn has_replica(&self) -> bool {
        self.0.replica_reads.is_some()
    }

    /// Runs `work` on the primary, with all its statements in one snapshot.
    ///
    /// # Errors
    /// Those of `work`; TIMEOUT; SERVICE_UNAVAILABLE when the queue is full or the database cannot be reached.
    pub async fn read<T, W>(&self, deadline: Instant, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        submit(&self.0.reads, deadline, work, true).await
    }

    /// Like [`Self::read`], but on the replica if there is one. `snapshot` says whether several statements must see the
    /// same state of the database.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub async fn query<T, W>(&self, deadline: Instant, snapshot: bool, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        submit(self.0.replica_reads.as_ref().unwrap_or(&self.0.reads), deadline, work, snapshot).await
    }

    /// Runs `work` in one transaction and returns after its commit. `work` may run again after a deadlock.
    ///
    /// # Errors
    /// Those of `work`, which roll it back; TIMEOUT when it was cancelled; SERVICE_UNAVAILABLE as for [`Self::read`].
    pub async fn write<T, W>(&self, deadline: Instant, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        submit(&self.0.writes, deadline, work, false).await
    }

    /// A receiver that changes after commits that may have added events: at once after a commit of this process, and on
    /// PostgreSQL within 50 ms after one of another process. Not reported are commits of other processes to a SQLite
    /// file, and those made while the listening connection is down. So callers also poll, at a longer interval.
    pub fn commits(&self) -> watch::Receiver<()> {
        self.0.commits.subscribe()
    }

    /// Jobs in the queues: reads on the primary, writes.
    pub fn queued(&self) -> (usize, usize) {
        (self.0.reads.len(), self.0.writes.len())
    }
}

async fn submit<T, W>(lane: &Lane, deadline: Instant, work: W, snapshot: bool) -> Result<T>
where
    T: Send + 'static,
    W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
{
    let (job, mut ticket) = job(work, snapshot, deadline);
    lane.try_send(job).map_err(|_full| Error::unavailable("The server is busy. Try again."))?;
    let answer = match tokio::time::timeout_at(deadline.into(), &mut ticket.reply).await {
        Ok(answer) => answer,
        Err(_elapsed) if ticket.cancel() => return Err(Error::Timeout),
        // A thread has started the job. It observes the same deadline, so its outcome is known soon.
        Err(_elapsed) => ticket.reply.await,
    };
    answer.unwrap_or_else(|_gone| Err(Error::unavailable("The server is stopping.")))
}
