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
    /// Reads and writes.
    Write,
}
