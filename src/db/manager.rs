//! Opens connections, also for r2d2.

use std::{
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use diesel::{
    ConnectionError, ConnectionResult, PgConnection,
    connection::{CacheSize, SimpleConnection},
    prelude::*,
    r2d2::R2D2Connection,
};

use super::{
    connection::{DbConnection, Purpose},
    dialect, instrument,
    measures::LaneMeasures,
    sqlite_file::{self, SqliteFile},
    url::DatabaseUrl,
};

/// For how long to retry switching a SQLite file to WAL.
const WAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts to switch to WAL.
const WAL_PAUSE: Duration = Duration::from_millis(10);

/// Opens connections to one database. Diesel's derived `establish` would try each variant of [`DbConnection`] in turn
/// and report only the last error.
#[derive(Clone, Debug)]
pub struct Manager {
    /// The database.
    pub url: DatabaseUrl,
    /// What the connections are for.
    pub purpose: Purpose,
    /// PostgreSQL cancels a statement that takes longer; zero means no limit.
    pub statement_timeout: Duration,
}

impl Manager {
    /// Opens a connection and prepares its session.
    ///
    /// # Errors
    /// The database's own message. It is meant for the log and the command line, not for callers.
    pub fn open(&self) -> ConnectionResult<DbConnection> {
        self.prepare(match &self.url {
            DatabaseUrl::Sqlite(path) => DbConnection::Sqlite(sqlite_file::establish(path, "")?),
            DatabaseUrl::Postgres(url) | DatabaseUrl::Pooled(url) => {
                DbConnection::Postgres(PgConnection::establish(url.expose())?)
            }
        })
    }

    /// Prepares the session of a new connection.
    fn prepare(&self, mut connection: DbConnection) -> ConnectionResult<DbConnection> {
        if !self.url.has_sessions() {
            // A prepared statement is one of its session, too.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            connection.set_instrumentation(instrument::Statements::default());
            return Ok(connection);
        }
        let setup = dialect::session_setup(&connection, self.purpose, self.statement_timeout);
        set_up(&mut connection, &setup).map_err(ConnectionError::CouldntSetupConfiguration)?;
        if !dialect::has_log(&mut connection).map_err(ConnectionError::CouldntSetupConfiguration)? {
            let message = "WAL mode could not be enabled; SQLite needs a file on a local file system for it";
            return Err(ConnectionError::BadConnection(message.to_owned()));
        }
        connection.set_instrumentation(instrument::Statements::default());
        Ok(connection)
    }
}

/// Runs the first statements of a session. Switching a new SQLite file to WAL needs an exclusive lock for which SQLite
/// does not apply the busy timeout, so processes that start together have to retry.
fn set_up(connection: &mut DbConnection, setup: &str) -> QueryResult<()> {
    let deadline = Instant::now() + WAL_TIMEOUT;
    loop {
        match connection.batch_execute(setup) {
            Err(error) if error.to_string() == "database is locked" && Instant::now() < deadline => sleep(WAL_PAUSE),
            done => return done,
        }
    }
}

/// Opens the connections of a running server. All of one SQLite database lead to the same file, which must exist.
#[derive(Clone)]
pub(super) struct PoolManager {
    /// The database.
    pub manager: Manager,
    /// The file of a SQLite database.
    pub file: Option<Arc<SqliteFile>>,
    /// Where the statements are counted, if they are those of a database thread.
    pub measures: Option<LaneMeasures>,
}

impl PoolManager {
    /// Opens a connection and prepares its session.
    ///
    /// # Errors
    /// The database's own message.
    pub fn open(&self) -> ConnectionResult<DbConnection> {
        let mut connection = match &self.file {
            Some(file) => {
                let connection = self.manager.prepare(DbConnection::Sqlite(file.open()?))?;
                // The log was opened with the first statement.
                file.check_log()?;
                connection
            }
            None => self.manager.open()?,
        };
        if let Some(measures) = &self.measures {
            connection.set_instrumentation(instrument::Statements::measured(measures.clone()));
        }
        Ok(connection)
    }
}

impl r2d2::ManageConnection for PoolManager {
    type Connection = DbConnection;
    type Error = ConnectionError;

    fn connect(&self) -> ConnectionResult<DbConnection> {
        self.open()
    }

    /// Always true: a test on check-out costs a third of the throughput, and each worker keeps its connection.
    fn is_valid(&self, _: &mut DbConnection) -> ConnectionResult<()> {
        Ok(())
    }

    fn has_broken(&self, connection: &mut DbConnection) -> bool {
        is_lost(connection) || is_demoted(connection, self.manager.purpose)
    }
}

/// Whether a failed transaction left the connection unusable. Does not ask the server.
pub(super) fn is_broken(connection: &mut DbConnection) -> bool {
    connection.is_broken()
}

/// Whether the connection is broken or its server no longer answers. Costs a round trip, so it is called only after an
/// error.
pub(super) fn is_lost(connection: &mut DbConnection) -> bool {
    is_broken(connection) || !dialect::answers(connection)
}

/// Whether a connection for writes leads to a server that accepts none any more (SQLSTATE 25006), so that it is of no use
/// although the server answers. Costs a round trip, so it is called only after an error. One that can't say it is of no use
/// either.
pub(super) fn is_demoted(connection: &mut DbConnection, purpose: Purpose) -> bool {
    purpose.writes() && dialect::is_read_only(connection).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_have_a_log_is_refused() {
        let url = DatabaseUrl::Sqlite(":memory:".into());
        let opened = Manager { url, purpose: Purpose::Write, statement_timeout: Duration::ZERO }.open();
        let error = opened.err().unwrap().to_string();
        assert!(error.starts_with("WAL mode could not be enabled"), "{error}");
    }
}
