//! What differs between SQLite and PostgreSQL. Only this file and the macro `native!` match on the variants of
//! [`DbConnection`].

use std::{borrow::Cow, time::Duration};

use diesel::{
    OptionalExtension, PgConnection, QueryResult, QueryableByName, RunQueryDsl,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    dsl::sql,
    result::DatabaseErrorKind,
    sql_query,
    sql_types::{self, BigInt, Bool, Integer, Text},
};

use super::{
    connection::{DbConnection, Purpose},
    timestamp::Timestamp,
};

/// How long a connection waits for another process that is writing to the SQLite file, in milliseconds.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// How long the writer waits for readers before it starts the log anew, in milliseconds.
const READER_TIMEOUT: &str = "PRAGMA busy_timeout = 5";

/// When a process in `pg_stat_activity` was started, in microseconds since 1970.
const STARTED: &str = "(extract(epoch FROM backend_start) * 1000000)::bigint";

/// How long it may take to terminate a process.
const TERMINATE_TIMEOUT: &str = "SET statement_timeout = '5s'";

/// A PostgreSQL process. The time tells it from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct Backend {
    /// Its process id.
    #[diesel(sql_type = Integer)]
    pub pid: i32,
    /// When it was started, in microseconds since 1970.
    #[diesel(sql_type = BigInt)]
    started: i64,
}

/// The first statements of every new session. On SQLite the busy timeout must come first.
pub fn session_setup(connection: &DbConnection, purpose: Purpose, statement_timeout: Duration) -> String {
    match connection {
        DbConnection::Sqlite(_) => {
            // There are several readers, and what is not in their caches is in the system's. The writer keeps what it changes.
            let (cache, query_only) = match purpose {
                Purpose::Read | Purpose::Browse => (16 * 1024, "PRAGMA query_only = ON;"),
                Purpose::Write => (32 * 1024, ""),
            };
            format!(
                "{BUSY_TIMEOUT}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA cache_size = -{cache}; \
                 PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0; {query_only}"
            )
        }
        // The statement timeout does not apply to COMMIT, which may wait for the lock of the event triggers. Nor may it: a
        // cancelled wait for a synchronous standby counts as a success.
        DbConnection::Postgres(_) => format!(
            "{plans}SET TIME ZONE 'UTC'; SET client_encoding = 'UTF8'; SET statement_timeout = {timeout}; \
             SET lock_timeout = {timeout}; SET idle_in_transaction_session_timeout = {idle}; \
             SET application_name = 'clusterdesk';",
            // One plan for each connection. PostgreSQL would plan anew for short arrays and for ranges, which takes longer
            // than most statements run.
            plans = if purpose == Purpose::Browse { "" } else { "SET plan_cache_mode = force_generic_plan; " },
            timeout = statement_timeout.as_millis(),
            idle = statement_timeout.as_millis().saturating_mul(2),
        ),
    }
}

/// Begins a transaction that may write. SQLite takes its write lock at once, because a transaction that turns from
/// reading to writing later fails instead of waiting. On PostgreSQL `limit` replaces the session's statement timeout.
///
/// # Errors
/// When the database cannot be reached or, on SQLite, stays locked.
pub fn begin_write(connection: &mut DbConnection, limit: Option<Duration>) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE"),
        DbConnection::Postgres(pg) => AnsiTransactionManager::begin_transaction_sql(pg, &limited("BEGIN", limit)),
    }
}

/// Begins a read-only transaction whose statements all see one state of the database. `limit` is as for [`begin_write`].
///
/// # Errors
/// When the database cannot be reached.
pub fn begin_snapshot(connection: &mut DbConnection, limit: Option<Duration>) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction(sqlite),
        DbConnection::Postgres(pg) => {
            let begin = limited("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", limit);
            AnsiTransactionManager::begin_transaction_sql(pg, &begin)
        }
    }
}

/// `begin` and, in the same message, the statement timeout of the transaction.
fn limited(begin: &str, limit: Option<Duration>) -> Cow<'_, str> {
    let Some(limit) = limit else { return begin.into() };
    // Zero would mean no limit.
    let limit = limit.as_millis().max(1);
    format!("{begin}; SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {limit}").into()
}

/// Commits the open transaction.
///
/// # Errors
/// When the commit failed; then it is rolled back.
pub fn commit(connection: &mut DbConnection) -> QueryResult<()> {
    <DbConnection as diesel::Connection>::TransactionManager::commit_transaction(connection)
}

/// Rolls the open transaction back.
///
/// # Errors
/// When the database cannot be reached; then the connection is broken.
pub fn rollback(connection: &mut DbConnection) -> QueryResult<()> {
    <DbConnection as diesel::Connection>::TransactionManager::rollback_transaction(connection)
}

