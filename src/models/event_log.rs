//! Logs whose rows are numbered in the order in which their transactions commit.

use diesel::prelude::*;

use crate::{
    db::{DbConnection, Timestamp, cached::update},
    schema::log_starts,
};

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

/// Which events a log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// All events up to this id were purged; 0 when none was.
    pub purged: i64,
    /// The greatest id; that of the last purged event when there is no other, and 0 in a new log.
    pub newest: i64,
}

impl Extent {
    /// From what two look-ups may have found.
    pub fn new(purged: Option<i64>, newest: Option<i64>) -> Self {
        let purged = purged.unwrap_or(0);
        Self { purged, newest: newest.unwrap_or(0).max(purged) }
    }
}

/// A row of a log in which `id > last` selects exactly what was committed after the row `last`, so that a reader can
/// resume anywhere.
pub trait EventLog: Send + Sync + Sized + 'static {
    /// The position in the log, greater than that of every row that was committed before.
    fn id(&self) -> i64;

    /// When it happened.
    fn at(&self) -> Timestamp;

    /// Which events there are.
    ///
    /// # Errors
    /// The database's.
    fn extent(conn: &mut DbConnection) -> QueryResult<Extent>;

    /// The first `limit` rows after `last`.
    ///
    /// # Errors
    /// The database's.
    fn after(conn: &mut DbConnection, last: i64, limit: i64) -> QueryResult<Vec<Self>>;
}

/// Notes that all rows of a log up to this id are purged, after which the database allows to delete them.
///
/// # Errors
/// The database's, also if later rows were purged before.
pub fn set_purged(conn: &mut DbConnection, log: &str, through: i64) -> QueryResult<()> {
    let start = log_starts::through.eq(through);
    if update(log_starts::table.find(log), start).execute(conn)? == 0 {
        diesel::insert_into(log_starts::table).values((log_starts::log.eq(log), start)).execute(conn)?;
    }
    Ok(())
}
