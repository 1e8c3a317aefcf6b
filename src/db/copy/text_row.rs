//! A row of any table, as texts.

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl,
    backend::Backend,
    deserialize::{self, FromSql},
    row::NamedRow,
    sql_query,
    sql_types::{Nullable, Text},
};

use crate::db::connection::DbConnection;

/// A row of any query, each value as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextRow(pub Vec<Option<String>>);

impl<DB: Backend> QueryableByName<DB> for TextRow
where
    String: FromSql<Text, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        (0..row.field_count()).map(|at| row.get_value::<Nullable<Text>, _, _>(at)).collect::<Result<_, _>>().map(Self)
    }
}

impl TextRow {
    /// The bytes of its values.
    pub fn bytes(&self) -> usize {
        self.0.iter().flatten().map(String::len).sum()
    }
}

/// The rows of a query whose columns are texts.
///
/// # Errors
/// The database's.
pub(super) fn texts(connection: &mut DbConnection, query: &str) -> QueryResult<Vec<TextRow>> {
    sql_query(query).load(connection)
}
