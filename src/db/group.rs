//! Runs the jobs of a group together: what they need is loaded with one statement each, and they are committed at once.

use std::time::Duration;

use tracing::Span;

use super::{
    batch::Batch,
    connection::DbConnection,
    dialect::{self, Backend},
    job::{Isolation, Job},
    manager::is_lost,
    sqlite_file::SqliteFile,
    transaction::{self, no_panic},
};
use crate::{
    error::{Error, NO_DATABASE, NO_WRITES, Result},
    traces::{Trace, within},
};

/// How long a statement of a group of writes may take. Jobs that need longer run alone.
const PATIENCE: Duration = Duration::from_secs(3);

/// Jobs, most of them to be run together.
pub(super) type Jobs = Vec<Box<dyn Job>>;

/// How a group ended.
pub(super) struct Ended {
    /// The jobs that must run alone. Nothing of them was committed.
    pub alone: Jobs,
    /// Whether anything was committed.
    pub is_committed: bool,
    /// Whether the connection may be used further. Its process may be terminated when a caller has given up.
    pub is_usable: bool,
}

/// A job of a group of writes that has run, and its outcome unless the commit fails.
struct Ran {
    job: Box<dyn Job>,
    outcome: Result<()>,
}

/// A group that was undone: its jobs, unless they were refused.
struct Undone(Jobs);

impl Ended {
    fn new() -> Self {
        Self { alone: Jobs::new(), is_committed: false, is_usable: true }
    }

    /// Adds jobs that are to run again alone, without those whose callers have given up: the process of the connection may
    /// then be terminated at any time.
    fn leave(&mut self, jobs: impl IntoIterator<Item = Box<dyn Job>>) {
        for mut job in jobs {
            if job.retry() {
                self.alone.push(job);
            } else {
                self.is_usable = false;
            }
        }
    }
}

/// Runs reads, in one transaction if a job needs a snapshot or `limit` sets a statement timeout. SQLite always uses one.
/// Each job is answered as soon as it is done.
pub(super) fn read(
    connection: &mut DbConnection,
    backend: Option<Backend>,
    limit: Option<Duration>,
    group: Jobs,
) -> Ended {
    // At once, so that a process that hangs is stopped when the callers give up.
    let group: Jobs = group.into_iter().filter(|job| job.start(backend)).collect();
    let needs_transaction = limit.is_some()
        || dialect::reads_faster_in_transactions(connection)
        || group.iter().any(|job| job.isolation() == Isolation::Snapshot);
    let mut ended = Ended::new();
    let traces = traces(&group);
    if needs_transaction && within(&traces, || dialect::begin_snapshot(connection, limit)).is_err() {
        ended.leave(group);
        ended.is_usable = ended.is_usable && !is_lost(connection);
        return ended;
    }
    let mut batch = Batch::of_group();
    let needs = group.iter().flat_map(|job| &job.company().needs).map(AsRef::as_ref);
    let loaded = {
        // A slow statement is logged with one of the calls that it serves.
        let _named = group.first().map(|job| job.span().enter());
        if dialect::loads_sets(connection) { within(&traces, || batch.load(connection, needs)) } else { Ok(()) }
    };
    if let Err(error) = &loaded {
        tracing::debug!(%error, "a group of reads is undone");
    }
    let mut waiting = group.into_iter();
    if loaded.is_ok() {
        for mut job in waiting.by_ref() {
            match no_panic(|| job.run(connection, &mut batch)).and_then(|_done| job.seal()) {
                Err(error) if is_of_database(&error) => {
                    tracing::debug!(error = error.detail(), "a group of reads is undone");
                    ended.leave([job]);
                    break;
                }
                outcome => ended.is_usable = job.answer(outcome),
            }
            if !ended.is_usable {
                break;
            }
        }
    }
    ended.leave(waiting);
    if needs_transaction && dialect::in_transaction(connection) {
        ended.is_usable &= dialect::rollback(connection).is_ok();
    }
    ended.is_usable = ended.is_usable && (ended.alone.is_empty() || !is_lost(connection));
    ended
}

