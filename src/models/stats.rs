//! Live counts that triggers keep, so that no call counts a table.

use diesel::prelude::*;

use crate::{db::DbConnection, schema::live_counts};

/// How many live rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveCounts {
    pub users: i64,
    pub clusters: i64,
}

/// Reads the counters; each is spread over a few rows so that writers seldom wait for each other.
pub fn live_counts(conn: &mut DbConnection) -> QueryResult<LiveCounts> {
    let rows: Vec<(String, i64)> = live_counts::table.select((live_counts::entity, live_counts::live)).load(conn)?;
    let sum = |entity: &str| rows.iter().filter(|(name, _)| name == entity).map(|(_, live)| live).sum();
    Ok(LiveCounts { users: sum("user"), clusters: sum("cluster") })
}
