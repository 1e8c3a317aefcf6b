//! `clusterdesk audit verify|export`: whether the audit log is as it was written, and the log as a file.

use std::{
    io::{Write, stdout},
    path::Path,
    process::ExitCode,
};

use anyhow::{Result, ensure};
use clusterdesk::{
    config::DataSettings,
    db::{DbConnection, transaction},
    error::Error,
    models::{
        audit_event::AuditEvent,
        event_log::{EventLog, Extent},
    },
    trail::{self, Exported, Fault, NewFile, Verdict},
};
use serde_json::json;

use super::{
    data,
    progress::{Progress, wait},
    report,
};
use crate::cli::{Audit, Effect, Export};

/// The exit status when an entry is not as it was written.
const BROKEN: u8 = 3;

/// Runs the subcommand.
///
/// # Errors
/// The database failed.
pub fn run(command: &Audit) -> Result<ExitCode> {
    match command {
        Audit::Verify { json, data } => verify(data, *json),
        Audit::Export(arguments) => {
            export(&mut data::connect(&arguments.data)?, arguments)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn export(conn: &mut DbConnection, arguments: &Export) -> Result<()> {
    let Export { to, format, force, effect: Effect { dry_run, json }, .. } = arguments;
    ensure!(*force || to.symlink_metadata().is_err(), "{} exists already; --force replaces it", to.display());
    if *dry_run {
        let entries = entries(conn).map_err(Error::into_detail)?;
        let text = format!("up to {entries} entries would be written to {}\n", to.display());
        return report::print(*json, &json!({"dryRun": true, "entries": entries, "file": to}), text);
    }
    let until = wait("new entries are sealed", || trail::seal_all(conn)).map_err(Error::into_detail)?;
    let mut progress = Progress::new("entries", Some(entries(conn).map_err(Error::into_detail)?));
    let mut add = |entries| progress.add(entries);
    if to == Path::new("-") {
        trail::export(conn, until, *format, &mut stdout().lock(), &mut add).map_err(Error::into_detail)?;
        return Ok(());
    }
    let file = NewFile::create(to, *force)?;
    let exported = trail::export_to(conn, until, *format, file, &mut add).map_err(Error::into_detail)?;
    drop(progress);
    let Exported { entries, sha256 } = exported;
    let text = format!("{entries} entries are in {} (SHA-256 {sha256})\n", to.display());
    report::print(*json, &json!({"dryRun": false, "entries": entries, "file": to, "sha256": sha256}), text)
}

/// Reads the whole log in one snapshot.
///
/// # Errors
/// The database's.
pub fn look_through(conn: &mut DbConnection) -> Result<Verdict> {
    let verdict = transaction::snapshot(conn, |conn| {
        let mut progress = Progress::new("entries", Some(entries(conn)?));
        trail::verify(conn, &mut |entries| progress.add(entries))
    });
    verdict.map_err(Error::into_detail)
}

fn verify(settings: &DataSettings, json: bool) -> Result<ExitCode> {
    let verdict = look_through(&mut data::connect(settings)?)?;
    let mut out = report::out();
    match json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&verdict)?)?,
        false => print(&mut out, &verdict)?,
    }
    Ok(if verdict.broken.is_some() { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}

/// How many entries there are at most: a few numbers may be left out.
fn entries(conn: &mut DbConnection) -> clusterdesk::error::Result<u64> {
    let Extent { purged, newest } = AuditEvent::extent(conn)?;
    Ok(newest.saturating_sub(purged).unsigned_abs())
}

fn print(out: &mut impl Write, Verdict { intact, unsealed, hash, broken, .. }: &Verdict) -> Result<()> {
    match broken {
        None => writeln!(out, "{intact} entries are intact, {unsealed} are too new to be sealed")?,
        Some(Fault { event_id, entry_id, reason }) => {
            let entry = entry_id.map_or_else(|| "an entry".to_owned(), |id| format!("entry {id}"));
            writeln!(out, "BROKEN: {entry} (event {event_id}): {reason}; {intact} entries before it are intact")?;
        }
    }
    if let Some(hash) = hash {
        writeln!(out, "hash of the last intact entry: {hash}")?;
    }
    Ok(())
}
