//! A SQLite file that is being made. It is written under another name beside its place, checked, and put there in one step, so
//! that nobody ever finds half a database at the place.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use diesel::connection::SimpleConnection;

use super::{
    connection::DbConnection,
    migrations::Level,
    sqlite_check,
    sqlite_file::{FileId, uri, with_suffix},
};

/// What follows the name of the place in that of a draft.
pub(super) const SUFFIX: &str = ".partial";

/// What SQLite may have left beside a draft.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A file that is being made. It is removed when this is dropped, unless it was put in its place.
pub struct Draft {
    place: PathBuf,
    path: PathBuf,
    /// Locked, so that nobody else makes the same file. What a killed process has left is not locked.
    file: File,
    is_published: bool,
}

impl Draft {
    /// Begins an empty file for `place`, with mode 0600.
    ///
    /// # Errors
    /// Somebody else is making it, or the folder can't be written.
    pub fn begin(place: &Path) -> Result<Self> {
        let path = with_suffix(place, SUFFIX);
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("could not create {}", path.display()))?;
        let is_free = match file.try_lock() {
            // Another process may have moved it to its place before the lock was taken.
            Ok(()) => FileId::of(&path).ok() == Some(FileId::of_open(&file)?),
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(error).context("could not lock the new file"),
        };
        ensure!(is_free, "another process is writing {}", path.display());
        file.set_len(0)?;
        let draft = Self { place: place.to_owned(), path, file, is_published: false };
        draft.remove_companions();
        Ok(draft)
    }

    /// The path of the file while it is being made.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills the file with everything that is in the database of `connection`, as of one moment. Others may write to it
    /// meanwhile.
    ///
    /// # Errors
    /// The database's, also when the disk is full.
    pub fn fill(&self, connection: &mut DbConnection) -> Result<()> {
        let target = uri(&self.path, "")?.replace('\'', "''");
        connection.batch_execute(&format!("VACUUM INTO '{target}'")).map_err(|error| anyhow!("could not copy: {error}"))
    }

    /// Checks the file and writes it to the disk. Returns how far it is migrated.
    ///
    /// # Errors
    /// It is damaged, or the disk does not take it.
    pub fn finish(&self) -> Result<Level> {
        let level = sqlite_check::whole(&self.path)?;
        self.file.sync_all().with_context(|| format!("could not write {}", self.path.display()))?;
        Ok(level)
    }

    /// Moves the finished file to its place. Only with `replace` it may replace another file.
    ///
    /// # Errors
    /// There is another file, or the log of one that is gone, or the folder can't be written. The place is then as before.
    pub fn place(mut self, replace: bool) -> Result<()> {
        // SQLite would write a log that is there into the new file. Until that is in its place, the log is only set aside.
        let logs = COMPANIONS.map(|suffix| with_suffix(&self.place, suffix));
        let logs: Vec<_> = logs.into_iter().filter(|log| log.symlink_metadata().is_ok()).collect();
        if let Some(log) = logs.first().filter(|_| !replace) {
            bail!("there is {}, which belongs to another database; remove it", log.display());
        }
        let mut aside = Vec::new();
        let placed = logs.iter().try_for_each(|log| {
            let other = with_suffix(log, ".replaced");
            fs::rename(log, &other).with_context(|| format!("could not rename {}", log.display()))?;
            aside.push((log, other));
            Ok(())
        });
        let placed = placed.and_then(|()| self.publish(replace));
        for (log, other) in aside {
            // Nothing needs it any more, or it belongs to the file that has stayed.
            drop(if placed.is_ok() { fs::remove_file(other) } else { fs::rename(other, log) });
        }
        placed?;
        self.is_published = true;
        sync_folder(&self.place)
    }

    fn publish(&self, replace: bool) -> Result<()> {
        let place = self.place.display();
        if replace {
            return fs::rename(&self.path, &self.place).with_context(|| format!("could not replace {place}"));
        }
        // Unlike a renaming, a link never replaces a file.
        fs::hard_link(&self.path, &self.place).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => anyhow!("{place} exists already"),
            _ => anyhow!(error).context(format!("could not create {place}")),
        })?;
        Ok(fs::remove_file(&self.path)?)
    }

    fn remove_companions(&self) {
        for suffix in COMPANIONS {
            // Mostly there is none.
            drop(fs::remove_file(with_suffix(&self.path, suffix)));
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it is published, another process may use the name.
        if !self.is_published {
            drop(fs::remove_file(&self.path));
            self.remove_companions();
        }
    }
}

/// Makes changes of names in the folder of `path` permanent.
///
/// # Errors
/// When the folder can't be opened or written to the disk.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("could not write the folder {}", folder.display()))
}

/// Removes the drafts in a folder that killed processes have left, of those whose names `is_ours` accepts.
///
/// # Errors
/// When the folder can't be read.
pub(super) fn remove_abandoned(folder: &Path, is_ours: impl Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let place = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX));
        let is_abandoned = |file: File| file.try_lock().is_ok();
        if place.is_some_and(&is_ours) && File::open(&path).is_ok_and(is_abandoned) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
