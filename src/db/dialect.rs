//! What differs between SQLite and PostgreSQL. The only file that looks inside [`DbConnection`].

use std::time::Duration;

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    dsl::sql,
    sql_query,
    sql_types::{self, BigInt, Bool, Integer, Text},
};

use super::{
    connection::{DbConnection, Role},
    timestamp::Timestamp,
};

/// How long a connection waits for another process that writes to the SQLite file.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// Advisory lock of start-up: migrations and the first admin.
pub const START_UP: i64 = 0x0c1d_0001;
/// Advisory lock of whatever could leave the server without an admin.
pub const ADMINS: i64 = 0x0c1d_0002;
/// Advisory lock of Stripe's events: one is handled at a time, by whichever server.
pub const STRIPE: i64 = 0x0c1d_0004;

/// Statements every new connection runs first. On SQLite the busy timeout must be the first of them.
pub fn session_setup(connection: &DbConnection, role: Role, statement_timeout: Duration) -> String {
    match connection {
        DbConnection::Sqlite(_) => {
            let query_only = if role == Role::Read { "PRAGMA query_only = ON;" } else { "" };
            format!(
                "{BUSY_TIMEOUT}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA cache_size = -32768; PRAGMA mmap_size = 268435456; \
                 PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0; {query_only}"
            )
        }
        // A COMMIT has no statement timeout, but may wait for a lock: events of clusters are written then.
        DbConnection::Postgres(_) => format!(
            "SET TIME ZONE 'UTC'; SET client_encoding = 'UTF8'; SET statement_timeout = {timeout}; \
             SET lock_timeout = {timeout}; SET idle_in_transaction_session_timeout = {idle}; SET application_name = 'clusterdesk';",
            timeout = statement_timeout.as_millis(),
            idle = statement_timeout.as_millis().saturating_mul(2),
        ),
    }
}

/// Begins a transaction that may write. SQLite takes its write lock now: a transaction that only later turns from
/// reading to writing fails at once instead of waiting.
pub fn begin_write(connection: &mut DbConnection) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE"),
        DbConnection::Postgres(pg) => AnsiTransactionManager::begin_transaction(pg),
    }
}

/// Begins a transaction whose statements all see one state of the database.
pub fn begin_snapshot(connection: &mut DbConnection) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction(sqlite),
        DbConnection::Postgres(pg) => {
            AnsiTransactionManager::begin_transaction_sql(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        }
    }
}

pub fn commit(connection: &mut DbConnection) -> QueryResult<()> {
    <DbConnection as diesel::Connection>::TransactionManager::commit_transaction(connection)
}

pub fn rollback(connection: &mut DbConnection) -> QueryResult<()> {
    <DbConnection as diesel::Connection>::TransactionManager::rollback_transaction(connection)
}

/// Locks a user's row until the transaction ends, so that what one user does and what is done to them happens one
/// after the other. SQLite has one writer and needs nothing.
pub fn lock_user(connection: &mut DbConnection, id: &str) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(_) => Ok(()),
        DbConnection::Postgres(pg) => {
            sql_query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE").bind::<Text, _>(id).execute(pg).map(drop)
        }
    }
}

/// Takes an advisory lock until the transaction ends.
pub fn lock_until_commit(connection: &mut DbConnection, key: i64) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(_) => Ok(()),
        DbConnection::Postgres(pg) => pg.batch_execute(&format!("SELECT pg_advisory_xact_lock({key})")),
    }
}

/// Folds the write-ahead log back into the SQLite file; `truncate` also empties it. False when a reader is in the way,
/// who is not waited for.
pub fn checkpoint(connection: &mut DbConnection, truncate: bool) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Outcome {
        #[diesel(sql_type = Integer)]
        busy: i32,
    }
    let DbConnection::Sqlite(sqlite) = connection else { return Ok(true) };
    let mode = if truncate { "TRUNCATE" } else { "PASSIVE" };
    sqlite.batch_execute("PRAGMA busy_timeout = 0")?;
    let outcome = sql_query(format!("PRAGMA wal_checkpoint({mode})")).get_result::<Outcome>(sqlite);
    sqlite.batch_execute(BUSY_TIMEOUT)?;
    Ok(outcome?.busy == 0)
}

/// Whether a transaction is open.
pub fn in_transaction(connection: &mut DbConnection) -> bool {
    let status = <DbConnection as diesel::Connection>::TransactionManager::transaction_manager_status_mut(connection);
    matches!(status.transaction_depth(), Ok(Some(_)))
}

/// Foreign keys off for the table rebuilds of SQLite migrations, which no transaction can switch.
pub fn suspend_foreign_keys(connection: &mut DbConnection, suspended: bool) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(sqlite) if suspended => sqlite.batch_execute("PRAGMA foreign_keys = OFF"),
        DbConnection::Sqlite(sqlite) => sqlite.batch_execute("PRAGMA foreign_keys = ON"),
        DbConnection::Postgres(_) => Ok(()),
    }
}

/// Rows whose parent is missing. PostgreSQL never has any; SQLite may after a migration, which runs unchecked.
pub fn broken_references(connection: &mut DbConnection) -> QueryResult<i64> {
    match connection {
        DbConnection::Sqlite(sqlite) => {
            diesel::select(sql::<BigInt>("(SELECT count(*) FROM pragma_foreign_key_check)")).get_result(sqlite)
        }
        DbConnection::Postgres(_) => Ok(0),
    }
}

/// Whether the connection's server is still there. SQLite has none.
pub fn answers(connection: &mut DbConnection) -> bool {
    match connection {
        DbConnection::Sqlite(_) => true,
        DbConnection::Postgres(pg) => pg.batch_execute("SELECT 1").is_ok(),
    }
}

/// The language in which the server words its errors. Deadlocks and timeouts are known by their English names, as Diesel
/// keeps SQLSTATE to itself.
pub fn message_language(connection: &mut DbConnection) -> QueryResult<String> {
    match connection {
        DbConnection::Sqlite(_) => Ok("C".to_owned()),
        DbConnection::Postgres(pg) => diesel::select(sql::<Text>("current_setting('lc_messages')")).get_result(pg),
    }
}

/// The database's clock. SQLite's is our own machine's.
pub fn clock(connection: &mut DbConnection) -> QueryResult<Timestamp> {
    match connection {
        DbConnection::Sqlite(_) => Ok(Timestamp::now()),
        DbConnection::Postgres(pg) => {
            diesel::select(sql::<sql_types::Timestamp>("clock_timestamp() AT TIME ZONE 'utc'")).get_result(pg)
        }
    }
}

/// Whether there is a table of this name.
pub fn has_table(connection: &mut DbConnection, name: &str) -> QueryResult<bool> {
    let query = |text: &str| diesel::select(sql::<Bool>(text).bind::<Text, _>(name.to_owned()).sql(")"));
    match connection {
        DbConnection::Sqlite(sqlite) => {
            query("EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ").get_result(sqlite)
        }
        DbConnection::Postgres(pg) => {
            query("EXISTS (SELECT 1 FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relname = ")
                .get_result(pg)
        }
    }
}
