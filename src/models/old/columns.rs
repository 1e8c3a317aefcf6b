//! Which tables and columns an old database has. They differ with the age of the old server.

use std::collections::HashSet;

use diesel::{PgConnection, prelude::*, sql_query, sql_types::Text};

/// The earliest and the latest time that our timestamps have: RFC 3339 has four digits for the year.
const TIMES: (&str, &str) = ("timestamp '0001-01-01'", "timestamp '9999-12-31 23:59:59.999'");

/// What every old database has.
const REQUIRED: [(&str, &[&str]); 3] = [
    ("User", &["id"]),
    ("Customer", &["id", "authUserId", "createdAt"]),
    ("K8sClusterConfig", &["id", "name", "location", "authUserId", "createdAt"]),
];

/// Columns of a table that only later ones have.
const LATER: [(&str, &[&str]); 1] = [("StripeWebhookEvent", &["id", "processed", "createdAt"])];

#[derive(PartialEq, Eq, Hash, QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
}

/// The tables and columns of an old database, also those that its role may not read: PostgreSQL then refuses to read the
/// table, and nothing is imported as if a column, such as that of deletions, were missing.
#[derive(Debug)]
pub struct OldColumns(HashSet<(String, String)>);

impl OldColumns {
    /// Reads the columns of a schema.
    ///
    /// # Errors
    /// The database's.
    pub fn read(conn: &mut PgConnection, schema: &str) -> QueryResult<Self> {
        let columns = sql_query(
            "SELECT c.relname::text AS table_name, a.attname::text AS column_name
             FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'f') AND a.attnum > 0 AND NOT a.attisdropped",
        );
        let columns: Vec<Column> = columns.bind::<Text, _>(schema).load(conn)?;
        Ok(Self(columns.into_iter().map(|column| (column.table_name, column.column_name)).collect()))
    }

    /// A table or column that is missing although every old database has it, or every one that has the table.
    pub fn missing(&self) -> Option<String> {
        if let Some((table, _)) = REQUIRED.iter().find(|(table, _)| !self.has_table(table)) {
            return Some(format!("table \"{table}\""));
        }
        let tables = REQUIRED.iter().chain(&LATER).filter(|(table, _)| self.has_table(table));
        tables.into_iter().find_map(|(table, columns)| {
            let column = columns.iter().find(|column| !self.has(table, column))?;
            Some(format!("column \"{column}\" in table \"{table}\""))
        })
    }

    /// Whether there is such a table.
    pub fn has_table(&self, table: &str) -> bool {
        self.0.iter().any(|(known, _)| known == table)
    }

    /// Whether the table has such a column.
    pub fn has(&self, table: &str, column: &str) -> bool {
        self.0.contains(&(table.to_owned(), column.to_owned()))
    }

    /// SQL for a column as text; NULL if it is missing.
    pub(super) fn text(&self, table: &str, column: &str) -> String {
        if self.has(table, column) { format!("\"{column}\"::text") } else { "NULL::text".to_owned() }
    }

    /// SQL for a column as a time that we can store; NULL if it is missing.
    pub(super) fn moment(&self, table: &str, column: &str) -> String {
        if !self.has(table, column) {
            return "NULL::timestamp".to_owned();
        }
        let (first, last) = TIMES;
        // Not with NULL: `least` and `greatest` ignore it.
        format!(
            "CASE WHEN \"{column}\" IS NOT NULL THEN \
             date_trunc('milliseconds', least(greatest(\"{column}\"::timestamp, {first}), {last})) END"
        )
    }

    /// SQL for whether one of these columns has a time that we can't store.
    pub(super) fn odd_time(&self, table: &str, columns: &[&str]) -> String {
        let (first, last) = TIMES;
        let known = columns.iter().filter(|column| self.has(table, column));
        let odd = known.map(|column| format!(" OR \"{column}\"::timestamp NOT BETWEEN {first} AND {last}"));
        format!("coalesce(false{}, false)", odd.collect::<String>())
    }
}
