//! Notices that a SQLite file was removed or replaced while it is open. SQLite itself does not: it would go on writing to a
//! file that nobody can find again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use diesel::{Connection, ConnectionError, ConnectionResult, SqliteConnection};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::files::{FileId, with_suffix};

/// Characters that have a meaning in SQLite's file URIs.
const RESERVED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// A SQLite file that must exist. All connections that share this lead to the same file.
#[derive(Debug)]
pub(super) struct SqliteFile {
    path: PathBuf,
    /// What the first connection opened.
    opened: OnceLock<Opened>,
    /// The log that the writer's connection uses. It is the same for all, and stays as long as that is open.
    log: Mutex<Option<FileId>>,
    /// Whether the log says already that the file is gone.
    is_reported: AtomicBool,
}

/// What the first connection opened.
#[derive(Debug)]
struct Opened {
    file: FileId,
    /// The path of the write-ahead log: SQLite resolves symbolic links, and puts it beside their target.
    log: PathBuf,
}

impl SqliteFile {
    /// The file at `path`, which is not opened yet.
    pub fn new(path: &Path) -> Self {
        let is_reported = AtomicBool::new(false);
        Self { path: path.to_owned(), opened: OnceLock::new(), log: Mutex::new(None), is_reported }
    }

    /// The size of the write-ahead log in bytes; 0 when there is none.
    pub fn log_size(&self) -> u64 {
        self.opened.get().and_then(|opened| fs::metadata(&opened.log).ok()).map_or(0, |file| file.len())
    }

    /// Remembers the log, which a new connection of the writer has just opened.
    ///
    /// # Errors
    /// When there is none.
    pub fn keep_log(&self) -> anyhow::Result<()> {
        let opened = self.opened.get().context("no connection was opened")?;
        let log = FileId::of(&opened.log).context("SQLite has no write-ahead log (-wal) beside its file")?;
        *self.log() = Some(log);
        Ok(())
    }

    /// Forgets the log, because the writer's connection is closed: with the last connection SQLite removes it.
    pub fn forget_log(&self) {
        *self.log() = None;
    }

    /// Opens a connection. Unlike [`establish`], it never creates the file, and refuses another file than before.
    ///
    /// # Errors
    /// The database's message.
    pub fn open(&self) -> ConnectionResult<SqliteConnection> {
        let id = || FileId::of(&self.path).map_err(|error| ConnectionError::BadConnection(error.to_string()));
        let before = id()?;
        let log = log_beside(&self.path).map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
        let connection = establish(&self.path, "?mode=rw")?;
        let expected = self.opened.get_or_init(|| Opened { file: before, log }).file;
        if before != expected || id()? != expected {
            return Err(ConnectionError::BadConnection("another file is at the path of the database".to_owned()));
        }
        self.check_log()?;
        Ok(connection)
    }

    /// Refuses a log other than the writer's. A connection that opened another one would stay broken.
    ///
    /// # Errors
    /// When the log is away or another one.
    pub fn check_log(&self) -> ConnectionResult<()> {
        match *self.log() {
            Some(log) if !self.has_log(log) => {
                Err(ConnectionError::BadConnection("the log of the database (-wal) was removed or replaced".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether the path of the log leads to `log`.
    fn has_log(&self, log: FileId) -> bool {
        self.opened.get().is_some_and(|opened| FileId::of(&opened.log).ok() == Some(log))
    }

    fn log(&self) -> MutexGuard<'_, Option<FileId>> {
        // Nothing panics while it holds the lock.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the path still leads to the file that is open, and that of the log to the writer's. The log file exists as
    /// long as a connection is open.
    pub fn is_in_place(&self) -> bool {
        let log = *self.log();
        let is_in_place = FileId::of(&self.path).ok() == self.opened.get().map(|opened| opened.file)
            && log.is_some_and(|log| self.has_log(log));
        if !is_in_place && !self.is_reported.swap(true, Ordering::Relaxed) {
            let path = self.path.display();
            tracing::error!(%path, "the database file or its log was removed or replaced; nothing is written until it is back");
        } else if is_in_place && self.is_reported.swap(false, Ordering::Relaxed) {
            tracing::info!("the database file is back");
        }
        is_in_place
    }
}

/// The path of the write-ahead log of the file to which `path` leads.
///
/// # Errors
/// When there is no file.
pub(super) fn log_beside(path: &Path) -> io::Result<PathBuf> {
    Ok(with_suffix(&fs::canonicalize(path)?, "-wal"))
}

/// The URI of the file at `path`. `parameters` are those of a SQLite URI, such as `?mode=rw`.
///
/// # Errors
/// When the path is not UTF-8.
pub(super) fn uri(path: &Path, parameters: &str) -> ConnectionResult<String> {
    let path = path.to_str().ok_or_else(|| ConnectionError::BadConnection("path is not UTF-8".into()))?;
    // An absolute path follows an empty host.
    let host = if path.starts_with('/') { "//" } else { "" };
    Ok(format!("file:{host}{}{parameters}", utf8_percent_encode(path, RESERVED)))
}

/// Opens a connection to the file at `path`. `parameters` are as for [`uri`].
///
/// # Errors
/// The database's message.
pub(super) fn establish(path: &Path, parameters: &str) -> ConnectionResult<SqliteConnection> {
    SqliteConnection::establish(&uri(path, parameters)?)
}
