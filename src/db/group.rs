//! Runs the jobs of a group together: what they need is loaded with one statement each, and they are committed at once.

use std::time::Duration;

use super::{
    batch::Batch,
    connection::DbConnection,
    dialect::{self, Backend},
    job::{Isolation, Job},
    manager::is_lost,
    transaction::no_panic,
};
use crate::error::{Error, Result};

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
pub(super) struct Ran {
    /// The job.
    pub job: Box<dyn Job>,
    /// How it ended.
    pub outcome: Result<()>,
}

/// A group that was undone.
struct Undone(Jobs);

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
    if needs_transaction && dialect::begin_snapshot(connection, limit).is_err() {
        let mut alone = Jobs::new();
        let is_usable = leave(group, &mut alone) && !is_lost(connection);
        return Ended { alone, is_committed: false, is_usable };
    }
    let mut batch = Batch::of_group();
    let needs = group.iter().flat_map(|job| &job.company().needs).map(AsRef::as_ref);
    let loaded = if dialect::loads_sets(connection) { batch.load(connection, needs) } else { Ok(()) };
    if let Err(error) = &loaded {
        tracing::debug!(%error, "a group of reads is undone");
    }
    let mut waiting = group.into_iter();
    let mut alone = Jobs::new();
    let mut is_usable = true;
    if loaded.is_ok() {
        for mut job in waiting.by_ref() {
            match no_panic(|| job.run(connection, &mut batch)).and_then(|_done| job.seal()) {
                Err(error) if is_of_database(&error) => {
                    tracing::debug!(error = error.detail(), "a group of reads is undone");
                    is_usable = leave([job], &mut alone);
                    break;
                }
                outcome => is_usable = job.answer(outcome),
            }
            if !is_usable {
                break;
            }
        }
    }
    is_usable &= leave(waiting, &mut alone);
    if needs_transaction && dialect::in_transaction(connection) {
        is_usable &= dialect::rollback(connection).is_ok();
    }
    Ended { is_usable: is_usable && (alone.is_empty() || !is_lost(connection)), alone, is_committed: false }
}

/// Runs writes in one transaction and answers them after its commit. Those whose lock another transaction holds are left
/// to run alone. If the database fails one, all are undone, and left to run alone.
pub(super) fn write(connection: &mut DbConnection, backend: Option<Backend>, group: Jobs) -> Ended {
    // At once, so that a process that hangs is stopped when the callers give up.
    let group: Jobs = group.into_iter().filter(|job| job.start(backend)).collect();
    let left = group.iter().map(|job| job.time_left()).min().unwrap_or_default();
    let mut batch = Batch::of_group();
    let begun = dialect::begin_write(connection, Some(left.min(PATIENCE)));
    let locks = group.iter().filter_map(|job| job.company().lock.as_deref());
    let locked = begun.and_then(|()| batch.load(connection, locks));
    let (members, locked_out) = match locked {
        Ok(()) => split(group, &batch),
        Err(_) => (Vec::new(), group),
    };
    let mut alone = Jobs::new();
    let mut is_usable = leave(locked_out, &mut alone);
    let ran =
        if members.is_empty() || !is_usable { Err(Undone(members)) } else { run(connection, &mut batch, members) };
    let ran = match ran {
        Ok(ran) => ran,
        Err(Undone(members)) => {
            is_usable &= dialect::rollback(connection).is_ok() && !is_lost(connection);
            is_usable &= leave(members, &mut alone);
            return Ended { alone, is_committed: false, is_usable };
        }
    };
    match dialect::commit(connection) {
        Ok(()) => {
            for Ran { job, outcome } in ran {
                is_usable &= job.answer(outcome);
            }
            Ended { alone, is_committed: true, is_usable }
        }
        Err(error) if is_lost(connection) => {
            for Ran { job, outcome } in ran {
                let outcome = outcome.and_then(|()| {
                    job.span().in_scope(|| tracing::error!(%error, "the database connection was lost during a commit"));
                    Err(Error::OutcomeUnknown)
                });
                job.answer(outcome);
            }
            Ended { alone, is_committed: false, is_usable: false }
        }
        Err(_) => {
            // A server that still answers has rolled back.
            let is_usable = leave(ran.into_iter().map(|ran| ran.job), &mut alone);
            Ended { alone, is_committed: false, is_usable }
        }
    }
}

/// The jobs whose lock is taken, and the others.
fn split(group: Jobs, batch: &Batch) -> (Jobs, Jobs) {
    group.into_iter().partition(|job| job.company().lock.as_ref().is_some_and(|lock| lock.is_met(batch)))
}

/// Runs all jobs up to the commit.
fn run(connection: &mut DbConnection, batch: &mut Batch, members: Jobs) -> Result<Vec<Ran>, Undone> {
    let needs = members.iter().flat_map(|job| &job.company().needs).map(AsRef::as_ref);
    if batch.load(connection, needs).is_err() {
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
        if is_undone || batch.take_steps(connection).is_err() {
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

/// Adds jobs that are to run again to `alone`, without those whose callers have given up. False if there was one: the process
/// of the connection may then be terminated at any time.
fn leave(jobs: impl IntoIterator<Item = Box<dyn Job>>, alone: &mut Jobs) -> bool {
    let mut all_wait = true;
    for mut job in jobs {
        if job.retry() {
            alone.push(job);
        } else {
            all_wait = false;
        }
    }
    all_wait
}

/// Whether an error says nothing about the job alone, or left the transaction unusable.
fn is_of_database(error: &Error) -> bool {
    matches!(
        error,
        Error::Internal(_) | Error::Unavailable { .. } | Error::Contention | Error::Timeout | Error::OutcomeUnknown
    )
}
