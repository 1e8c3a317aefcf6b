//! How to open a database.

use std::time::Duration;

use super::url::DatabaseUrl;

/// How to open a [`Database`](super::Database).
#[derive(Clone, Debug)]
pub struct Options {
    /// The primary.
    pub url: DatabaseUrl,
    /// A PostgreSQL read replica, which lags behind the primary.
    pub replica: Option<DatabaseUrl>,
    /// How old the answers of the replica may be.
    pub staleness: Duration,
    /// Where to LISTEN, if not at `url`.
    pub listen: Option<DatabaseUrl>,
    /// Threads for reads, each with its own connection. Queries that browse get two more; PostgreSQL gets as many again for
    /// writes, and two for groups.
    pub threads: u32,
    /// Jobs that may wait for a thread in each queue; one more is refused.
    pub queued_jobs: usize,
    /// PostgreSQL cancels a statement that takes longer.
    pub statement_timeout: Duration,
}
