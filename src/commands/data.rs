//! The data folder, and a connection for commands.

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

/// Creates the data folder (0700) and, on SQLite, the file (0600; its companions inherit that).
///
/// # Errors
/// When DATABASE_URL is wrong, or a folder or file can't be created.
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

/// Writes a file that only its owner can read, replacing an older one as a whole.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    let draft = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    write().with_context(|| format!("could not write {}", path.display()))
}

/// A connection to a migrated database.
///
/// # Errors
/// When the database can't be reached, or has not exactly this binary's migrations.
pub fn connect(settings: &DataSettings) -> Result<DbConnection> {
    open(&prepare(settings)?)
}

/// The same for a known address.
pub fn open(url: &DatabaseUrl) -> Result<DbConnection> {
    let manager = Manager { url: url.clone(), purpose: Purpose::Write, statement_timeout: Duration::ZERO };
    let mut connection = manager.open().with_context(|| format!("could not open the {} database", url.kind()))?;
    let current = migrations::is_current(&mut connection).unwrap_or(false);
    ensure!(current, "the database is not migrated to this version; run `clusterdesk migrate up` first");
    Ok(connection)
}

/// Turns the error of a transaction into one for a person at the command line, who may see the detail.
pub fn plain(error: clusterdesk::error::Error) -> anyhow::Error {
    match error {
        clusterdesk::error::Error::Internal(detail) => detail,
        other => other.into(),
    }
}
