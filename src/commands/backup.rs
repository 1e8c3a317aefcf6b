//! `clusterdesk backup`: copies the SQLite database into a file, while servers use it.

use std::{fs, io::Write};

use anyhow::{Context, Result, bail};
use clusterdesk::db::{DatabaseUrl, backups};
use serde_json::json;

use super::{data, progress::watch, report};
use crate::cli::Backup;

/// Makes the backup and prints what was made.
///
/// # Errors
/// There is a file already, or the backup can't be made; nothing is left of it then.
pub fn run(arguments: &Backup) -> Result<()> {
    let DatabaseUrl::Sqlite(source) = data::existing(&arguments.data)? else {
        bail!("`clusterdesk backup` {}", backups::USE_PG_DUMP);
    };
    let place = &arguments.to;
    backups::refuse_existing(&source, place, arguments.force)?;
    let size = fs::metadata(&source).with_context(|| format!("could not read {}", source.display()))?.len();
    let (mut out, database) = (report::out(), source.display().to_string());
    if arguments.dry_run {
        match arguments.json {
            true => writeln!(out, "{}", json!({"dryRun": true, "database": database, "backup": place}))?,
            false => writeln!(out, "would back up {database}, {size} bytes, to {}", place.display())?,
        }
        return Ok(());
    }
    let made = watch(size, || backups::written(place), || backups::make(&source, place, arguments.force))?;
    let (bytes, migration) = (made.bytes, &made.migration);
    match arguments.json {
        true => {
            let report = json!({
                "dryRun": false, "database": database, "backup": place, "bytes": bytes, "migration": migration,
            });
            writeln!(out, "{report}")?;
        }
        false => {
            writeln!(out, "backed up {database} to {}: {bytes} bytes, checked, at {migration}", place.display())?;
        }
    }
    Ok(())
}
