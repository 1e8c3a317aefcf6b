//! `clusterdesk restore`: puts a backup in the place of the SQLite database.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result, bail};
use clusterdesk::db::{DatabaseUrl, Restoration, Timestamp, backups};
use serde_json::json;

use super::{
    data,
    progress::{wait, watch},
    report,
};
use crate::cli::Restore;

/// Restores the backup and prints what was done.
///
/// # Errors
/// A server is running, the backup is of no use, or the disk does not take it; the database is then as before.
pub fn run(arguments: &Restore) -> Result<()> {
    let DatabaseUrl::Sqlite(database) = DatabaseUrl::from_settings(&arguments.data)? else {
        bail!("`clusterdesk restore` {}", backups::USE_PG_DUMP);
    };
    let backup = &arguments.from;
    let plan = || Restoration::plan(backup, &database, Timestamp::now());
    let mut restoration = wait("the backup is checked", plan)?;
    if !arguments.dry_run {
        if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            data::create_folder(folder)?;
        }
        let size = fs::metadata(backup).with_context(|| format!("could not read {}", backup.display()))?.len();
        let place = restoration.database.clone();
        watch(size, || backups::written(&place), || restoration.run())?;
    }
    print(&restoration, arguments)
}

fn print(restoration: &Restoration, arguments: &Restore) -> Result<()> {
    let Restoration { backup, level, database, kept, .. } = restoration;
    let mut out = report::out();
    if arguments.json {
        let report = json!({
            "backup": backup, "database": database, "kept": kept, "migration": level.newest, "pending": level.pending,
            "dryRun": arguments.dry_run,
        });
        return Ok(writeln!(out, "{report}")?);
    }
    let (restored, keeps) = if arguments.dry_run { ("would restore", "would keep") } else { ("restored", "kept") };
    let name = |path: &Path| path.display().to_string();
    writeln!(out, "{restored} {} from {}, at {}", name(database), name(backup), level.newest)?;
    if let Some(kept) = kept {
        writeln!(out, "{keeps} what was there as {}", name(kept))?;
    }
    if level.pending > 0 {
        writeln!(out, "{} migrations are pending; the next start applies them", level.pending)?;
    }
    Ok(())
}
