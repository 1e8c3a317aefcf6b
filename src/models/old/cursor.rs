//! Reads a table of the old server a thousand rows at a time.

use std::collections::VecDeque;

use diesel::{
    PgConnection, QueryResult, QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    dsl::sql,
    pg::Pg,
    result::Error,
    select, sql_query,
    sql_types::{Nullable, Text},
};

use super::{columns::OldColumns, row::OldRow};

/// Rows that are read at a time.
const ROWS: usize = 1000;

/// The rows of a table that are not taken yet, in the order of their owners.
pub struct Cursor<R> {
    query: String,
    /// Rows that were read so far.
    read: usize,
    waiting: VecDeque<R>,
    is_at_end: bool,
}

impl<R: OldRow + QueryableByName<Pg> + 'static> Cursor<R> {
    /// Begins to read a table in the open transaction, anew if it was read before. A table that does not exist has no rows.
    ///
    /// # Errors
    /// The database's.
    pub(super) fn open(conn: &mut PgConnection, columns: &OldColumns) -> QueryResult<Self> {
        let (is_at_end, query) = (!columns.has_table(R::TABLE), R::query(columns));
        if !is_at_end {
            let name = Self::name();
            conn.batch_execute(&format!("DECLARE {name} NO SCROLL CURSOR FOR {query}"))?;
        }
        Ok(Self { query, read: 0, waiting: VecDeque::new(), is_at_end })
    }

    /// Ends the reading, so that the table can be read anew.
    pub(super) fn close(conn: &mut PgConnection, columns: &OldColumns) -> QueryResult<()> {
        if columns.has_table(R::TABLE) { conn.batch_execute(&format!("CLOSE {}", Self::name())) } else { Ok(()) }
    }

    fn name() -> String {
        format!("all_{}", R::TABLE.to_lowercase())
    }

    /// The least owner of the rows that are left.
    pub(super) fn next_owner(&mut self, conn: &mut PgConnection) -> QueryResult<Option<&str>> {
        self.fill(conn)?;
        Ok(self.waiting.front().map(OldRow::owner))
    }

    /// Takes the rows of an owner, who must be the least one or have none.
    pub(super) fn take(&mut self, conn: &mut PgConnection, owner: &str) -> QueryResult<Vec<R>> {
        let mut rows = Vec::new();
        while self.next_owner(conn)? == Some(owner) {
            rows.extend(self.waiting.pop_front());
        }
        Ok(rows)
    }

    /// Takes the next rows, of any owners. Empty at the end.
    pub(super) fn take_some(&mut self, conn: &mut PgConnection) -> QueryResult<Vec<R>> {
        self.fill(conn)?;
        Ok(self.waiting.drain(..).collect())
    }

    fn fill(&mut self, conn: &mut PgConnection) -> QueryResult<()> {
        if self.waiting.is_empty() && !self.is_at_end {
            let rows: QueryResult<Vec<R>> = sql_query(format!("FETCH {ROWS} FROM {}", Self::name())).load(conn);
            let rows = match rows {
                Err(Error::DeserializationError(why)) => {
                    let row = self.unreadable(conn)?.unwrap_or_default();
                    let why = format!("row {row:?} of {:?} can't be read: {why}", R::TABLE);
                    return Err(Error::DeserializationError(why.into()));
                }
                other => other?,
            };
            self.read = self.read.saturating_add(rows.len());
            self.is_at_end = rows.len() < ROWS;
            self.waiting.extend(rows);
        }
        Ok(())
    }

    /// The id of the first row among the next ones that can't be read.
    fn unreadable(&self, conn: &mut PgConnection) -> QueryResult<Option<String>> {
        let (mut readable, mut too_many) = (0_usize, ROWS);
        while too_many > readable.saturating_add(1) {
            let middle = readable.midpoint(too_many);
            let rows: QueryResult<Vec<R>> =
                sql_query(format!("{} OFFSET {} LIMIT {middle}", self.query, self.read)).load(conn);
            match rows {
                Ok(_) => readable = middle,
                Err(Error::DeserializationError(_)) => too_many = middle,
                Err(other) => return Err(other),
            }
        }
        let row = format!("{} OFFSET {} LIMIT 1", self.query, self.read.saturating_add(readable));
        select(sql::<Nullable<Text>>(&format!("(SELECT id::text FROM ({row}) AS unreadable)"))).get_result(conn)
    }
}
