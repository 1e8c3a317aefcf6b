//! The tables of a database, as it describes them itself.

use anyhow::{Result, bail};

use super::text_row::texts;
use crate::db::{connection::DbConnection, dialect};

/// Tables of counters that triggers fill from copied rows. How a sum is spread over their rows depends on the connections that wrote.
/// Other counters also count rows that were removed, so they are copied.
pub(super) const COUNTERS: [&str; 2] = ["live_counts", "paid_period_counts"];

/// A table with rows to be copied.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// A column has a type that our schema does not use. The table is then not ours, or of a later version.
    pub unknown: Option<String>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
}

/// How the values of a column are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As they are.
    Text,
    /// In decimal.
    Number,
    /// 0 or 1.
    Flag,
    /// `2026-11-22 09:30:00.25`, without zeros at the end.
    Moment,
}

impl Kind {
    fn of(declared: &str) -> Option<Self> {
        match declared.to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "bigint" | "integer" => Some(Self::Number),
            "boolean" => Some(Self::Flag),
            "timestamp" | "timestamp without time zone" => Some(Self::Moment),
            _ => None,
        }
    }
}

impl Table {
    /// Whether the columns of another table have the same names and kinds, in the same order.
    pub fn has_columns_of(&self, other: &Self) -> bool {
        let columns =
            |table: &Self| table.columns.iter().map(|column| (column.name.clone(), column.kind)).collect::<Vec<_>>();
        columns(self) == columns(other)
    }

    /// The name, quoted.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }
}

// Columns that a database computes itself are not among them.
const SQLITE: &str = "SELECT tables.name, columns.name, columns.type,
        EXISTS (SELECT 1 FROM pragma_foreign_key_list(tables.name)) AS refers
    FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite%' AND tables.name NOT LIKE '\\_\\_%' ESCAPE '\\'
    ORDER BY refers, tables.name, columns.cid";

const POSTGRES: &str = "SELECT tables.relname::text, columns.attname::text, format_type(columns.atttypid, NULL)
    FROM pg_class AS tables JOIN pg_attribute AS columns ON columns.attrelid = tables.oid
    WHERE tables.relkind = 'r' AND tables.relnamespace = current_schema()::regnamespace
        AND tables.relname NOT LIKE '\\_\\_%' AND columns.attnum > 0 AND NOT columns.attisdropped
        AND columns.attgenerated = ''
    ORDER BY EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = tables.oid AND contype = 'f'),
        tables.relname::text COLLATE \"C\", columns.attnum";

/// The tables, except [`COUNTERS`] and Diesel's own. Those that refer to others come last.
///
/// # Errors
/// The database's.
pub(super) fn tables(connection: &mut DbConnection) -> Result<Vec<Table>> {
    let query = if dialect::postgres(connection).is_some() { POSTGRES } else { SQLITE };
    let mut tables: Vec<Table> = Vec::new();
    for row in texts(connection, query)? {
        let mut row = row.0.into_iter().flatten();
        let (Some(table), Some(name), Some(declared)) = (row.next(), row.next(), row.next()) else {
            bail!("the tables of the database could not be read");
        };
        if COUNTERS.contains(&table.as_str()) {
            continue;
        }
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(Table { name: table, columns: Vec::new(), unknown: None });
        }
        let Some(last) = tables.last_mut() else { continue };
        match Kind::of(&declared) {
            Some(kind) => last.columns.push(Column { name, kind }),
            None => last.unknown = Some(format!("{}.{name} has the type {declared}", last.name)),
        }
    }
    Ok(tables)
}
