//! A SQLite file that is being made. It is written under another name beside its place, checked, and put there in one step, so
//! that nobody ever finds half a database at the place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use diesel::connection::SimpleConnection;

use super::{connection::DbConnection, migrations::Level, sqlite_check, sqlite_file::uri};
use crate::files::{Unfinished, sync_folder, with_suffix};

/// What SQLite may have left beside a draft.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A file that is being made. It is removed when this is dropped, unless it was put in its place.
pub struct Draft(Unfinished);

impl Draft {
    /// Begins an empty file for `place`, with mode 0600.
    ///
    /// # Errors
    /// Somebody else is making it, or the folder can't be written.
    pub fn begin(place: &Path) -> Result<Self> {
        let draft = Self(Unfinished::begin(place)?);
        draft.remove_companions();
        Ok(draft)
    }

    /// The path of the file while it is being made.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the file with everything that is in the database of `connection`, as of one moment. Others may write to it
    /// meanwhile.
    ///
    /// # Errors
    /// The database's, also when the disk is full.
    pub fn fill(&self, connection: &mut DbConnection) -> Result<()> {
        let target = uri(self.path(), "")?.replace('\'', "''");
        connection.batch_execute(&format!("VACUUM INTO '{target}'")).map_err(|error| anyhow!("could not copy: {error}"))
    }

    /// Checks the file and writes it to the disk. Returns how far it is migrated.
    ///
    /// # Errors
    /// It is damaged, or the disk does not take it.
    pub fn finish(&self) -> Result<Level> {
        let level = sqlite_check::whole(self.path())?;
        self.0.file().sync_all().with_context(|| format!("could not write {}", self.path().display()))?;
        Ok(level)
    }

    /// Moves the finished file to its place. Only with `replace` it may replace another file.
    ///
    /// # Errors
    /// There is another file, or the log of one that is gone, or the folder can't be written. The place is then as before.
    pub fn place(mut self, replace: bool) -> Result<()> {
        // SQLite would write a log that is there into the new file. Until that is in its place, the log is only set aside.
        let logs = COMPANIONS.map(|suffix| with_suffix(self.0.place(), suffix));
        let logs: Vec<_> = logs.into_iter().filter(|log| log.symlink_metadata().is_ok()).collect();
        if let Some(log) = logs.first().filter(|_| !replace) {
            bail!("there is {}, which belongs to another database; remove it", log.display());
        }
        let mut aside: Vec<(&PathBuf, PathBuf)> = Vec::new();
        let placed = logs.iter().try_for_each(|log| {
            let other = with_suffix(log, ".replaced");
            fs::rename(log, &other).with_context(|| format!("could not rename {}", log.display()))?;
            aside.push((log, other));
            Ok(())
        });
        let placed = placed.and_then(|()| self.0.publish(replace));
        for (log, other) in aside {
            // Nothing needs it any more, or it belongs to the file that has stayed.
            drop(if placed.is_ok() { fs::remove_file(other) } else { fs::rename(other, log) });
        }
        placed?;
        sync_folder(self.0.place())
    }

    fn remove_companions(&self) {
        for suffix in COMPANIONS {
            // Mostly there is none.
            drop(fs::remove_file(with_suffix(self.path(), suffix)));
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it is published, another process may use the name.
        if !self.0.is_published() {
            self.remove_companions();
        }
    }
}
