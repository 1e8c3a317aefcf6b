//! Copies a whole database into another one, of the same kind or not. The columns are read from the databases themselves; a new
//! table needs a line in `postgres_copy`.

mod catalog;
mod checksum;
mod emptiness;
mod ends;
mod insertion;
mod postgres_copy;
mod rows;
mod text_row;

use anyhow::{Context, Result, anyhow, bail, ensure};

pub use self::ends::{Target, open_source};
use self::{
    catalog::Table,
    checksum::Checksum,
    emptiness::refuse_rows_in,
    insertion::insert,
    postgres_copy::{Writer, writer},
    rows::{count, each_batch},
    text_row::TextRow,
};
use super::{
    connection::DbConnection,
    locks, sequences, transaction,
    triggers::{self, Trigger},
};
use crate::error;

/// What a copy has done.
#[derive(Clone, Debug, Default)]
pub struct Copied {
    /// The tables, in the order in which they were copied.
    pub tables: Vec<CopiedTable>,
    /// Tables of the source that are not clusterdesk's.
    pub left_out: Vec<String>,
}

/// A table that was copied.
#[derive(Clone, Debug)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// The number of its rows.
    pub rows: u64,
    /// The same for the same rows, in whatever order and kind of database they are.
    pub checksum: String,
}

/// What a copy would do.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// The tables, with the number of their rows.
    pub tables: Vec<(String, u64)>,
    /// Tables of the source that are not clusterdesk's.
    pub left_out: Vec<String>,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// So many rows of a table are about to be copied.
    Copy(&'a str, u64),
    /// So many rows of a table are about to be read again.
    Check(&'a str, u64),
    /// These rows are done.
    Done(u64),
}

/// Copies all rows of `source`, as of one moment, to `target`, which must be empty, and reads them again to compare them. Both
/// must be migrated to this version. Whatever fails, nothing is written.
///
/// # Errors
/// The target has rows, or it differs from the source afterwards; those of the databases.
pub fn copy(
    source: &mut DbConnection,
    target: &mut DbConnection,
    report: &mut dyn FnMut(Step<'_>),
) -> error::Result<Copied> {
    transaction::snapshot(source, |source| {
        rows::write_iso_dates(source)?;
        let numbers = sequences::last(source)?;
        transaction::write(target, |target| {
            rows::write_iso_dates(target)?;
            let (tables, left_out) = common(source, target)?;
            let names: Vec<String> = tables.iter().map(|table| table.to.quoted()).collect();
            // A SQLite file that is being made is locked already.
            locks::exclude_writers(target, &names)?;
            tables.iter().try_for_each(|table| refuse_rows_in(target, &table.to))?;
            let read = triggers::without(
                target,
                |trigger| must_be_off(trigger, &tables),
                |target| {
                    tables.iter().map(|table| copy_table(source, target, table, report)).collect::<Result<Vec<_>>>()
                },
            )?;
            let mut copied = Copied { tables: Vec::new(), left_out };
            for (Common { to: table, .. }, Read { sum, greatest }) in tables.iter().zip(read) {
                if let Some((name, last)) = numbers.iter().find(|(name, _)| *name == table.name) {
                    // Also past rows that are gone: their numbers must not come back.
                    sequences::advance_table(target, name, greatest.max(*last))?;
                }
                let found = check_table(target, table, sum.rows(), report)?;
                ensure_same(table, sum, found)?;
                copied.tables.push(CopiedTable {
                    name: table.name.clone(),
                    rows: sum.rows(),
                    checksum: sum.to_string(),
                });
            }
            Ok(copied)
        })
    })
}

/// Whether a trigger of a copied table would write rows that are copied too, or reject valid ones. Triggers that fill
/// [`catalog::COUNTERS`] stay on.
fn must_be_off(trigger: &Trigger, tables: &[Common]) -> bool {
    let counts = trigger.name.contains("_count_");
    !counts && tables.iter().any(|copied| copied.to.name == trigger.on_table)
}

/// Counts what would be copied.
///
/// # Errors
/// The database's.
pub fn counts(source: &mut DbConnection) -> error::Result<Counts> {
    transaction::snapshot(source, |source| {
        let (ours, others): (Vec<Table>, _) =
            catalog::tables(source)?.into_iter().partition(|table| writer(&table.name).is_some());
        let tables = ours.into_iter().map(|table| Ok((table.name.clone(), count(source, &table)?)));
        let tables = tables.collect::<Result<_>>()?;
        Ok(Counts { tables, left_out: others.into_iter().map(|table| table.name).collect() })
    })
}

/// A table of ours in both databases.
struct Common {
    from: Table,
    to: Table,
    write: Writer,
}

/// The tables of both databases, and the names of those of the source that are not ours.
fn common(source: &mut DbConnection, target: &mut DbConnection) -> Result<(Vec<Common>, Vec<String>)> {
    let (mut tables, mut left_out) = (Vec::new(), Vec::new());
    let mut targets = catalog::tables(target)?;
    for from in catalog::tables(source)? {
        let at = targets.iter().position(|to| to.name == from.name);
        match writer(&from.name).zip(at) {
            Some((write, at)) => tables.push(Common { from, to: targets.swap_remove(at), write }),
            None => left_out.push(from.name),
        }
    }
    for Common { from, to, .. } in &tables {
        if let Some(unknown) = from.unknown.as_ref().or(to.unknown.as_ref()) {
            bail!("{unknown}, which can't be copied");
        }
        ensure!(from.has_columns_of(to), "the table {} has other columns in the target than in the source", from.name);
    }
    Ok((tables, left_out))
}

/// What was read of a table of the source.
struct Read {
    sum: Checksum,
    /// The greatest `id` that is a number; 0 if there is none.
    greatest: i64,
}

/// Copies one table.
fn copy_table(
    source: &mut DbConnection,
    target: &mut DbConnection,
    Common { from, to, write }: &Common,
    report: &mut dyn FnMut(Step<'_>),
) -> Result<Read> {
    report(Step::Copy(&from.name, count(source, from)?));
    let (mut sum, mut greatest) = (Checksum::default(), 0);
    let id = from.columns.iter().position(|column| column.name == "id");
    let number = |row: &TextRow| row.0.get(id?)?.as_ref()?.parse::<i64>().ok();
    let copied = each_batch(source, from, |rows| {
        rows.iter().for_each(|row| sum.add(row));
        greatest = rows.iter().filter_map(number).fold(greatest, i64::max);
        let number = u64::try_from(rows.len())?;
        insert(target, to, *write, rows)?;
        report(Step::Done(number));
        Ok(())
    });
    copied.with_context(|| format!("the table {} could not be copied", from.name))?;
    Ok(Read { sum, greatest })
}

/// The checksum of a table that was copied.
fn check_table(
    target: &mut DbConnection,
    table: &Table,
    rows: u64,
    report: &mut dyn FnMut(Step<'_>),
) -> Result<Checksum> {
    report(Step::Check(&table.name, rows));
    let mut sum = Checksum::default();
    let read = each_batch(target, table, |rows| {
        rows.iter().for_each(|row| sum.add(row));
        report(Step::Done(u64::try_from(rows.len())?));
        Ok(())
    });
    read.with_context(|| format!("the table {} could not be read again", table.name))?;
    Ok(sum)
}

fn ensure_same(table: &Table, source: Checksum, target: Checksum) -> Result<()> {
    if source == target {
        return Ok(());
    }
    let (name, rows, found) = (&table.name, source.rows(), target.rows());
    Err(match rows == found {
        true => anyhow!("the table {name} is not the same in the target: the checksums of its {rows} rows differ"),
        false => anyhow!("the table {name} is not the same in the target: it has {found} rows instead of {rows}"),
    })
}