/// Runs writes in one transaction and answers them after its commit, on SQLite if `file` is still in place. Jobs of a group
/// that was undone are left to run alone; on SQLite, which has one thread for all writes, they are refused.
pub(super) fn write(
    connection: &mut DbConnection,
    backend: Option<Backend>,
    file: Option<&SqliteFile>,
    mut group: Jobs,
) -> Ended {
    let mut ended = Ended::new();
    if file.is_some_and(|file| !file.is_in_place()) {
        refuse(group, NO_DATABASE);
        return ended;
    }
    if file.is_none() {
        // At once, so that a process that hangs is stopped when the callers give up.
        group.retain(|job| job.start(backend));
    }
    let left = group.iter().map(|job| job.time_left()).min().unwrap_or_default();
    // On SQLite all writes are in groups, also those that don't write in steps and so need a savepoint to be undone. On
    // PostgreSQL savepoints would cost round trips; there all jobs of a group are undone if the database fails one.
    let traces = traces(&group);
    let begun = within(&traces, || dialect::begin_write(connection, Some(left.min(PATIENCE))));
    let ran = match (begun, file) {
        (Ok(()), None) => in_steps(connection, group, &traces, &mut ended),
        (Ok(()), Some(_)) => in_savepoints(connection, group),
        (Err(_), None) => Err(Undone(group)),
        (Err(error), Some(_)) => {
            tracing::error!(%error, "could not begin a write transaction");
            refuse(group, "The database is busy.");
            Err(Undone(Jobs::new()))
        }
    };
    let ran = match ran {
        Ok(ran) => ran,
        Err(Undone(jobs)) => {
            // On SQLite no transaction is open: it did not begin, or was rolled back.
            ended.is_usable &= (file.is_some() || dialect::rollback(connection).is_ok()) && !is_lost(connection);
            ended.leave(jobs);
            return ended;
        }
    };
    let failure = match within(&traces, || dialect::commit(connection)) {
        Ok(()) if file.is_none_or(SqliteFile::is_in_place) => None,
        Ok(()) => Some("the database file or its log is not in place".to_owned()),
        // A server that still answers has rolled back.
        Err(_) if file.is_none() && !is_lost(connection) => {
            ended.leave(ran.into_iter().map(|ran| ran.job));
            return ended;
        }
        // No page of the commit is in the log.
        Err(error) if file.is_some() && error.to_string().contains("database or disk is full") => {
            tracing::error!(%error, "{NO_WRITES}");
            refuse(ran.into_iter().map(|ran| ran.job), NO_WRITES);
            return ended;
        }
        // SQLite rolls back too, but what the log contains already may be found there after a crash.
        Err(error) => {
            ended.is_usable = file.is_some();
            Some(error.to_string())
        }
    };
    ended.is_committed = failure.is_none();
    for Ran { job, mut outcome } in ran {
        if let (Some(error), Ok(())) = (&failure, &outcome) {
            let unknown = "failure during a commit: it is not known whether the write was committed";
            job.span().in_scope(|| tracing::error!(error, "{unknown}"));
            outcome = Err(Error::OutcomeUnknown);
        }
        ended.is_usable &= job.answer(outcome) || file.is_some();
    }
    ended
}

/// The calls of a group that are traced. What is done for the group is in the trace of each.
fn traces(group: &Jobs) -> Vec<Trace> {
    group.iter().filter_map(|job| job.company().trace.clone()).collect()
}

/// Answers every job with SERVICE_UNAVAILABLE.
pub(super) fn refuse(jobs: impl IntoIterator<Item = Box<dyn Job>>, reason: &'static str) {
    for job in jobs {
        job.answer(Err(Error::unavailable(reason)));
    }
}