/// The connection, if it is one to PostgreSQL.
pub fn postgres(connection: &mut DbConnection) -> Option<&mut PgConnection> {
    match connection {
        DbConnection::Sqlite(_) => None,
        DbConnection::Postgres(pg) => Some(pg),
    }
}

/// Whether one statement loads the rows of many keys faster than a statement for each. Statements with lists of values are
/// never cached on SQLite.
pub fn loads_sets(connection: &DbConnection) -> bool {
    matches!(connection, DbConnection::Postgres(_))
}

/// Whether several reads are faster in one transaction: on SQLite each takes a lock on the file otherwise.
pub fn reads_faster_in_transactions(connection: &DbConnection) -> bool {
    matches!(connection, DbConnection::Sqlite(_))
}

/// What to do with SQLite's write-ahead log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// Nothing: only report its size.
    Measure,
    /// Write all pages back, waiting a moment for readers, so that the next transaction starts the log anew.
    Restart,
    /// Like `Restart`, and cut the file to nothing.
    Truncate,
}

/// SQLite's write-ahead log after a [`checkpoint`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct LogState {
    /// 1 when readers or another process kept the checkpoint from being complete.
    #[diesel(sql_type = Integer)]
    pub busy: i32,
    /// Pages in the log since it was last started anew.
    #[diesel(sql_type = Integer)]
    pub log: i32,
}

/// Checkpoints SQLite's write-ahead log. PostgreSQL checkpoints by itself.
///
/// # Errors
/// The database's.
pub fn checkpoint(connection: &mut DbConnection, kind: Checkpoint) -> QueryResult<LogState> {
    let DbConnection::Sqlite(sqlite) = connection else { return Ok(LogState::default()) };
    let pragma = match kind {
        Checkpoint::Measure => return sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(sqlite),
        Checkpoint::Restart => "PRAGMA wal_checkpoint(RESTART)",
        Checkpoint::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    sqlite.batch_execute(READER_TIMEOUT)?;
    let state = sql_query(pragma).get_result(sqlite);
    sqlite.batch_execute(BUSY_TIMEOUT)?;
    state
}

/// Renews the statistics of SQLite's planner for tables that have grown or shrunk tenfold, from 2,000 rows of each index.
/// PostgreSQL's autovacuum does this by itself.
///
/// # Errors
/// The database's.
pub fn optimize(connection: &mut DbConnection) -> QueryResult<()> {
    match connection {
        // Of all tables, not only of those that this connection has queried, and with a limit. The pages that it has read would stay
        // in memory.
        DbConnection::Sqlite(sqlite) => sqlite.batch_execute("PRAGMA optimize = 0x10012; PRAGMA shrink_memory"),
        DbConnection::Postgres(_) => Ok(()),
    }
}

/// Until the transaction ends, statements look rows up in indexes. Their plans are made once, for tables as small as they are
/// then, and would read whole tables that this transaction fills. SQLite reads whole tables only without an index.
///
/// # Errors
/// The database's.
pub fn prefer_indexes(connection: &mut DbConnection) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(_) => Ok(()),
        DbConnection::Postgres(pg) => pg.batch_execute("SET LOCAL enable_seqscan = off"),
    }
}

/// Whether a transaction is open.
pub fn in_transaction(connection: &mut DbConnection) -> bool {
    let status = <DbConnection as diesel::Connection>::TransactionManager::transaction_manager_status_mut(connection);
    matches!(status.transaction_depth(), Ok(Some(_)))
}

/// Switches SQLite's foreign key checks off or on, for migrations that rebuild tables. This has no effect inside a
/// transaction.
///
/// # Errors
/// The database's.
pub fn suspend_foreign_keys(connection: &mut DbConnection, suspended: bool) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(sqlite) if suspended => sqlite.batch_execute("PRAGMA foreign_keys = OFF"),
        DbConnection::Sqlite(sqlite) => sqlite.batch_execute("PRAGMA foreign_keys = ON"),
        DbConnection::Postgres(_) => Ok(()),
    }
}

/// The number of rows whose parent is missing. It is always 0 on PostgreSQL, which checks migrations too.
///
/// # Errors
/// The database's.
pub fn broken_references(connection: &mut DbConnection) -> QueryResult<i64> {
    match connection {
        DbConnection::Sqlite(sqlite) => {
            diesel::select(sql::<BigInt>("(SELECT count(*) FROM pragma_foreign_key_check)")).get_result(sqlite)
        }
        DbConnection::Postgres(_) => Ok(0),
    }
}

