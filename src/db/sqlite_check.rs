//! Checks of SQLite files that no server uses: backups, and copies that are being made.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow, bail, ensure};
use diesel::{QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::Text};

use super::{
    connection::DbConnection,
    dialect,
    migrations::{self, Level},
    sqlite_file::{establish, log_beside},
};

/// The settings of a session: patience with somebody who writes to the file, and a cache for the check.
const SESSION: &str = "PRAGMA busy_timeout = 5000; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY";

/// SQLite's text for SQLITE_CORRUPT, whose code Diesel does not pass on.
const CORRUPT: &str = "database disk image is malformed";

/// Opens a file for reading. Nothing is written to it.
///
/// # Errors
/// There is no such file, or it is no database.
pub fn open(path: &Path) -> Result<DbConnection> {
    let file = fs::metadata(path).with_context(|| format!("could not open {}", path.display()))?;
    ensure!(file.is_file(), "{} is not a file", path.display());
    ensure!(file.len() > 0, "{} is empty", path.display());
    // Without a log it is in one piece, and SQLite needs no lock on it. With one, SQLite has to read that too.
    let has_log = log_beside(path).and_then(fs::metadata).is_ok_and(|log| log.len() > 0);
    let mut connection = DbConnection::Sqlite(establish(path, if has_log { "?mode=ro" } else { "?immutable=1" })?);
    let opened = connection.batch_execute(&format!("{SESSION}; SELECT 1 FROM sqlite_master LIMIT 1"));
    opened.map_err(|error| {
        let text = error.to_string();
        let found = if text == CORRUPT { "is damaged" } else { "can't be read" };
        anyhow!("{} {found}: {text}", path.display())
    })?;
    Ok(connection)
}

/// Checks that a file is whole, and says how far it is migrated.
///
/// # Errors
/// It can't be read, is damaged, or is not clusterdesk's.
pub fn whole(path: &Path) -> Result<Level> {
    let mut connection = open(path)?;
    let level = migrations::level(&mut connection);
    let level = level.with_context(|| format!("{} is damaged: its migrations can't be read", path.display()))?;
    let Some(level) = level else { bail!("{} is not a database of clusterdesk", path.display()) };
    let problem = problem(&mut connection).with_context(|| format!("{} can't be checked", path.display()))?;
    if let Some(problem) = problem {
        bail!("{} is damaged: {problem}", path.display());
    }
    let broken = dialect::broken_references(&mut connection)?;
    ensure!(broken == 0, "{} is damaged: {broken} rows have no parent", path.display());
    Ok(level)
}

/// The first thing that SQLite finds wrong.
fn problem(connection: &mut DbConnection) -> Result<Option<String>> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Text)]
        integrity_check: String,
    }
    let found: Vec<Found> = sql_query("PRAGMA integrity_check(1)").load(connection)?;
    Ok(found.into_iter().map(|found| found.integrity_check).find(|text| text != "ok"))
}
