//! Transactions: what happens inside either happens as a whole or not at all.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::anyhow;

use super::{connection::DbConnection, dialect};
use crate::error::{Error, Result};

/// Runs `work` in one transaction that may write, and commits it if `work` succeeds.
pub fn write<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    dialect::begin_write(connection)?;
    finish(connection, work)
}

/// Runs `work` so that all its statements see one state of the database.
pub fn snapshot<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    dialect::begin_snapshot(connection)?;
    finish(connection, work)
}

/// Runs `work` inside an open transaction so that its failure undoes only its own part (SAVEPOINT).
pub fn savepoint<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    diesel::Connection::transaction(connection, |connection| no_panic(|| work(connection)))
}

/// Runs `work` in the open transaction and ends it.
pub(super) fn finish<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    match no_panic(|| work(connection)) {
        Ok(value) => {
            dialect::commit(connection)?;
            Ok(value)
        }
        Err(error) => {
            // Diesel remembers a failed rollback and reports the connection as broken.
            if let Err(failed) = dialect::rollback(connection) {
                tracing::warn!(error = %failed, "rollback failed");
            }
            Err(error)
        }
    }
}

/// Panics end here, inside the transaction: one that got out would leave it open.
pub(super) fn no_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Error::Internal(anyhow!("panic: {message}")))
    })
}
