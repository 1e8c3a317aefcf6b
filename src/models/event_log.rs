//! Logs whose rows are numbered in the order in which their transactions commit.

use diesel::QueryResult;

use crate::db::DbConnection;

/// The part of a log that one query reads. Filters may leave few of its rows or none, so there are two limits.
#[derive(Clone, Copy, Debug)]
pub struct LogPage {
    /// Rows with greater ids than this.
    pub after: i64,
    /// Rows with ids up to this.
    pub until: i64,
    /// At most this many.
    pub limit: i64,
    /// Picked from at most this many.
    pub window: i64,
}

impl LogPage {
    /// The page whose rows are picked from the next ids of the whole log, for filters that no index serves.
    #[must_use]
    pub fn of_next_ids(self) -> Self {
        Self { until: self.until.min(self.after.saturating_add(self.window)), ..self }
    }
}

/// The matching rows of one part of a log.
#[derive(Clone, Debug)]
pub struct LogPart<E> {
    /// In the order of their ids.
    pub events: Vec<E>,
    /// Every matching row of the page up to this id is among them.
    pub through: i64,
}

impl<E: EventLog> LogPart<E> {
    /// The part that was read as `page`.
    pub fn new(events: Vec<E>, page: LogPage) -> Self {
        let full = i64::try_from(events.len()) == Ok(page.limit);
        let through = events.last().filter(|_| full).map_or(page.until, E::id);
        Self { events, through }
    }
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
