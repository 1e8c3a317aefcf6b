//! Transactions and savepoints, both safe against panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::anyhow;

use super::{connection::DbConnection, dialect};
use crate::error::{Error, Result};

/// Runs `work` in one transaction that may write, and commits it if `work` succeeds.
///
/// # Errors
/// Those of `work`, which roll the transaction back, and of the database.
pub fn write<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    dialect::begin_write(connection, None)?;
    finish(connection, work)
}

/// Runs `work` in one transaction that may write, and rolls it back: nothing that `work` does remains.
///
/// # Errors
/// Those of `work` and of the database.
pub fn rehearse<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    dialect::begin_write(connection, None)?;
    let value = work_or_roll_back(connection, work)?;
    dialect::rollback(connection)?;
    Ok(value)
}

/// Runs `work` so that all its statements see one state of the database.
///
/// # Errors
/// Those of `work` and of the database.
pub fn snapshot<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    dialect::begin_snapshot(connection, None)?;
    finish(connection, work)
}

/// Runs `work` in a savepoint of the open transaction: a failure rolls back only what `work` did.
///
/// # Errors
/// Those of `work` and of the database.
pub fn savepoint<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    diesel::Connection::transaction(connection, |connection| no_panic(|| work(connection)))
}

/// Runs `work` in the open transaction, then commits or rolls back.
fn finish<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    let value = work_or_roll_back(connection, work)?;
    dialect::commit(connection)?;
    Ok(value)
}

/// Runs `work` in the open transaction, and rolls that back if `work` fails.
pub(super) fn work_or_roll_back<T>(
    connection: &mut DbConnection,
    work: impl FnOnce(&mut DbConnection) -> Result<T>,
) -> Result<T> {
    no_panic(|| work(connection)).inspect_err(|_error| {
        // After a failed rollback Diesel reports the connection as broken.
        if let Err(failed) = dialect::rollback(connection) {
            tracing::warn!(error = %failed, "rollback failed");
        }
    })
}

/// Turns a panic of `work` into an error. It must not unwind further, or the transaction would stay open.
pub(super) fn no_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Error::Internal(anyhow!("panic: {message}")))
    })
}
