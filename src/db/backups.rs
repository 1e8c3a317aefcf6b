//! Backups of a SQLite database, and the folder of those that the server makes by itself.

use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use chrono::NaiveDateTime;

use super::{
    connection::{DbConnection, Purpose},
    manager::{Manager, PoolManager},
    migrations, sqlite_check,
    sqlite_draft::Draft,
    sqlite_file::SqliteFile,
    timestamp::Timestamp,
    url::DatabaseUrl,
};
use crate::{
    config::Settings,
    files::{UNFINISHED, remove_abandoned, with_suffix},
};

/// What the names of the server's own backups begin with. A time in UTC follows.
const PREFIX: &str = "clusterdesk-";
/// What they end with.
const SUFFIX: &str = ".db";
/// The time in a name, as chrono writes it.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// What the commands say about PostgreSQL.
pub const USE_PG_DUMP: &str =
    "is for SQLite; use pg_dump and pg_restore for PostgreSQL, or pg_basebackup (docs/DATA.md)";

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The newest migration in it.
    pub migration: String,
}

/// Copies the database at `source`, as of one moment, to `place`. Servers may write to it meanwhile.
///
/// # Errors
/// There is a file at `place` and `replace` is not set; the source can't be read; the copy can't be written, or is damaged.
/// Then nothing has changed.
pub fn make(source: &Path, place: &Path, replace: bool) -> Result<Backup> {
    refuse_existing(source, place, replace)?;
    let mut connection = open(source)?;
    ensure!(migrations::level(&mut connection)?.is_some(), "{} is not a database of clusterdesk", source.display());
    let draft = Draft::begin(place)?;
    draft.fill(&mut connection)?;
    let level = draft.finish()?;
    draft.place(replace)?;
    Ok(Backup { path: place.to_owned(), bytes: fs::metadata(place)?.len(), migration: level.newest })
}

/// The bytes that are written so far of a backup that will be at `place`.
pub fn written(place: &Path) -> u64 {
    fs::metadata(with_suffix(place, UNFINISHED)).map_or(0, |file| file.len())
}

/// Refuses a place that is taken.
///
/// # Errors
/// When it is.
pub fn refuse_existing(source: &Path, place: &Path, replace: bool) -> Result<()> {
    ensure!(place.file_name().is_some(), "{} is not the name of a file", place.display());
    ensure!(!place.is_dir(), "{} is a folder; name a file in it", place.display());
    if place.symlink_metadata().is_ok() {
        ensure!(fs::canonicalize(source)? != fs::canonicalize(place)?, "the backup would replace the database itself");
        ensure!(replace, "{} exists already; --force replaces it", place.display());
    }
    Ok(())
}

/// A connection to a database that servers use. It never creates the file.
fn open(source: &Path) -> Result<DbConnection> {
    let url = DatabaseUrl::Sqlite(source.to_owned());
    let manager = Manager { url, purpose: Purpose::Write, statement_timeout: Duration::ZERO };
    let file = Some(Arc::new(SqliteFile::new(source)));
    PoolManager { manager, file, measures: None }.open().with_context(|| format!("could not open {}", source.display()))
}

/// The backups that a server makes at intervals.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The database.
    source: PathBuf,
    /// `DATA_DIR/backups`.
    pub folder: PathBuf,
    /// The time from one backup to the next.
    pub every: Duration,
    /// How many are kept.
    keep: usize,
}

impl Schedule {
    /// What the settings say. None if the server makes no backups.
    ///
    /// # Errors
    /// BACKUP_EVERY is set for PostgreSQL.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>> {
        let Some(every) = settings.backups.backup_every else { return Ok(None) };
        let DatabaseUrl::Sqlite(source) = DatabaseUrl::from_settings(&settings.data)? else {
            bail!("BACKUP_EVERY {USE_PG_DUMP}");
        };
        let folder = settings.data.data_dir.join("backups");
        let keep = usize::try_from(settings.backups.backup_keep)?;
        Ok(Some(Self { source, folder, every: every.duration(), keep }))
    }

    /// The time of the newest backup. None if there is none.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn newest(&self) -> Result<Option<Timestamp>> {
        Ok(self.list()?.last().and_then(|name| time(name)))
    }

    /// Makes a backup in the folder.
    ///
    /// # Errors
    /// As for [`make`].
    pub fn make(&self, now: Timestamp) -> Result<Backup> {
        let folder = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        folder.with_context(|| format!("could not create the folder {}", self.folder.display()))?;
        remove_abandoned(&self.folder, |name| time(name).is_some())?;
        make(&self.source, &self.folder.join(name(now)), false)
    }

    /// Removes the oldest of the backups that are too many.
    ///
    /// # Errors
    /// When one can't be removed.
    pub fn remove_surplus(&self) -> Result<()> {
        let names = self.list()?;
        for name in names.iter().take(names.len().saturating_sub(self.keep)) {
            fs::remove_file(self.folder.join(name)).with_context(|| format!("could not remove {name}"))?;
        }
        Ok(())
    }

    /// The names of the backups, oldest first. Other files are not ours.
    fn list(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("could not read {}", self.folder.display()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().into_string().ok();
            names.extend(name.filter(|name| time(name).is_some()));
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// The name of a backup of this time.
fn name(now: Timestamp) -> String {
    format!("{PREFIX}{}{SUFFIX}", now.compact())
}

/// The time in the name of a backup.
fn time(name: &str) -> Option<Timestamp> {
    let text = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let moment = NaiveDateTime::parse_from_str(text, TIME).ok()?;
    Timestamp::from_millis(moment.and_utc().timestamp_millis())
}

/// Checks a file that may be a backup.
///
/// # Errors
/// It can't be read, is damaged, is not clusterdesk's, or is of a newer version.
pub fn check(path: &Path) -> Result<migrations::Level> {
    let level = sqlite_check::whole(path)?;
    if let Some(unknown) = &level.unknown {
        bail!("{} was made by a newer clusterdesk (migration {unknown}); restore it with that version", path.display());
    }
    Ok(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_backup_tells_its_time() {
        let noon = Timestamp::from_millis(1_767_268_800_000).unwrap();
        assert_eq!(name(noon), "clusterdesk-20260101T120000Z.db");
        assert_eq!(time(&name(noon)), Some(noon));
        for other in ["clusterdesk.db", "clusterdesk-20260101T120000Z.db.partial", "clusterdesk-latest.db", "x"] {
            assert_eq!(time(other), None, "{other}");
        }
    }
}
