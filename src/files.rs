//! Files that are in their place when they are complete, and not before.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, ensure};

/// What follows the name of the place in that of an unfinished file.
pub const UNFINISHED: &str = ".partial";

/// A file that is being made. It is removed when this is dropped, unless it was published.
pub struct Unfinished {
    place: PathBuf,
    path: PathBuf,
    /// Locked, so that nobody else makes the same file. What a killed process has left is not locked.
    file: File,
    is_published: bool,
}

impl Unfinished {
    /// Begins an empty file for `place`, with mode 0600.
    ///
    /// # Errors
    /// Somebody else is making it, or the folder can't be written.
    pub fn begin(place: &Path) -> Result<Self> {
        ensure!(place.file_name().is_some(), "{} is not a file name", place.display());
        let path = with_suffix(place, UNFINISHED);
        if is_regular(&path) {
            // What a killed process has left may be a link to a finished file, or readable by others.
            let left = File::open(&path).with_context(|| format!("could not open {}", path.display()))?;
            lock(&left, &path)?;
            fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
        }
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("could not create {}", path.display()))?;
        lock(&file, &path)?;
        Ok(Self { place: place.to_owned(), path, file, is_published: false })
    }

    /// Where it will be.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Where it is while it is being made.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether it is in its place.
    pub fn is_published(&self) -> bool {
        self.is_published
    }

    /// Writes the file to the disk and gives it its name. Only with `replace` it may replace another file. The name survives a crash
    /// after [`sync_folder`].
    ///
    /// # Errors
    /// There is another file, or the disk does not take it.
    pub fn publish(&mut self, replace: bool) -> Result<()> {
        let place = self.place.display();
        self.file.sync_all().with_context(|| format!("could not write {}", self.path.display()))?;
        if replace {
            fs::rename(&self.path, &self.place).with_context(|| format!("could not replace {place}"))?;
        } else {
            // Unlike a renaming, a link never replaces a file.
            fs::hard_link(&self.path, &self.place).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => anyhow!("{place} exists already"),
                _ => anyhow!(error).context(format!("could not create {place}")),
            })?;
            fs::remove_file(&self.path)?;
        }
        self.is_published = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it is published, another process may use the name.
        if !self.is_published {
            // The error that is reported says more.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Whether there is a file itself, and no link to one.
fn is_regular(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}

/// Locks an open file that must still be at its path.
fn lock(file: &File, path: &Path) -> Result<()> {
    let is_free = match file.try_lock() {
        // Another process may have moved it to its place before the lock was taken.
        Ok(()) => FileId::of(path).ok() == Some(FileId::of_open(file)?),
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => return Err(error).context("could not lock the new file"),
    };
    ensure!(is_free, "another process is writing {}", path.display());
    Ok(())
}

/// Which file a path led to. A file that is open keeps its number, so no other file gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file to which `path` leads.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&fs::metadata(path)?))
    }

    /// An open file, whatever its path is.
    ///
    /// # Errors
    /// The system's.
    pub fn of_open(file: &File) -> io::Result<Self> {
        Ok(Self::from(&file.metadata()?))
    }

    fn from(file: &fs::Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }
}

/// The path with something appended to its last part.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path: OsString = path.into();
    path.push(suffix);
    path.into()
}

/// Makes changes of names in the folder of `path` permanent.
///
/// # Errors
/// When the folder can't be opened or written to the disk.
pub fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("could not write the folder {}", folder.display()))
}

/// Removes the unfinished files in a folder that killed processes have left, of those whose places `is_ours` accepts.
///
/// # Errors
/// When the folder can't be read.
pub fn remove_abandoned(folder: &Path, is_ours: impl Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let place = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(UNFINISHED));
        let is_abandoned = |file: File| file.try_lock().is_ok();
        if place.is_some_and(&is_ours) && File::open(&path).is_ok_and(is_abandoned) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
