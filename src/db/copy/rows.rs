//! Reads the rows of any table.

use anyhow::Result;
use diesel::{
    QueryResult, RunQueryDsl,
    connection::{DefaultLoadingMode, SimpleConnection},
    sql_query,
};

use super::{
    catalog::{Column, Kind, Table},
    text_row::{TextRow, texts},
};
use crate::db::{connection::DbConnection, dialect};

/// Most rows of a batch. With 13 columns, an insertion on SQLite has fewer values than it accepts.
const ROWS: usize = 1000;
/// Rows of a first batch, when it is not known yet how large they are.
const FIRST: usize = 50;
/// About the most bytes of a batch: a row with a document of Stripe's may have a megabyte.
const BYTES: usize = 4 * 1024 * 1024;

/// Lets PostgreSQL write times as SQLite does until the end of the transaction, whatever is set for the role.
///
/// # Errors
/// The database's.
pub(super) fn write_iso_dates(connection: &mut DbConnection) -> QueryResult<()> {
    dialect::postgres(connection).map_or(Ok(()), |pg| pg.batch_execute("SET LOCAL DateStyle = 'ISO'"))
}

/// The number of rows of a table.
///
/// # Errors
/// The database's.
pub(super) fn count(connection: &mut DbConnection, table: &Table) -> QueryResult<u64> {
    let rows = texts(connection, &format!("SELECT CAST(count(*) AS TEXT) FROM {}", table.quoted()))?;
    let number = rows.into_iter().flat_map(|row| row.0).flatten().find_map(|text| text.parse().ok());
    Ok(number.unwrap_or_default())
}

/// Whether a table has no rows.
///
/// # Errors
/// The database's.
pub(super) fn is_empty(connection: &mut DbConnection, table: &Table) -> QueryResult<bool> {
    Ok(texts(connection, &format!("SELECT '' FROM {} LIMIT 1", table.quoted()))?.is_empty())
}

/// Runs `work` on all rows of a table in the open transaction, some at a time.
///
/// # Errors
/// Those of `work` and of the database.
pub(super) fn each_batch(
    connection: &mut DbConnection,
    table: &Table,
    work: impl FnMut(Vec<TextRow>) -> Result<()>,
) -> Result<()> {
    let is_postgres = dialect::postgres(connection).is_some();
    let values: Vec<String> = table.columns.iter().map(|column| as_text(column, is_postgres)).collect();
    let query = format!("SELECT {} FROM {}", values.join(", "), table.quoted());
    let moments: Vec<bool> = table.columns.iter().map(|column| column.kind == Kind::Moment).collect();
    if is_postgres { fetch(connection, &query, &moments, work) } else { step(connection, &query, &moments, work) }
}

/// PostgreSQL would send all rows at once without a cursor.
fn fetch(
    connection: &mut DbConnection,
    query: &str,
    moments: &[bool],
    mut work: impl FnMut(Vec<TextRow>) -> Result<()>,
) -> Result<()> {
    connection.batch_execute(&format!("DECLARE copied NO SCROLL CURSOR FOR {query}"))?;
    let mut size = FIRST;
    loop {
        let mut rows = texts(connection, &format!("FETCH {size} FROM copied"))?;
        if rows.is_empty() {
            return Ok(connection.batch_execute("CLOSE copied")?);
        }
        let average = rows.iter().map(TextRow::bytes).sum::<usize>().div_ceil(rows.len()).max(1);
        size = (BYTES / average).clamp(1, ROWS);
        rows.iter_mut().for_each(|row| without_zeros(row, moments));
        work(rows)?;
    }
}

/// SQLite reads a row at a time.
fn step(
    connection: &mut DbConnection,
    query: &str,
    moments: &[bool],
    mut work: impl FnMut(Vec<TextRow>) -> Result<()>,
) -> Result<()> {
    let (mut batch, mut bytes) = (Vec::new(), 0_usize);
    for row in sql_query(query).load_iter::<TextRow, DefaultLoadingMode>(connection)? {
        let mut row = row?;
        without_zeros(&mut row, moments);
        bytes = bytes.saturating_add(row.bytes());
        batch.push(row);
        if batch.len() >= ROWS || bytes >= BYTES {
            bytes = 0;
            work(std::mem::take(&mut batch))?;
        }
    }
    if batch.is_empty() { Ok(()) } else { work(batch) }
}

/// The expression that writes a column as text.
fn as_text(Column { name, kind, .. }: &Column, is_postgres: bool) -> String {
    match kind {
        Kind::Text => format!("\"{name}\""),
        Kind::Flag if is_postgres => format!("\"{name}\"::integer::text"),
        Kind::Moment | Kind::Number | Kind::Flag => format!("CAST(\"{name}\" AS TEXT)"),
    }
}

/// The databases write times with different numbers of zeros at the end.
fn without_zeros(row: &mut TextRow, moments: &[bool]) {
    for (value, _) in row.0.iter_mut().zip(moments).filter(|(_, is_moment)| **is_moment) {
        if let Some(text) = value.as_mut().filter(|text| text.contains('.')) {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        }
    }
}
