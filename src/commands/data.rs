//! The data folder, and the database connection of commands.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clusterdesk::{
    config::DataSettings,
    db::{DatabaseUrl, DbConnection, Manager, Purpose, migrations},
};

/// Creates the data folder with mode 0700 and, for SQLite, the database file with mode 0600. SQLite gives its WAL
/// files the same mode.
///
/// # Errors
/// DATABASE_URL is wrong, or a folder or file can't be created.
pub fn prepare(settings: &DataSettings) -> Result<DatabaseUrl> {
    let url = DatabaseUrl::from_settings(settings)?;
    create_folder(&settings.data_dir)?;
    if let Some(path) = url.sqlite_path() {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            create_folder(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        file.with_context(|| format!("could not create {}", path.display()))?;
    }
    Ok(url)
}

fn create_folder(folder: &Path) -> Result<()> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.with_context(|| format!("could not create the folder {}", folder.display()))
}

/// Writes a file with mode 0600. An existing file is replaced atomically.
///
/// # Errors
/// The file can't be written.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().with_context(|| format!("could not write {}", path.display()))
}

/// Connects to the configured database.
///
/// # Errors
/// The database can't be reached, or is not migrated to exactly this version.
pub fn connect(settings: &DataSettings) -> Result<DbConnection> {
    open(&prepare(settings)?)
}

/// Connects to the database at this URL.
///
/// # Errors
/// The database can't be reached, or is not migrated to exactly this version.
pub fn open(url: &DatabaseUrl) -> Result<DbConnection> {
    let manager = Manager { url: url.clone(), purpose: Purpose::Write, statement_timeout: Duration::ZERO };
    let mut connection = manager.open().with_context(|| format!("could not open the {} database", url.kind()))?;
    let current = migrations::is_current(&mut connection).unwrap_or(false);
    ensure!(current, "the database is not migrated to this version; run `clusterdesk migrate up` first");
    Ok(connection)
}

/// Converts the error of a transaction for the terminal, where internal details may be shown.
pub fn detailed(error: clusterdesk::error::Error) -> anyhow::Error {
    match error {
        clusterdesk::error::Error::Internal(detail) => detail,
        other => other.into(),
    }
}
