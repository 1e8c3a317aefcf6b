//! The database threads of the read lane, and on PostgreSQL of the write lane: one connection each, one job at a time.

use crossbeam_channel::Receiver;
use r2d2::{Pool, PooledConnection};

use super::{
    connection::{DbConnection, Manager, Role, is_broken},
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
        let mut outcome = attempt(&mut kept, pool, role, job.as_mut());
        for _ in 1..ATTEMPTS {
            if !worth_another(&outcome, role == Role::Read && kept.is_none()) {
                break;
            }
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
    if !is_broken(&mut connection) {
        *kept = Some(connection);
    }
    outcome
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
