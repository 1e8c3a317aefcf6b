//! Plain SQL on a connection: to set up states that no procedure creates, and to check what none returns.

use clusterdesk::db::DbConnection;
use diesel::{
    QueryResult, RunQueryDsl,
    connection::SimpleConnection,
    dsl::sql,
    sql_types::{BigInt, Nullable, Text},
};
use serde_json::Value;

use super::Backend;

/// SQL helpers for a database connection.
pub trait Sql {
    fn backend(&self) -> Backend;
    /// Runs statements that must succeed.
    fn run(&mut self, statements: &str);
    /// Runs statements and returns the error message if they fail.
    fn refusal(&mut self, statements: &str) -> Option<String>;
    /// The rows of a query with one text column.
    fn texts(&mut self, query: &str) -> Vec<String>;
    /// The result of a query for one number.
    fn number(&mut self, query: &str) -> i64;
    /// The names of all tables except Diesel's own, sorted.
    fn tables(&mut self) -> Vec<String>;
    /// A table's rows as JSON objects, in the order of their first column.
    fn rows(&mut self, table: &str) -> Vec<Value>;
}

impl Sql for DbConnection {
    fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::Postgres(_) => Backend::Postgres,
        }
    }

    fn run(&mut self, statements: &str) {
        self.batch_execute(statements).unwrap_or_else(|error| panic!("{error}: {statements}"));
    }

    fn refusal(&mut self, statements: &str) -> Option<String> {
        self.batch_execute(statements).err().map(|error| error.to_string())
    }

    fn texts(&mut self, query: &str) -> Vec<String> {
        let rows: QueryResult<Vec<Option<String>>> = sql::<Nullable<Text>>(query).load(self);
        rows.unwrap_or_else(|error| panic!("{error}: {query}")).into_iter().map(Option::unwrap_or_default).collect()
    }

    fn number(&mut self, query: &str) -> i64 {
        sql::<BigInt>(query).get_result(self).unwrap_or_else(|error| panic!("{error}: {query}"))
    }

    fn tables(&mut self) -> Vec<String> {
        let query = match self.backend() {
            Backend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            Backend::Postgres => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
        };
        let mut tables = self.texts(query);
        tables.retain(|table| !table.starts_with("__diesel"));
        tables.sort();
        tables
    }

    fn rows(&mut self, table: &str) -> Vec<Value> {
        let object = match self.backend() {
            Backend::Sqlite => {
                let columns = self.texts(&format!(
                    "SELECT group_concat('''' || name || ''', \"' || name || '\"') FROM pragma_table_xinfo('{table}')"
                ));
                format!("json_object({})", columns.concat())
            }
            Backend::Postgres => format!("to_json({table})::text"),
        };
        let rows = self.texts(&format!("SELECT {object} FROM {table} ORDER BY 1"));
        rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }
}
