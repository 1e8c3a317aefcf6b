//! Attempts to sign in by an identity provider that were used. Only the hashes of their secrets are stored.

use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error},
};

use crate::{
    db::{DbConnection, Timestamp},
    schema::used_sign_ins,
};

/// Uses the attempt with this hash up. False when it was used before: of several who ask at the same time, one gets it. Those that
/// are over are forgotten.
///
/// # Errors
/// The database's.
pub fn take(conn: &mut DbConnection, hash: &str, expires_at: Timestamp, now: Timestamp) -> QueryResult<bool> {
    diesel::delete(used_sign_ins::table.filter(used_sign_ins::expires_at.le(now))).execute(conn)?;
    let row = (used_sign_ins::hash.eq(hash), used_sign_ins::expires_at.eq(expires_at));
    match conn.transaction(|conn| diesel::insert_into(used_sign_ins::table).values(row).execute(conn)) {
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        inserted => inserted.map(|_row| true),
    }
}

/// Deletes about `limit` of the oldest attempts that are over, and returns how many. Fewer mean that none are left.
///
/// # Errors
/// The database's.
pub fn purge(conn: &mut DbConnection, now: Timestamp, limit: i64) -> QueryResult<usize> {
    let over = used_sign_ins::table.filter(used_sign_ins::expires_at.le(now));
    let times = over.select(used_sign_ins::expires_at).order(used_sign_ins::expires_at);
    let last: Option<Timestamp> = times.offset(limit.saturating_sub(1)).first(conn).optional()?;
    diesel::delete(used_sign_ins::table.filter(used_sign_ins::expires_at.le(last.unwrap_or(now)))).execute(conn)
}
