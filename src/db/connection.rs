//! One connection type for both databases, and the r2d2 manager that opens it.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use diesel::{
    ConnectionError, ConnectionResult, MultiConnection, PgConnection, SqliteConnection, connection::SimpleConnection,
    prelude::*, r2d2::R2D2Connection,
};

use super::{dialect, instrument, url::DatabaseUrl};

/// How long to try to turn a SQLite file to WAL, and how long between two tries.
const WAL_PATIENCE: Duration = Duration::from_secs(5);
const WAL_PAUSE: Duration = Duration::from_millis(10);

#[derive(MultiConnection)]
pub enum DbConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Read,
    Write,
}

/// Opens connections for r2d2; the derived `establish` would try the variants in turn and hide the real error.
#[derive(Clone, Debug)]
pub struct Manager {
    pub url: DatabaseUrl,
    pub role: Role,
    /// PostgreSQL cancels a statement that takes longer.
    pub statement_timeout: Duration,
}

impl Manager {
    /// # Errors
    /// The database's own words: for the log and the command line, not for callers.
    pub fn open(&self) -> ConnectionResult<DbConnection> {
        let mut connection = match &self.url {
            DatabaseUrl::Sqlite(path) => {
                let path = path.to_str().ok_or_else(|| ConnectionError::BadConnection("path is not UTF-8".into()))?;
                DbConnection::Sqlite(SqliteConnection::establish(path)?)
            }
            DatabaseUrl::Postgres(url) => DbConnection::Postgres(PgConnection::establish(url.expose())?),
        };
        let setup = dialect::session_setup(&connection, self.role, self.statement_timeout);
        set_up(&mut connection, &setup).map_err(ConnectionError::CouldntSetupConfiguration)?;
        connection.set_instrumentation(instrument::Statements::default());
        Ok(connection)
    }
}

/// Runs the session's first statements. Turning a new SQLite file to WAL needs it for oneself for a moment and, unlike
/// everything else, does not wait for that; processes that start together get in each other's way.
fn set_up(connection: &mut DbConnection, setup: &str) -> QueryResult<()> {
    let deadline = Instant::now() + WAL_PATIENCE;
    loop {
        match connection.batch_execute(setup) {
            Err(error) if error.to_string() == "database is locked" && Instant::now() < deadline => sleep(WAL_PAUSE),
            done => return done,
        }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = DbConnection;
    type Error = ConnectionError;

    fn connect(&self) -> ConnectionResult<DbConnection> {
        self.open()
    }

    /// Not asked for: testing on check-out costs a third of the throughput, and a worker keeps its connection anyway.
    fn is_valid(&self, _: &mut DbConnection) -> ConnectionResult<()> {
        Ok(())
    }

    fn has_broken(&self, connection: &mut DbConnection) -> bool {
        is_lost(connection)
    }
}

/// Whether a connection must not be used again because a transaction did not end well.
pub fn is_broken(connection: &mut DbConnection) -> bool {
    connection.is_broken()
}

/// The same, or its server is gone. Asks the server, so only for when something went wrong.
pub fn is_lost(connection: &mut DbConnection) -> bool {
    is_broken(connection) || !dialect::answers(connection)
}
