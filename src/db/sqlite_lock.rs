//! The lock file beside a SQLite file, `<file>-lock`. Servers share the lock as long as they run, and a restore has it alone.
//! The system releases it when a process ends, however it ends. The database file itself is not locked, because SQLite would
//! lose its own locks on it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::files::with_suffix;

/// A lock on a SQLite file, which ends when this is dropped.
pub struct SqliteLock {
    file: File,
}

impl SqliteLock {
    /// Shares the lock, as a server does.
    ///
    /// # Errors
    /// A restore is running or was interrupted, or the lock file can't be opened.
    pub fn share(database: &Path) -> Result<Self> {
        let lock = Self { file: open(database)? };
        match lock.file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{} is being restored", database.display()),
            Err(TryLockError::Error(error)) => return Err(error).context("could not lock the database"),
        }
        refuse_unfinished(database)?;
        Ok(lock)
    }

    /// Takes the lock alone, as a restore does.
    ///
    /// # Errors
    /// A server or a restore is running, or the lock file can't be opened.
    pub fn alone(database: &Path) -> Result<Self> {
        let lock = Self { file: open(database)? };
        match lock.file.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => {
                bail!("a server is running on {}; stop it first", database.display())
            }
            Err(TryLockError::Error(error)) => Err(error).context("could not lock the database"),
        }
    }

    /// What [`Self::mark`] has written, if the restore did not come to its end.
    ///
    /// # Errors
    /// When the lock file can't be read.
    pub fn marked(&mut self) -> Result<Option<String>> {
        let mut text = String::new();
        self.file.rewind()?;
        self.file.read_to_string(&mut text).context("could not read the lock file")?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Marks the database as not usable until [`Self::unmark`]. The mark stays if the process is killed.
    ///
    /// # Errors
    /// When the lock file can't be written.
    pub fn mark(&mut self, text: &str) -> Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all().context("could not write the lock file")
    }

    /// Removes the mark.
    ///
    /// # Errors
    /// When the lock file can't be written.
    pub fn unmark(&mut self) -> Result<()> {
        self.file.set_len(0)?;
        self.file.sync_all().context("could not write the lock file")
    }
}

/// Refuses a database whose restore was interrupted: its file may be missing, or lack its log.
///
/// # Errors
/// When it was interrupted, or is running.
pub fn refuse_unfinished(database: &Path) -> Result<()> {
    if fs::metadata(path(database)).is_ok_and(|file| file.len() > 0) {
        bail!("the restore of {} has not finished; run `clusterdesk restore` again", database.display());
    }
    Ok(())
}

/// Whether somebody has the lock. Changes nothing.
///
/// # Errors
/// When the lock file can't be opened.
pub fn is_locked(database: &Path) -> Result<bool> {
    match File::open(path(database)) {
        Ok(file) => Ok(matches!(file.try_lock(), Err(TryLockError::WouldBlock))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).context("could not open the lock file"),
    }
}

fn open(database: &Path) -> Result<File> {
    let path = path(database);
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
    file.with_context(|| format!("could not open the lock file {}", path.display()))
}

/// The lock file is beside the database file, also if `database` is a symbolic link to that.
fn path(database: &Path) -> PathBuf {
    with_suffix(&fs::canonicalize(database).unwrap_or_else(|_absent| database.to_owned()), "-lock")
}
