//! One connection type for both databases.

use diesel::{MultiConnection, PgConnection, SqliteConnection};

/// A connection to SQLite or to PostgreSQL. Models are type-checked against both.
#[derive(MultiConnection)]
pub enum DbConnection {
    /// A SQLite file.
    Sqlite(SqliteConnection),
    /// A PostgreSQL server.
    Postgres(PgConnection),
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Queries only. SQLite then refuses to write.
    Read,
    /// Queries whose best plan depends on their values: by filters that callers choose.
    Browse,
    /// Reads and writes.
    Write,
}

impl Purpose {
    /// Whether it includes writes.
    pub fn writes(self) -> bool {
        self == Self::Write
    }
}

/// Runs a query on the database's own connection: `native!(conn, |conn| query.first(conn))`. Through the enum, Diesel
/// writes the text of a query anew at each call, although the prepared statement is found without it. It is a macro,
/// because the two connections have no type in common.
macro_rules! native {
    ($connection:expr, |$native:ident| $query:expr) => {
        match $connection {
            $crate::db::DbConnection::Sqlite($native) => $query,
            $crate::db::DbConnection::Postgres($native) => $query,
        }
    };
}

pub(crate) use native;
