//! The databases of a copy: where from, and where to.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use diesel::connection::SimpleConnection;

use super::emptiness::refuse_rows;
use crate::db::{
    connection::{DbConnection, Purpose},
    dialect,
    manager::Manager,
    migrations::{self, Level, Migrations},
    sqlite_draft::Draft,
    sqlite_file::establish,
    sqlite_lock::refuse_unfinished,
    url::DatabaseUrl,
};

/// The session that fills a SQLite file. It is thrown away if that fails, so nothing is written twice.
const BUILD: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; \
                     PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -131072";

/// Opens the database to copy from, which servers may use.
///
/// # Errors
/// It can't be opened, or is not migrated to exactly this version.
pub fn open_source(url: &DatabaseUrl) -> Result<DbConnection> {
    if let Some(path) = url.sqlite_path() {
        ensure!(path.exists(), "there is no database at {}", path.display());
        refuse_unfinished(path)?;
    }
    let mut connection = open(url, Purpose::Read)?;
    let level = migrations::level(&mut connection)?;
    let Some(Level { pending, unknown, .. }) = level else { bail!("{} is not a database of clusterdesk", url.place()) };
    refuse_unknown("source", unknown)?;
    ensure!(
        pending == 0,
        "the source lacks {pending} migrations of this version; run `clusterdesk migrate up` on it first, or copy it with \
         the version that its servers have"
    );
    Ok(connection)
}

/// A database to copy to. A SQLite file appears in its place when it is [finished](Self::finish).
pub struct Target {
    connection: DbConnection,
    draft: Option<Draft>,
}

impl Target {
    /// Refuses a database that can't be copied to. Changes nothing.
    ///
    /// # Errors
    /// It has rows, or is of another version; or there is a SQLite file, even without rows.
    pub fn check(url: &DatabaseUrl) -> Result<()> {
        if let Some(path) = url.sqlite_path() {
            return refuse_file(path);
        }
        let mut connection = open(url, Purpose::Write)?;
        let Some(Level { pending, unknown, .. }) = migrations::level(&mut connection)? else { return Ok(()) };
        refuse_unknown("target", unknown)?;
        refuse_rows(&mut connection)?;
        ensure!(
            pending == 0,
            "the target lacks {pending} migrations of this version; run `clusterdesk migrate up` on it, or name an empty database"
        );
        Ok(())
    }

    /// Opens the database, and migrates it if it has no tables.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub fn open(url: &DatabaseUrl) -> Result<Self> {
        Self::check(url)?;
        let Some(path) = url.sqlite_path() else {
            Migrations::open(url)?.up(usize::MAX)?;
            return Ok(Self { connection: open(url, Purpose::Write)?, draft: None });
        };
        let draft = Draft::begin(path)?;
        Migrations::open(&DatabaseUrl::Sqlite(draft.path().to_owned()))?.up(usize::MAX)?;
        let mut connection = DbConnection::Sqlite(establish(draft.path(), "?mode=rw")?);
        connection.batch_execute(BUILD)?;
        Ok(Self { connection, draft: Some(draft) })
    }

    /// The connection to it.
    pub fn connection(&mut self) -> &mut DbConnection {
        &mut self.connection
    }

    /// Makes the copy ready for servers.
    ///
    /// # Errors
    /// A SQLite file is damaged, the disk does not take it, or there is one in its place meanwhile.
    pub fn finish(self) -> Result<()> {
        let Self { mut connection, draft } = self;
        dialect::optimize(&mut connection)?;
        if let Some(pg) = dialect::postgres(&mut connection) {
            // Until autovacuum comes, plans would be made for empty tables.
            pg.batch_execute("ANALYZE")?;
        }
        drop(connection);
        let Some(draft) = draft else { return Ok(()) };
        draft.finish()?;
        draft.place(false)
    }
}

fn open(url: &DatabaseUrl, purpose: Purpose) -> Result<DbConnection> {
    let manager = Manager { url: url.clone(), purpose, statement_timeout: Duration::ZERO };
    manager.open().with_context(|| format!("could not open the {} database {}", url.kind(), url.place()))
}

fn refuse_unknown(what: &str, unknown: Option<String>) -> Result<()> {
    if let Some(unknown) = unknown {
        bail!("the {what} was migrated by a newer clusterdesk (migration {unknown}); use that version");
    }
    Ok(())
}

fn refuse_file(path: &Path) -> Result<()> {
    refuse_unfinished(path)?;
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let mut connection = DbConnection::Sqlite(establish(path, "?mode=ro")?);
    refuse_rows(&mut connection).with_context(|| format!("there is a file at {}", path.display()))?;
    bail!(
        "there is a file at {} already; remove it, or name another one (with the -wal beside it, if there is one)",
        path.display()
    )
}
