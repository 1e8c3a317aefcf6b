//! The sequences that number the rows of a table.

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl, sql_query,
    sql_types::{BigInt, Text},
};

use super::{connection::DbConnection, dialect};

/// A table whose ids are numbered.
#[derive(Clone, Copy, Debug)]
pub enum Numbered {
    /// `customers`
    Customers,
    /// `k8s_cluster_configs`
    Clusters,
}

impl Numbered {
    fn table(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Clusters => "k8s_cluster_configs",
        }
    }
}

/// The greatest id that the table has given to a row. With the table locked, greater ones are free.
///
/// # Errors
/// The database's.
pub fn greatest(connection: &mut DbConnection, table: Numbered) -> QueryResult<i64> {
    let all = last(connection)?;
    Ok(all.into_iter().find(|(name, _)| name == table.table()).map_or(0, |(_, greatest)| greatest))
}

/// Makes the next id of the table greater than `id`.
///
/// # Errors
/// The database's.
pub fn advance(connection: &mut DbConnection, table: Numbered, id: i64) -> QueryResult<()> {
    advance_table(connection, table.table(), id)
}

/// Like [`advance`], for any table whose ids are numbered.
///
/// # Errors
/// The database's.
pub(super) fn advance_table(connection: &mut DbConnection, table: &str, id: i64) -> QueryResult<()> {
    if id <= 0 {
        return Ok(());
    }
    if let Some(pg) = dialect::postgres(connection) {
        // Not only if it is greater than the last value, which may not have been used yet.
        let advance = format!("SELECT setval('{table}_id_seq', $1) FROM {table}_id_seq WHERE last_value <= $1");
        return sql_query(advance).bind::<BigInt, _>(id).execute(pg).map(drop);
    }
    // There is no row before the first insertion.
    let first = "INSERT INTO sqlite_sequence (name, seq) SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)";
    sql_query(first).bind::<Text, _>(table).bind::<Text, _>(table).execute(connection)?;
    let advance = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?";
    sql_query(advance).bind::<BigInt, _>(id).bind::<Text, _>(table).execute(connection).map(drop)
}

/// The tables whose ids are numbered, with the greatest id that was given; on SQLite only those that have had rows.
///
/// # Errors
/// The database's.
pub(super) fn last(connection: &mut DbConnection) -> QueryResult<Vec<(String, i64)>> {
    #[derive(QueryableByName)]
    struct Last {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = BigInt)]
        seq: i64,
    }
    let query = match dialect::postgres(connection) {
        Some(_) => {
            "SELECT left(sequencename::text, -length('_id_seq')) AS name, coalesce(last_value, 0) AS seq FROM pg_sequences
             WHERE schemaname = current_schema() AND sequencename LIKE '%\\_id\\_seq'"
        }
        None => "SELECT name, seq FROM sqlite_sequence",
    };
    let last: Vec<Last> = sql_query(query).load(connection)?;
    Ok(last.into_iter().map(|last| (last.name, last.seq)).collect())
}
