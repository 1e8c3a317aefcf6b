//! The database threads of the read lane, and on PostgreSQL of the write lane: one connection each, one job at a time.

use crossbeam_channel::Receiver;
use r2d2::{Pool, PooledConnection};

use super::{
    connection::{DbConnection, Manager, Role, is_broken, is_lost},
    job::Job,
    transaction,
};
use crate::error::{Error, Result};

/// How often a job is run before its failure is the answer: deadlocks, or a read whose connection died.
const ATTEMPTS: u8 = 3;

/// Works until the lane is closed and empty.
pub(super) fn work(jobs: &Receiver<Box<dyn Job>>, pool: &Pool<Manager>, role: Role) {
    let mut kept: Option<PooledConnection<Manager>> = None;
    for mut job in jobs {
        if !job.claim() {
            continue;
        }
        let mut had_connection = kept.is_some();
        let mut outcome = attempt(&mut kept, pool, role, job.as_mut());
        for _ in 1..ATTEMPTS {
            let lost_reader = role == Role::Read && had_connection && kept.is_none();
            if !worth_another(&outcome, lost_reader) {
                break;
            }
            had_connection = kept.is_some();
            outcome = attempt(&mut kept, pool, role, job.as_mut());
        }
        job.answer(outcome);
    }
}

/// Contention is over after a rollback. A read can be repeated on a fresh connection; a write whose connection died
/// may have been committed, so it can't.
fn worth_another(outcome: &Result<()>, lost_reader: bool) -> bool {
    match outcome {
        Err(Error::Contention) => true,
        Err(Error::Unavailable { .. }) => lost_reader,
        _ => false,
    }
}

fn attempt(
    kept: &mut Option<PooledConnection<Manager>>,
    pool: &Pool<Manager>,
    role: Role,
    job: &mut dyn Job,
) -> Result<()> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => pool.get().map_err(|error| {
            tracing::error!(%error, "no database connection");
            Error::unavailable("The database is out of reach.")
        })?,
    };
    let outcome = run(&mut connection, job, role);
    // Asked only after a fault of ours: Diesel does not notice that a connection died outside a transaction.
    let lost = match &outcome {
        Err(Error::Internal(_) | Error::Unavailable { .. }) => is_lost(&mut connection),
        _ => is_broken(&mut connection),
    };
    if !lost {
        *kept = Some(connection);
        return outcome;
    }
    outcome.map_err(|error| match error {
        Error::Internal(detail) => {
            tracing::error!(detail = format!("{detail:#}"), "the database connection was lost");
            Error::unavailable("The database is out of reach.")
        }
        other => other,
    })
}

fn run(connection: &mut DbConnection, job: &mut dyn Job, role: Role) -> Result<()> {
    if role == Role::Write {
        transaction::write(connection, |connection| job.run(connection))
    } else if job.needs_snapshot() {
        transaction::snapshot(connection, |connection| job.run(connection))
    } else {
        transaction::no_panic(|| job.run(connection))
    }
}
