//! `clusterdesk import`: fills the database from that of the old server, completely or not at all.

use std::{fs, io::Write, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use clusterdesk::{
    db::{
        DatabaseUrl, DbConnection, Manager, PrismaUrl, Purpose, Timestamp, dialect,
        migrations::{self, Migrations},
        sessions, transaction,
    },
    error::{self, Error},
    import::{self, ImportOptions, OnConflict, Report, Target},
    models::old::{OldDatabase, OldSnapshot},
};

use super::{
    audit::{self, Change},
    data,
    progress::Progress,
    report,
};
use crate::cli::Import;

/// The exit status when rows break a rule and nothing was written for that reason.
const BLOCKED: u8 = 3;

/// Why there is no dry run.
const OUTDATED: &str = "the database is not migrated to this version; run `clusterdesk migrate up` first";

/// The table in which Diesel records the applied migrations.
const MIGRATIONS: &str = "__diesel_schema_migrations";

/// Runs the import and prints its report.
///
/// # Errors
/// A URL is wrong, or a database can't be reached, read or written.
pub fn run(arguments: &Import) -> Result<ExitCode> {
    let source = PrismaUrl::parse(&arguments.from, "--from")?;
    let url = DatabaseUrl::from_settings(&arguments.data)?;
    sessions::check(&url)?;
    let report = OldDatabase::open(&source)?.snapshot(|old| Ok(import(old, arguments, &url)?));
    let report = report.map_err(Error::into_detail)?;
    let mut out = report::out();
    match arguments.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        false => writeln!(out, "{report}")?,
    }
    Ok(if report.is_blocked() { ExitCode::from(BLOCKED) } else { ExitCode::SUCCESS })
}

fn import(old: &mut OldSnapshot<'_>, arguments: &Import, url: &DatabaseUrl) -> Result<Report> {
    let options = ImportOptions { on_conflict: arguments.on_conflict, now: Timestamp::now() };
    let total = u64::try_from(old.count()?)?;
    if arguments.dry_run || arguments.on_conflict == OnConflict::Abort {
        // Without a decision about conflicts, they are found before anything is created, migrated or locked.
        let report = look(old, existing(url)?, options, Progress::new("rows checked", Some(total)))?;
        match report {
            Some(report) if arguments.dry_run || report.is_blocked() => return Ok(report),
            None if arguments.dry_run => bail!(OUTDATED),
            _ => {}
        }
    }
    data::create(url)?;
    Migrations::open(url)?.up(usize::MAX)?;
    let mut conn = data::open(url)?;
    let report =
        write(old, &mut conn, options, Progress::new("rows imported", Some(total))).map_err(Error::into_detail)?;
    if report.written() > 0 {
        dialect::optimize(&mut conn)?;
    }
    Ok(report)
}

/// The database before the import.
enum Existing {
    /// It does not exist, or has no tables yet.
    Absent,
    /// Migrations are pending, so it can't be compared with.
    Outdated,
    /// It has the tables of this version.
    Current(DbConnection),
}

/// What an import would do. None if the database has to be migrated first.
fn look(
    old: &mut OldSnapshot<'_>,
    existing: Existing,
    options: ImportOptions,
    mut progress: Progress,
) -> Result<Option<Report>> {
    let report = match existing {
        Existing::Outdated => return Ok(None),
        Existing::Absent => import::run(old, Target::Absent, options, &mut |rows| progress.add(rows)),
        Existing::Current(mut conn) => transaction::snapshot(&mut conn, |conn| {
            import::run(old, Target::Read(conn), options, &mut |rows| progress.add(rows))
        }),
    };
    report.map(Some).map_err(Error::into_detail)
}

/// Opens the database without changing it.
fn existing(url: &DatabaseUrl) -> Result<Existing> {
    if url.sqlite_path().is_some_and(|path| !fs::metadata(path).is_ok_and(|file| file.len() > 0)) {
        return Ok(Existing::Absent);
    }
    let manager = Manager { url: url.clone(), purpose: Purpose::Read, statement_timeout: Duration::ZERO };
    let mut conn = manager.open().with_context(|| format!("could not open the {} database", url.kind()))?;
    if !dialect::has_table(&mut conn, MIGRATIONS)? {
        return Ok(Existing::Absent);
    }
    Ok(if migrations::is_current(&mut conn)? { Existing::Current(conn) } else { Existing::Outdated })
}

/// Imports in one transaction.
fn write(
    old: &mut OldSnapshot<'_>,
    conn: &mut DbConnection,
    options: ImportOptions,
    mut progress: Progress,
) -> error::Result<Report> {
    let mut blocked = None;
    let written = transaction::write(conn, |conn| {
        let report = import::run(old, Target::Write(conn), options, &mut |rows| progress.add(rows))?;
        if report.is_blocked() {
            blocked = Some(report);
            // Rolls back.
            return Err(Error::PreconditionFailed("rows break a rule".to_owned()));
        }
        if report.written() > 0 {
            let detail = report.summary();
            audit::record(conn, &Change { action: "import", entity: "database", entity_id: "old", detail: &detail })?;
        }
        Ok(report)
    });
    blocked.map_or(written, Ok)
}
