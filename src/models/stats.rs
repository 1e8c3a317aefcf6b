//! Counts of live rows. Triggers maintain them, so that no call counts a table.

use diesel::prelude::*;

use crate::{db::DbConnection, schema::live_counts};

/// Numbers of live rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveCounts {
    /// Users that are not deleted.
    pub users: i64,
    /// Clusters that are not deleted.
    pub clusters: i64,
}

/// Reads the counters. Each is the sum of several rows, so that concurrent writers seldom wait for each other.
///
/// # Errors
/// The database's.
pub fn live_counts(conn: &mut DbConnection) -> QueryResult<LiveCounts> {
    let rows: Vec<(String, i64)> = live_counts::table.select((live_counts::entity, live_counts::live)).load(conn)?;
    let sum = |entity: &str| rows.iter().filter(|(name, _)| name == entity).map(|(_, live)| live).sum();
    Ok(LiveCounts { users: sum("user"), clusters: sum("cluster") })
}
