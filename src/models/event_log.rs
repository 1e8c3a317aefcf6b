//! Logs whose rows are numbered in the order in which their transactions commit.

use diesel::QueryResult;

use crate::db::DbConnection;

/// The part of a log that one query reads. Filters may leave few of its rows or none, so the part itself is limited too.
#[derive(Clone, Copy, Debug)]
pub struct LogPage {
    /// Rows with greater ids than this.
    pub after: i64,
    /// Rows with ids up to this.
    pub until: i64,
    /// At most this many.
    pub limit: i64,
}

/// A row of a log in which `id > last` selects exactly what was committed after the row `last`, so that a reader can
/// resume anywhere.
pub trait EventLog: Send + Sync + Sized + 'static {
    /// The position in the log, greater than that of every row that was committed before.
    fn id(&self) -> i64;

    /// The greatest id; 0 when the log is empty.
    ///
    /// # Errors
    /// The database's.
    fn newest(conn: &mut DbConnection) -> QueryResult<i64>;

    /// The first `limit` rows after `last`.
    ///
    /// # Errors
    /// The database's.
    fn after(conn: &mut DbConnection, last: i64, limit: i64) -> QueryResult<Vec<Self>>;
}
