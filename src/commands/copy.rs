//! `clusterdesk copy`: copies the database into an empty one, from SQLite to PostgreSQL or the other way round.

use std::{io::Write, time::Instant};

use anyhow::{Result, ensure};
use clusterdesk::{
    db::{
        DatabaseUrl,
        copy::{self, Copied, Counts, Step, Target, open_source},
    },
    error::Error,
};
use serde_json::{Value, json};

use super::{
    data,
    progress::{Progress, wait},
    report,
};
use crate::cli::Copy;

/// Copies everything and prints what was copied.
///
/// # Errors
/// The target is not empty, a database is not migrated to this version, can't be read or written, or the copy is not the same.
/// Then the target is as before.
pub fn run(arguments: &Copy) -> Result<()> {
    let (from, to) =
        (DatabaseUrl::parse(&arguments.from, "--from")?, DatabaseUrl::parse_primary(&arguments.to, "--to")?);
    ensure!(from != to, "--from and --to are the same database");
    let (began, mut source) = (Instant::now(), open_source(&from)?);
    let mut out = report::out();
    if arguments.dry_run {
        Target::check(&to)?;
        let counts = wait("rows are counted", || copy::counts(&mut source));
        let Counts { tables, left_out } = counts.map_err(Error::into_detail)?;
        if arguments.json {
            let tables: Vec<Value> = tables.iter().map(|(name, rows)| json!({"table": name, "rows": rows})).collect();
            let (from, to) = (from.place(), to.place());
            let report = json!({"dryRun": true, "from": from, "to": to, "tables": tables, "leftOut": left_out});
            return Ok(writeln!(out, "{report}")?);
        }
        for (name, rows) in tables {
            writeln!(out, "{name}: would copy {rows} rows")?;
        }
        for table in left_out {
            writeln!(out, "{table}: would be left out, because it is not a table of clusterdesk")?;
        }
        return Ok(());
    }
    if let Some(folder) =
        to.sqlite_path().and_then(|path| path.parent()).filter(|folder| !folder.as_os_str().is_empty())
    {
        data::create_folder(folder)?;
    }
    let mut target = Target::open(&to)?;
    let mut shown: Option<Progress> = None;
    let copied = copy::copy(&mut source, target.connection(), &mut |step| match step {
        // Tables without rows are not worth a line.
        Step::Copy(_, 0) | Step::Check(_, 0) => {}
        Step::Copy(table, rows) => next(&mut shown, format!("{table} copied"), rows),
        Step::Check(table, rows) => next(&mut shown, format!("{table} compared"), rows),
        Step::Done(rows) => shown.iter_mut().for_each(|progress| progress.add(rows)),
    });
    drop(shown);
    let copied = copied.map_err(Error::into_detail)?;
    wait("the copy is finished", || target.finish())?;
    let seconds = began.elapsed().as_secs_f64();
    print(&mut out, &copied, arguments.json, (&from, &to), seconds)
}

/// Shows the progress of the next table in the place of the last.
fn next(shown: &mut Option<Progress>, what: String, rows: u64) {
    *shown = None;
    *shown = Some(Progress::new(what, Some(rows)));
}

fn print(
    out: &mut impl Write,
    Copied { tables, left_out }: &Copied,
    as_json: bool,
    (from, to): (&DatabaseUrl, &DatabaseUrl),
    seconds: f64,
) -> Result<()> {
    if as_json {
        let tables: Vec<Value> = tables
            .iter()
            .map(|table| json!({"table": table.name, "rows": table.rows, "checksum": table.checksum}))
            .collect();
        let (from, to) = (from.place(), to.place());
        let report = json!({
            "dryRun": false, "from": from, "to": to, "tables": tables, "leftOut": left_out, "seconds": seconds,
        });
        return Ok(writeln!(out, "{report}")?);
    }
    for table in tables {
        writeln!(out, "{}: {} rows, checksum {}", table.name, table.rows, table.checksum)?;
    }
    for table in left_out {
        writeln!(out, "{table}: left out, because it is not a table of clusterdesk")?;
    }
    writeln!(out, "copied {} to {} in {seconds:.1} s, and compared every row", from.place(), to.place())?;
    Ok(())
}
