//! The database as the rest of the program sees it: `Database::read`, `query` and `write`.
//!
//! Diesel blocks, so a small fixed set of threads does the work, each with its own connection and fed by a bounded
//! queue. See docs/ARCHITECTURE.md, "Data", for the measurements behind this.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::timeout};

use super::{
    batch::{Batch, Company, Progress, Reading, plain},
    commits::Commits,
    connection::{DbConnection, Purpose},
    dialect,
    job::{Isolation, Lane, Patience, job},
    log_position,
    measures::Measures,
    options::Options,
    own_writes::Reader,
    refusals::Refusals,
    replica::{Replica, ReplicaState},
    sqlite_file::log_beside,
    stopper::Stopper,
    threads::{PRIMARY, Pools, REPLICA},
    url::DatabaseUrl,
};
use crate::{
    error::{BUSY, Error, NO_WRITES, Result},
    traces::Trace,
};

/// How long after its deadline a caller waits for the end of work that has begun. Callers are answered within a second of
/// their deadline.
pub const GRACE: Duration = Duration::from_millis(750);

/// A handle to the database threads; clones share them. When the last one is dropped, the threads finish their queues
/// and end.
#[derive(Clone)]
pub struct Database(Arc<Lanes>);

struct Lanes {
    reads: Lane,
    /// Queries that browse.
    browsing: Lane,
    replica: Option<Replica>,
    /// On SQLite all writes; on PostgreSQL those that run alone.
    writes: Lane,
    /// Writes that run in groups on PostgreSQL, by user.
    groups: Vec<Lane>,
    /// Stops PostgreSQL processes that hang.
    stopper: Option<Stopper>,
    commits: Commits,
    refusals: Refusals,
    measures: Measures,
    kind: &'static str,
    /// The SQLite file.
    file: Option<PathBuf>,
}

