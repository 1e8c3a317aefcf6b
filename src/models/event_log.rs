//! Logs whose rows are numbered in the order in which their transactions commit.

use diesel::QueryResult;

use crate::db::DbConnection;

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