/// Whether a new connection to SQLite uses a write-ahead log: SQLite reports no error when it can't. True on PostgreSQL.
///
/// # Errors
/// The database's.
pub fn has_log(connection: &mut DbConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct ModeRow {
        #[diesel(sql_type = Text)]
        journal_mode: String,
    }
    let DbConnection::Sqlite(sqlite) = connection else { return Ok(true) };
    sql_query("PRAGMA journal_mode").get_result::<ModeRow>(sqlite).map(|row| row.journal_mode == "wal")
}

/// Whether the server still answers. On SQLite, which has no server, whether the file and its log can be read.
pub fn answers(connection: &mut DbConnection) -> bool {
    match connection {
        DbConnection::Sqlite(sqlite) => sqlite.batch_execute("SELECT 1 FROM sqlite_master LIMIT 1").is_ok(),
        DbConnection::Postgres(pg) => pg.batch_execute("SELECT 1").is_ok(),
    }
}

/// Whether the server accepts no writes, as a former primary does after a failover. Always false on SQLite.
///
/// # Errors
/// The database's.
pub fn is_read_only(connection: &mut DbConnection) -> QueryResult<bool> {
    match connection {
        DbConnection::Sqlite(_) => Ok(false),
        DbConnection::Postgres(pg) => {
            diesel::select(sql::<Bool>("current_setting('transaction_read_only')::boolean")).get_result(pg)
        }
    }
}

/// Writes something that changes nothing, so that the commit of this transaction waits for what every commit waits for.
///
/// # Errors
/// When the database accepts no writes.
pub fn write_probe(connection: &mut DbConnection) -> QueryResult<()> {
    if is_read_only(connection)? {
        // The message below would be accepted.
        let message = Box::new("the session is in a read-only transaction".to_owned());
        return Err(diesel::result::Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, message));
    }
    let probe = match connection {
        DbConnection::Sqlite(_) => "UPDATE __diesel_schema_migrations SET run_on = run_on",
        // Needs no row, and so waits for no lock.
        DbConnection::Postgres(_) => "SELECT pg_logical_emit_message(true, 'clusterdesk', 'ready')",
    };
    connection.batch_execute(probe)
}

/// The PostgreSQL process that serves a connection. None on SQLite.
///
/// # Errors
/// The database's.
pub fn backend(connection: &mut DbConnection) -> QueryResult<Option<Backend>> {
    let DbConnection::Postgres(pg) = connection else { return Ok(None) };
    backend_of_postgres(pg)
}

/// The process that serves a connection. None on a server that only resembles PostgreSQL.
///
/// # Errors
/// The database's.
pub fn backend_of_postgres(connection: &mut PgConnection) -> QueryResult<Option<Backend>> {
    let row = format!("SELECT pid, {STARTED} AS started FROM pg_stat_activity WHERE pid = pg_backend_pid()");
    sql_query(row).get_result(connection).optional()
}

/// Terminates a process of the server. False when it no longer exists.
///
/// # Errors
/// The database's.
pub fn terminate(connection: &mut PgConnection, backend: &Backend) -> QueryResult<bool> {
    connection.batch_execute(TERMINATE_TIMEOUT)?;
    sql_query(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND {STARTED} = $2"))
        .bind::<Integer, _>(backend.pid)
        .bind::<BigInt, _>(backend.started)
        .execute(connection)
        .map(|found| found > 0)
}

/// Marks a connection as broken, so that its pool closes it.
pub fn discard(connection: &mut DbConnection) {
    <DbConnection as diesel::Connection>::TransactionManager::transaction_manager_status_mut(connection).set_in_error();
}

/// The language of the server's messages. Deadlocks and timeouts are recognised by their English messages, because
/// Diesel does not expose SQLSTATE.
///
/// # Errors
/// The database's.
pub fn message_language(connection: &mut DbConnection) -> QueryResult<String> {
    match connection {
        DbConnection::Sqlite(_) => Ok("C".to_owned()),
        DbConnection::Postgres(pg) => diesel::select(sql::<Text>("current_setting('lc_messages')")).get_result(pg),
    }
}

/// The database server's clock. On SQLite it is this machine's.
///
/// # Errors
/// The database's.
pub fn clock(connection: &mut DbConnection) -> QueryResult<Timestamp> {
    match connection {
        DbConnection::Sqlite(_) => Ok(Timestamp::now()),
        DbConnection::Postgres(pg) => {
            diesel::select(sql::<sql_types::Timestamp>("clock_timestamp() AT TIME ZONE 'utc'")).get_result(pg)
        }
    }
}

/// Whether a table of this name exists.
///
/// # Errors
/// The database's.
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
