//! Positions in the write-ahead log of PostgreSQL.

use diesel::{
    QueryResult, RunQueryDsl,
    dsl::sql,
    sql_types::{BigInt, Nullable},
};

use super::{cached::cached, connection::DbConnection};

/// A position in the write-ahead log of a PostgreSQL primary. What was committed when it was read lies before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition(i64);

impl LogPosition {
    /// Behind all others.
    pub const END: Self = Self(i64::MAX);

    /// A position, for tests.
    #[cfg(test)]
    pub(super) fn at(position: i64) -> Self {
        Self(position)
    }
}

/// The present position in the log of a PostgreSQL primary. None elsewhere.
///
/// # Errors
/// The database's.
pub fn current(connection: &mut DbConnection) -> QueryResult<Option<LogPosition>> {
    let DbConnection::Postgres(pg) = connection else { return Ok(None) };
    let position = "CASE WHEN pg_is_in_recovery() THEN NULL ELSE (pg_current_wal_insert_lsn() - '0/0')::bigint END";
    let position = cached(diesel::select(sql::<Nullable<BigInt>>(position))).get_result::<Option<i64>>(pg)?;
    Ok(position.map(LogPosition))
}

/// Up to where a replica has replayed the log of its primary. If this is the primary itself, it has everything.
///
/// # Errors
/// The database's.
pub fn replayed(connection: &mut DbConnection) -> QueryResult<Option<LogPosition>> {
    let DbConnection::Postgres(pg) = connection else { return Ok(None) };
    let replayed = "(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END \
                    - '0/0')::bigint";
    let replayed = cached(diesel::select(sql::<Nullable<BigInt>>(replayed))).get_result::<Option<i64>>(pg)?;
    Ok(replayed.map(LogPosition))
}
