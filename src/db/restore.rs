//! Puts a backup in the place of a SQLite database.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use diesel::{QueryResult, connection::SimpleConnection};

use super::{
    backups,
    migrations::Level,
    sqlite_check,
    sqlite_draft::Draft,
    sqlite_file::establish,
    sqlite_lock::{SqliteLock, is_locked},
    timestamp::Timestamp,
};
use crate::files::{sync_folder, with_suffix};

/// The files of a database. The last two are SQLite's log, and its index.
const FILES: [&str; 3] = ["", "-wal", "-shm"];

/// What follows the name of a database that was replaced. A time follows.
const REPLACED: &str = ".replaced-";

/// What is to be done, or was done.
#[derive(Clone, Debug)]
pub struct Restoration {
    /// The backup.
    pub backup: PathBuf,
    /// How far the backup is migrated.
    pub level: Level,
    /// The place of the database.
    pub database: PathBuf,
    /// Where the files are that it replaces. None if there are none.
    pub kept: Option<PathBuf>,
    /// What is appended to the names of these.
    suffix: String,
}

impl Restoration {
    /// Checks the backup at `backup`, and that nobody uses the database at `database`. Changes nothing.
    ///
    /// # Errors
    /// The backup is damaged, not clusterdesk's or newer than this binary; or a server is running.
    pub fn plan(backup: &Path, database: &Path, now: Timestamp) -> Result<Self> {
        // What a symbolic link leads to is replaced, not the link.
        let database = fs::canonicalize(database).unwrap_or_else(|_absent| database.to_owned());
        ensure!(
            fs::canonicalize(backup).ok().as_ref() != Some(&database),
            "{} is the database itself",
            backup.display()
        );
        let level = backups::check(backup)?;
        ensure!(!is_locked(&database)?, "a server is running on {}; stop it first", database.display());
        let suffix = format!("{REPLACED}{}", now.compact());
        let kept = database.exists().then(|| with_suffix(&database, &suffix));
        Ok(Self { backup: backup.to_owned(), level, database, kept, suffix })
    }

    /// Puts a copy of the backup in the place of the database, whose files are kept under other names. If the process is
    /// killed meanwhile, servers refuse to start until this has been done again.
    ///
    /// # Errors
    /// Somebody uses the database, or the disk does not take the copy. Then the database is as before.
    pub fn run(&mut self) -> Result<()> {
        let mut lock = SqliteLock::alone(&self.database)?;
        refuse_use(&self.database)?;
        let draft = Draft::begin(&self.database)?;
        draft.fill(&mut sqlite_check::open(&self.backup)?)?;
        draft.finish()?;
        // What an attempt that was killed has kept must stay together: a database and its log.
        let before = lock.marked()?;
        let first = before.clone().unwrap_or_else(|| self.suffix.clone());
        if before.is_none() {
            lock.mark(&first)?;
        }
        let mut moved = Vec::new();
        // Copying has taken its time.
        let unused = refuse_use(&self.database);
        let replaced = unused.and_then(|()| self.keep(&first, &mut moved)).and_then(|()| draft.place(false));
        if let Err(error) = replaced {
            // Back to the state before. If that fails, the mark stays.
            for (from, to) in moved.into_iter().rev() {
                fs::rename(to, from)?;
            }
            // After an attempt that was killed, the state before has no database.
            if before.is_none() {
                lock.unmark()?;
            }
            return Err(error);
        }
        self.kept = Some(with_suffix(&self.database, &first)).filter(|kept| kept.exists());
        lock.unmark()
    }

    /// Renames the files of the database, and adds each to those that were `moved`: from where, to where.
    fn keep(&self, first: &str, moved: &mut Vec<(PathBuf, PathBuf)>) -> Result<()> {
        for suffix in FILES {
            let from = with_suffix(&self.database, suffix);
            if !from.exists() {
                continue;
            }
            let names = [first, &self.suffix].map(|kept| with_suffix(&with_suffix(&self.database, kept), suffix));
            let to = names.into_iter().find(|name| !name.exists());
            let to = to.with_context(|| format!("there is no free name to keep {}", from.display()))?;
            fs::rename(&from, &to).with_context(|| format!("could not rename {}", from.display()))?;
            moved.push((from, to));
        }
        sync_folder(&self.database)
    }
}

/// Refuses a database that a process has open: not only servers have. If the database is in order, this also empties its log.
///
/// # Errors
/// When it is in use.
fn refuse_use(database: &Path) -> Result<()> {
    // SQLite would remove the log of a file without a page.
    if !has_page(database) {
        return Ok(());
    }
    let alone = || -> QueryResult<()> {
        let mut connection = establish(database, "?mode=rw").map_err(|_unreadable| diesel::result::Error::NotFound)?;
        // Every connection that has read shares a lock on the file until it is closed.
        connection.batch_execute("PRAGMA busy_timeout = 1000; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT")
    };
    match alone() {
        Err(error) if error.to_string().contains("locked") => {
            bail!("another process has {} open; stop it first", database.display())
        }
        // What can't be read is replaced, and kept as it is.
        _ => Ok(()),
    }
}

/// Whether a file begins like a SQLite database and has the first page.
fn has_page(file: &Path) -> bool {
    let head = || -> Option<(u64, [u8; 18])> {
        let mut head = [0; 18];
        let mut file = File::open(file).ok()?;
        file.read_exact(&mut head).ok()?;
        Some((file.metadata().ok()?.len(), head))
    };
    let Some((bytes, head)) = head() else { return false };
    let [magic @ .., high, low] = head;
    // 1 stands for 65,536, which has no place in two bytes.
    let page = if [high, low] == [0, 1] { 65_536 } else { u64::from(u16::from_be_bytes([high, low])) };
    magic == *b"SQLite format 3\0" && bytes >= page
}
