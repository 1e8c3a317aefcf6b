//! Jobs that one of several servers does at intervals.

use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error},
};

use crate::{
    db::{DbConnection, Timestamp, cached::update},
    schema::scheduled_jobs,
};

/// The removal of what is old.
pub const PURGE: &str = "purge";
/// The removal of old entries of the audit log to a file.
pub const ARCHIVE: &str = "archive";

/// Begins a job unless a server has begun it after `since`. Of several servers that ask at the same time, one begins it.
///
/// # Errors
/// The database's.
pub fn claim(conn: &mut DbConnection, name: &str, now: Timestamp, since: Timestamp) -> QueryResult<bool> {
    let due = scheduled_jobs::table.find(name).filter(scheduled_jobs::started_at.le(since));
    if update(due, scheduled_jobs::started_at.eq(now)).execute(conn)? == 1 {
        return Ok(true);
    }
    let known = scheduled_jobs::table.find(name).select(scheduled_jobs::name).first::<String>(conn).optional()?;
    if known.is_some() {
        return Ok(false);
    }
    let row = (scheduled_jobs::name.eq(name), scheduled_jobs::started_at.eq(now));
    match conn.transaction(|conn| diesel::insert_into(scheduled_jobs::table).values(row).execute(conn)) {
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        inserted => inserted.map(|_row| true),
    }
}

/// When a server began a job last. None if none has.
///
/// # Errors
/// The database's.
pub fn last(conn: &mut DbConnection, name: &str) -> QueryResult<Option<Timestamp>> {
    scheduled_jobs::table.find(name).select(scheduled_jobs::started_at).first(conn).optional()
}
