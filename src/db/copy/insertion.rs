//! Inserts rows into the target of a copy.

use diesel::{
    QueryResult, RunQueryDsl, sql_query,
    sql_types::{Nullable, Text},
};

use super::{
    catalog::{Kind, Table},
    postgres_copy::Writer,
    text_row::TextRow,
};
use crate::db::{
    connection::{DbConnection, MultiBackend},
    dialect,
};

/// Inserts rows. On PostgreSQL `write` does it.
///
/// # Errors
/// The database's.
pub(super) fn insert(target: &mut DbConnection, table: &Table, write: Writer, rows: Vec<TextRow>) -> QueryResult<()> {
    match dialect::postgres(target) {
        Some(pg) => write(pg, &rows),
        None => insert_into_sqlite(target, table, rows),
    }
}

/// The types of SQLite's columns turn texts into numbers.
fn insert_into_sqlite(target: &mut DbConnection, table: &Table, rows: Vec<TextRow>) -> QueryResult<()> {
    let columns: Vec<String> = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    let values = vec![row.as_str(); rows.len()].join(", ");
    let statement = format!("INSERT INTO {} ({}) VALUES {values}", table.quoted(), columns.join(", "));
    let mut query = sql_query(statement).into_boxed::<MultiBackend>();
    for row in rows {
        for (value, column) in row.0.into_iter().zip(&table.columns) {
            let value = if column.kind == Kind::Moment { value.map(with_zeros) } else { value };
            query = query.bind::<Nullable<Text>, _>(value);
        }
    }
    query.execute(target).map(drop)
}

/// A time as Diesel writes it to SQLite, which compares times as texts: with three or six digits after the point.
fn with_zeros(mut moment: String) -> String {
    if let Some(digits) = moment.split_once('.').map(|(_, digits)| digits.len()) {
        let missing = if digits <= 3 { 3_usize.saturating_sub(digits) } else { 6_usize.saturating_sub(digits) };
        moment.push_str(&"0".repeat(missing));
    }
    moment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_on_sqlite_have_the_digits_that_diesel_writes() {
        for (text, written) in [
            ("2026-01-01 00:00:00", "2026-01-01 00:00:00"),
            ("2026-01-01 00:00:00.1", "2026-01-01 00:00:00.100"),
            ("2026-01-01 00:00:00.123", "2026-01-01 00:00:00.123"),
            ("2026-01-01 00:00:00.1234", "2026-01-01 00:00:00.123400"),
        ] {
            assert_eq!(with_zeros(text.to_owned()), written);
        }
    }
}
