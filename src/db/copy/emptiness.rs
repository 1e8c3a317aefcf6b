//! The target of a copy must be empty.

use anyhow::{Result, ensure};

use super::{
    catalog::{Table, tables},
    rows::is_empty,
};
use crate::db::connection::DbConnection;

/// Refuses a database that has rows.
///
/// # Errors
/// Names the table.
pub(super) fn refuse_rows(target: &mut DbConnection) -> Result<()> {
    tables(target)?.iter().try_for_each(|table| refuse_rows_in(target, table))
}

/// Refuses a table that has rows.
///
/// # Errors
/// Names the table.
pub(super) fn refuse_rows_in(target: &mut DbConnection, table: &Table) -> Result<()> {
    ensure!(is_empty(target, table)?, "the target has rows in the table {}; name an empty database", table.name);
    Ok(())
}
