//! The database of commands: where it is, its folder, and connections to it.

use std::{
    fs::{DirBuilder, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use clusterdesk::{
    config::DataSettings,
    db::{DatabaseUrl, DbConnection, Manager, Purpose, migrations, refuse_unfinished, sessions, transaction},
    error::{self, Error},
};

/// Creates the file of a SQLite database with mode 0600, and its folder with mode 0700, unless they exist. SQLite gives its
/// WAL files the same mode as the file.
///
/// # Errors
/// The folder or the file can't be created.
pub fn create(url: &DatabaseUrl) -> Result<()> {
    let Some(path) = url.sqlite_path() else { return Ok(()) };
    refuse_unfinished(path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_folder(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    file.map(drop).with_context(|| format!("could not create {}", path.display()))
}

/// The configured database, which must exist: a command in the wrong folder must not create another one.
///
/// # Errors
/// DATABASE_URL is wrong, there is no such SQLite file, or those of [`sessions::check`].
pub fn existing(settings: &DataSettings) -> Result<DatabaseUrl> {
    let url = DatabaseUrl::from_settings(settings)?;
    url.sqlite_path().map_or(Ok(()), refuse_unfinished)?;
    if let Some(path) = url.sqlite_path().filter(|path| !path.exists()) {
        let setting = if settings.database_url.is_some() { "DATABASE_URL" } else { "DATA_DIR" };
        bail!("there is no database at {}; is {setting} right?", path.display());
    }
    sessions::check(&url)?;
    Ok(url)
}

/// Creates a folder with mode 0700 unless it exists.
///
/// # Errors
/// It can't be created.
pub fn create_folder(folder: &Path) -> Result<()> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.with_context(|| format!("could not create the folder {}", folder.display()))
}

/// Connects to the configured database.
///
/// # Errors
/// The database can't be reached, or is not migrated to exactly this version.
pub fn connect(settings: &DataSettings) -> Result<DbConnection> {
    open(&existing(settings)?)
}

/// Connects to the database at this URL.
///
/// # Errors
/// The database can't be reached, or is not migrated to exactly this version.
pub fn open(url: &DatabaseUrl) -> Result<DbConnection> {
    let manager = Manager { url: url.clone(), purpose: Purpose::Write, statement_timeout: Duration::ZERO };
    let mut connection = manager.open().with_context(|| format!("could not open the {} database", url.kind()))?;
    let current = migrations::is_current(&mut connection);
    let current = current.with_context(|| format!("could not read from the {} database", url.kind()))?;
    ensure!(current, "the database is not migrated to this version; run `clusterdesk migrate up` first");
    Ok(connection)
}

/// Runs a change in one transaction, and takes it back if it is only to be tried.
///
/// # Errors
/// Those of `work`, which leave nothing changed, and of the database.
pub fn change<T>(
    conn: &mut DbConnection,
    dry_run: bool,
    work: impl FnOnce(&mut DbConnection) -> error::Result<T>,
) -> Result<T> {
    let done = if dry_run { transaction::rehearse(conn, work) } else { transaction::write(conn, work) };
    done.map_err(Error::into_detail)
}
