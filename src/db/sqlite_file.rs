//! Notices that a SQLite file was removed or replaced while it is open. SQLite itself does not: it would go on writing to a
//! file that nobody can find again.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use diesel::{Connection, ConnectionError, ConnectionResult, SqliteConnection};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Characters that have a meaning in SQLite's file URIs.
const RESERVED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// A SQLite file that must exist. All connections that share this lead to the same file.
#[derive(Debug)]
pub(super) struct SqliteFile {
    path: PathBuf,
    /// The file that the first connection opened.
    opened: OnceLock<FileId>,
    /// Whether the log says already that the file is gone.
    is_reported: AtomicBool,
}

/// Which file a path led to. A file that is open keeps its number, so no other file gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file to which `path` leads.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self { device: file.dev(), inode: file.ino() })
    }
}

impl SqliteFile {
    /// The file at `path`, which is not opened yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), opened: OnceLock::new(), is_reported: AtomicBool::new(false) }
    }

    /// The path of the write-ahead log.
    pub fn log(&self) -> PathBuf {
        let mut path: OsString = self.path.clone().into();
        path.push("-wal");
        path.into()
    }

    /// Opens a connection. Unlike [`establish`], it never creates the file, and refuses another file than before.
    ///
    /// # Errors
    /// The database's message.
    pub fn open(&self) -> ConnectionResult<SqliteConnection> {
        let id = || FileId::of(&self.path).map_err(|error| ConnectionError::BadConnection(error.to_string()));
        let before = id()?;
        let connection = establish(&self.path, "?mode=rw")?;
        let expected = *self.opened.get_or_init(|| before);
        if before != expected || id()? != expected {
            return Err(ConnectionError::BadConnection("another file is at the path of the database".to_owned()));
        }
        Ok(connection)
    }

    /// Whether the path still leads to the file that is open, and that of the log to `log`. The log file exists as long as
    /// a connection is open.
    pub fn is_in_place(&self, log: FileId) -> bool {
        let is_in_place =
            FileId::of(&self.path).ok().as_ref() == self.opened.get() && FileId::of(&self.log()).ok() == Some(log);
        if !is_in_place && !self.is_reported.swap(true, Ordering::Relaxed) {
            let path = self.path.display();
            tracing::error!(%path, "the database file or its log was removed or replaced; nothing is written until it is back");
        } else if is_in_place && self.is_reported.swap(false, Ordering::Relaxed) {
            tracing::info!("the database file is back");
        }
        is_in_place
    }
}

/// Opens a connection to the file at `path`. `parameters` are those of a SQLite URI, such as `?mode=rw`.
///
/// # Errors
/// The database's message.
pub(super) fn establish(path: &Path, parameters: &str) -> ConnectionResult<SqliteConnection> {
    let path = path.to_str().ok_or_else(|| ConnectionError::BadConnection("path is not UTF-8".into()))?;
    // An absolute path follows an empty host.
    let host = if path.starts_with('/') { "//" } else { "" };
    SqliteConnection::establish(&format!("file:{host}{}{parameters}", utf8_percent_encode(path, RESERVED)))
}