/// Runs each job in a savepoint of its own, up to the commit. None is started before its turn, so that its caller can still
/// withdraw it.
fn in_savepoints(connection: &mut DbConnection, group: Jobs) -> Result<Vec<Ran>, Undone> {
    let mut ran = Vec::with_capacity(group.len());
    let mut waiting = group.into_iter();
    while let Some(mut job) = waiting.next() {
        if !job.start(None) {
            continue;
        }
        let outcome = transaction::savepoint(connection, |connection| job.run_alone(connection));
        ran.push(Ran { job, outcome });
        // On a full disk SQLite rolls back the whole transaction. Further jobs would then commit one by one.
        if !dialect::in_transaction(connection) {
            tracing::error!("the database rolled the whole transaction back");
            refuse(ran.into_iter().map(|ran| ran.job).chain(waiting), NO_WRITES);
            return Err(Undone(Jobs::new()));
        }
    }
    Ok(ran)
}

/// Runs the jobs in steps, up to the commit. Those whose lock another transaction holds are left to run alone. If the
/// database fails one, all are undone.
fn in_steps(
    connection: &mut DbConnection,
    group: Jobs,
    traces: &[Trace],
    ended: &mut Ended,
) -> Result<Vec<Ran>, Undone> {
    let mut batch = Batch::of_group();
    let locks = group.iter().filter_map(|job| job.company().lock.as_deref());
    let loaded = {
        let _named = group.first().map(|job| job.span().enter());
        within(traces, || batch.load(connection, locks))
    };
    let (members, locked_out) = match loaded {
        Ok(()) => split(group, &batch),
        Err(_) => (Vec::new(), group),
    };
    ended.leave(locked_out);
    if members.is_empty() || !ended.is_usable {
        return Err(Undone(members));
    }
    run(connection, &mut batch, members, traces)
}

/// The jobs whose lock is taken, and the others.
fn split(group: Jobs, batch: &Batch) -> (Jobs, Jobs) {
    group.into_iter().partition(|job| job.company().lock.as_ref().is_some_and(|lock| lock.is_met(batch)))
}

/// Runs all jobs whose locks are taken.
fn run(connection: &mut DbConnection, batch: &mut Batch, members: Jobs, traces: &[Trace]) -> Result<Vec<Ran>, Undone> {
    let needs = members.iter().flat_map(|job| &job.company().needs).map(AsRef::as_ref);
    let span = members.first().map(|job| job.span().clone()).unwrap_or_else(Span::none);
    if span.in_scope(|| within(traces, || batch.load(connection, needs))).is_err() {
        return Err(Undone(members));
    }
    let mut running = members;
    let mut ran: Vec<Ran> = Vec::with_capacity(running.len());
    while !running.is_empty() {
        let mut waiting = Vec::new();
        let mut left = running.into_iter();
        let mut is_undone = false;
        for mut job in left.by_ref() {
            match no_panic(|| job.run(connection, batch)) {
                Ok(true) => ran.push(Ran { job, outcome: Ok(()) }),
                Ok(false) => waiting.push(job),
                // It has written nothing, because it writes in steps only.
                Err(error) if !is_of_database(&error) => {
                    ran.push(Ran { job, outcome: Err(error) });
                }
                Err(_) => {
                    waiting.push(job);
                    is_undone = true;
                    break;
                }
            }
        }
        if is_undone || span.in_scope(|| within(traces, || batch.take_steps(connection))).is_err() {
            return Err(undone(ran, waiting.into_iter().chain(left)));
        }
        running = waiting;
    }
    let is_sealed = ran.iter().all(|ran| ran.outcome.is_err() || ran.job.seal().is_ok());
    if is_sealed { Ok(ran) } else { Err(undone(ran, std::iter::empty())) }
}

fn undone(ran: Vec<Ran>, others: impl Iterator<Item = Box<dyn Job>>) -> Undone {
    Undone(ran.into_iter().map(|ran| ran.job).chain(others).collect())
}

/// Whether an error says nothing about the job alone, or left the transaction unusable.
fn is_of_database(error: &Error) -> bool {
    matches!(
        error,
        Error::Internal(_) | Error::Unavailable { .. } | Error::Contention | Error::Timeout | Error::OutcomeUnknown
    )
}