impl Database {
    /// Starts the threads. Connections are opened on first use, so this succeeds while the database is down.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn open(options: &Options) -> anyhow::Result<Self> {
        let measures = Measures::new(options.replica.is_some());
        let primary = Pools::new(options, &options.url, options.statement_timeout, (&PRIMARY, &measures));
        let reads = primary.start_readers()?;
        let browsing = primary.start_browsers()?;
        let commits = match options.listen.as_ref().unwrap_or(&options.url) {
            DatabaseUrl::Postgres(url) => Commits::of_postgres(url.clone()),
            DatabaseUrl::Sqlite(_) | DatabaseUrl::Pooled(_) => Commits::of_this_process(),
        };
        let (writes, groups) = primary.start_writers(&commits)?;
        let stopper = stopper(&options.url)?;
        let replica = options.replica.as_ref().map(|url| open_replica(options, url, &measures)).transpose()?;
        Ok(Self(Arc::new(Lanes {
            reads,
            browsing,
            replica,
            writes,
            groups,
            stopper,
            commits,
            refusals: Refusals::of(&options.url),
            kind: options.url.kind(),
            file: options.url.sqlite_path().map(PathBuf::from),
            measures,
        })))
    }

    /// Whether a query may try the replica: there is one, and it has not failed recently. After a failure only one query is
    /// told so, which must then try.
    pub fn may_try_replica(&self) -> bool {
        let Some(replica) = &self.0.replica else { return false };
        let may_try = replica.may_try();
        if !may_try {
            replica.left_alone();
        }
        may_try
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
        self.query(deadline, true, Company::default(), plain(work)).await
    }

    /// Like [`Self::read`]; `company` names the rows to load together with those of other queries. `snapshot` says whether
    /// several statements must see the same state of the database.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub async fn query<T, W>(&self, deadline: Instant, snapshot: bool, company: Company, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection, &mut Batch) -> Result<Progress<T>> + Send + 'static,
    {
        let lane = if company.reading == Reading::Browsing { &self.0.browsing } else { &self.0.reads };
        let isolation = if snapshot { Isolation::Snapshot } else { Isolation::OneStatement };
        let order = Order { deadline, company, isolation, unfinished: Error::Timeout };
        self.submit(lane, order, work).await
    }

    /// Notes that a caller has written, before they are told so: their next queries need it.
    pub fn note_write(&self, who: &str) {
        if let Some(replica) = &self.0.replica {
            replica.note_write(who);
        }
    }

    /// What is known of the replica, after it was asked, if it may be, for `patience` at most. None without a replica.
    pub async fn probe_replica(&self, patience: Duration) -> Option<ReplicaState> {
        let replica = self.0.replica.as_ref()?;
        if replica.may_try() {
            let ask = async {
                let asked = Instant::now();
                if let Ok(Some(position)) = self.read(asked + patience, |conn| Ok(log_position::current(conn)?)).await {
                    let (deadline, reader) = (Instant::now() + patience, Reader { who: None, asked, position });
                    drop(replica.query(deadline, false, Reading::Short, &reader, None, |_| Ok(())).await);
                }
            };
            // If the primary takes that long, this says nothing about the replica.
            drop(timeout(patience, ask).await);
        }
        Some(replica.state())
    }

    /// Whether there is a replica.
    pub fn has_replica(&self) -> bool {
        self.0.replica.is_some()
    }

    /// Like [`Self::read`], but on the replica if that has what the reader wrote, is not too far behind and says so quickly.
    /// `snapshot` is as for [`Self::query`], `reading` says how the work reads, and `trace` for which call.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub async fn query_replica<T, W>(
        &self,
        deadline: Instant,
        snapshot: bool,
        reading: Reading,
        reader: Option<Reader>,
        trace: Option<Trace>,
        work: W,
    ) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Clone + Send + 'static,
    {
        if let (Some(replica), Some(reader)) = (&self.0.replica, reader)
            && let Some(result) = replica.query(deadline, snapshot, reading, &reader, trace.clone(), work.clone()).await
        {
            return result;
        }
        let company = Company { reading, ..Company::none(trace) };
        self.query(deadline, snapshot, company, plain(work)).await
    }

    /// Runs `work` in one transaction and returns after its commit. `work` may run again after a deadlock.
    ///
    /// # Errors
    /// Those of `work`, which roll it back; TIMEOUT when it was cancelled; SERVICE_UNAVAILABLE as for [`Self::read`], and
    /// when the end of the write is unknown.
    pub async fn write<T, W>(&self, deadline: Instant, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        self.write_together(deadline, Company::default(), plain(work)).await
    }

    /// Like [`Self::write`], in one transaction with other short writes that wait, if the company has a lock. If it fails, or
    /// another one does, it runs again alone.
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub async fn write_together<T, W>(&self, deadline: Instant, company: Company, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection, &mut Batch) -> Result<Progress<T>> + Send + 'static,
    {
        let written = self.submit(self.writer(&company), Order::write(deadline, company), work).await;
        self.0.refusals.note(&written);
        written
    }

    fn writer(&self, company: &Company) -> &Lane {
        let lanes = &self.0.groups;
        let group = company.lock.as_ref().and_then(|lock| {
            let mut hasher = DefaultHasher::new();
            lock.key().hash(&mut hasher);
            lanes.get(usize::try_from(hasher.finish().checked_rem(u64::try_from(lanes.len()).ok()?)?).ok()?)
        });
        group.unwrap_or(&self.0.writes)
    }

    /// Makes a write that changes nothing, and waits for its commit.
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub async fn probe_write(&self, deadline: Instant) -> Result<()> {
        if self.0.refusals.are_recent() {
            return Err(Error::unavailable(NO_WRITES));
        }
        let order = Order::write(deadline, Company::default());
        self.submit(&self.0.writes, order, plain(|conn| Ok(dialect::write_probe(conn)?))).await
    }

    /// Renews the statistics of SQLite's planner. PostgreSQL does so by itself.
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub async fn optimize(&self, deadline: Instant) -> Result<()> {
        self.write(deadline, |conn| Ok(dialect::optimize(conn)?)).await
    }

    /// A receiver that changes after commits that may have added events: at once after a commit of this process, and on
    /// PostgreSQL within 50 ms after one of another process. Not reported are commits of other processes to a SQLite
    /// file or through a pooler, and those made while the listening connection is down. So callers also poll, at a longer
    /// interval.
    pub fn commits(&self) -> watch::Receiver<()> {
        self.0.commits.subscribe()
    }

    /// Jobs in the queues: reads on the primary, writes.
    pub fn queued(&self) -> (usize, usize) {
        let lanes = std::iter::once(&self.0.writes).chain(&self.0.groups);
        (self.0.reads.len().saturating_add(self.0.browsing.len()), lanes.map(Lane::len).sum())
    }

    /// What the threads count and time.
    pub fn measures(&self) -> &Measures {
        &self.0.measures
    }

    /// The database's name for messages.
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// The bytes of the SQLite file and of its write-ahead log; 0 for one that can't be looked at. None on PostgreSQL.
    pub fn file_sizes(&self) -> Option<(u64, u64)> {
        let file = self.0.file.as_ref()?;
        let size = |path: io::Result<PathBuf>| path.and_then(fs::metadata).map_or(0, |file| file.len());
        Some((size(Ok(file.clone())), size(log_beside(file))))
    }

    async fn submit<T, W>(&self, lane: &Lane, order: Order, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection, &mut Batch) -> Result<Progress<T>> + Send + 'static,
    {
        let Order { deadline, company, isolation, unfinished } = order;
        let patience = Patience { deadline, give_up: deadline + GRACE };
        let (job, ticket) = job(work, company, isolation, patience, self.0.stopper.clone());
        lane.try_send(job).map_err(|_full| Error::unavailable(BUSY))?;
        ticket.answer(unfinished).await
    }
}

/// How to run a job.
struct Order {
    deadline: Instant,
    company: Company,
    isolation: Isolation,
    /// The error when it has begun and does not end in time.
    unfinished: Error,
}

impl Order {
    fn write(deadline: Instant, company: Company) -> Self {
        Self { deadline, company, isolation: Isolation::Snapshot, unfinished: Error::OutcomeUnknown }
    }
}

fn stopper(url: &DatabaseUrl) -> anyhow::Result<Option<Stopper>> {
    match url {
        DatabaseUrl::Postgres(url) => Ok(Some(Stopper::of_postgres(url)?)),
        // A pooler may have given the process to somebody else meanwhile. There the time limit of each transaction must do.
        DatabaseUrl::Sqlite(_) | DatabaseUrl::Pooled(_) => Ok(None),
    }
}

fn open_replica(options: &Options, url: &DatabaseUrl, measures: &Measures) -> anyhow::Result<Replica> {
    // The server ends every statement by then, so no process of a replica needs to be stopped.
    let statement_timeout = options.statement_timeout / 2;
    let pools = Pools::new(options, url, statement_timeout, (&REPLICA, measures));
    let lanes = (pools.start_loners(Purpose::Read, None)?, pools.start_browsers()?);
    Ok(Replica::new(lanes, options.staleness, measures.of_replica()))
}
