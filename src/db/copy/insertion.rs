//! Inserts rows into the target of a copy.

use diesel::{
    PgConnection, QueryResult, RunQueryDsl,
    pg::Pg,
    sql_query,
    sql_types::{Array, Nullable, Text},
};

use super::{
    catalog::{Column, Kind, Table},
    text_row::TextRow,
};
use crate::db::{
    connection::{DbConnection, MultiBackend},
    dialect,
};

/// Inserts rows.
///
/// # Errors
/// The database's.
pub(super) fn insert(target: &mut DbConnection, table: &Table, rows: Vec<TextRow>) -> QueryResult<()> {
    let columns: Vec<String> = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let into = format!("INSERT INTO {} ({})", table.quoted(), columns.join(", "));
    match dialect::postgres(target) {
        Some(pg) => insert_into_postgres(pg, &into, &table.columns, rows),
        None => insert_into_sqlite(target, &into, &table.columns, rows),
    }
}

/// One array for each column.
fn insert_into_postgres(pg: &mut PgConnection, into: &str, columns: &[Column], rows: Vec<TextRow>) -> QueryResult<()> {
    let names: Vec<String> = (1..=columns.len()).map(|number| format!("c{number}")).collect();
    let arrays: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
    let values = names.iter().zip(columns).map(|(name, column)| format!("{name}::{}", column.declared));
    let values: Vec<String> = values.collect();
    let (names, arrays, values) = (names.join(", "), arrays.join(", "), values.join(", "));
    let mut query =
        sql_query(format!("{into} SELECT {values} FROM unnest({arrays}) AS copied ({names})")).into_boxed::<Pg>();
    let mut arrays: Vec<Vec<Option<String>>> = columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        arrays.iter_mut().zip(row.0).for_each(|(array, value)| array.push(value));
    }
    for array in arrays {
        query = query.bind::<Array<Nullable<Text>>, _>(array);
    }
    query.execute(pg).map(drop)
}

/// The types of SQLite's columns turn texts into numbers.
fn insert_into_sqlite(
    target: &mut DbConnection,
    into: &str,
    columns: &[Column],
    rows: Vec<TextRow>,
) -> QueryResult<()> {
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    let values = vec![row.as_str(); rows.len()].join(", ");
    let mut query = sql_query(format!("{into} VALUES {values}")).into_boxed::<MultiBackend>();
    for row in rows {
        for (value, column) in row.0.into_iter().zip(columns) {
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
