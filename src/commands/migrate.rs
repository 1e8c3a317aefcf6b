//! `clusterdesk migrate up|down|redo|status`: applies and reverts migrations.

use anyhow::Result;
use clusterdesk::{
    config::DataSettings,
    db::{
        DatabaseUrl,
        migrations::{self, Migrations},
        sessions,
    },
};
use serde::Serialize;

use super::{data, progress::Progress, report};
use crate::cli::{Effect, Migrate};

/// What was done, in this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    dry_run: bool,
    reverted: Vec<String>,
    applied: Vec<String>,
}

#[derive(Serialize)]
struct Step {
    name: String,
    applied: bool,
}

/// Runs the subcommand and prints the migrations that it applied or reverted. Only `up` creates a database.
///
/// # Errors
/// A migration failed, or the database can't be reached.
pub fn run(command: &Migrate) -> Result<()> {
    match command {
        Migrate::Up { steps, effect, data } => {
            print(*effect, vec![], up(data, steps.limit(usize::MAX), effect.dry_run)?)
        }
        Migrate::Down { steps, effect, data } => print(*effect, down(data, steps.limit(1), effect.dry_run)?, vec![]),
        Migrate::Redo { steps, effect, data } => {
            let reverted = match effect.dry_run {
                true => open(data)?.applied(steps.limit(1))?,
                false => {
                    let mut migrations = open(data)?;
                    let all = migrations.applied(steps.limit(1))?.len().saturating_mul(2);
                    shown(migrations, all)?.redo(steps.limit(1))?
                }
            };
            let applied = reverted.iter().rev().cloned().collect();
            print(*effect, reverted, applied)
        }
        Migrate::Status { output, data } => {
            let steps = open(data)?.status()?;
            let steps: Vec<Step> =
                steps.into_iter().map(|migrations::Status { name, applied }| Step { name, applied }).collect();
            let line = |Step { name, applied }: &Step| format!("[{}] {name}\n", if *applied { "x" } else { " " });
            report::print(output.json, &steps, steps.iter().map(line).collect::<String>())
        }
    }
}

fn up(settings: &DataSettings, limit: usize, dry_run: bool) -> Result<Vec<String>> {
    let url = DatabaseUrl::from_settings(settings)?;
    if dry_run {
        return match url.sqlite_path() {
            Some(path) if !path.exists() => Ok(migrations::names()?.into_iter().take(limit).collect()),
            _ => open(settings)?.pending(limit),
        };
    }
    data::create(&url)?;
    sessions::check(&url)?;
    let mut migrations = Migrations::open(&url)?;
    let all = migrations.pending(limit)?.len();
    shown(migrations, all)?.up(limit)
}

fn down(settings: &DataSettings, limit: usize, dry_run: bool) -> Result<Vec<String>> {
    let mut migrations = open(settings)?;
    let applied = migrations.applied(limit)?;
    if dry_run { Ok(applied) } else { shown(migrations, applied.len())?.down(limit) }
}

/// Shows how many of `all` steps are done.
fn shown(migrations: Migrations, all: usize) -> Result<Migrations> {
    let mut progress = Progress::new("migrations", Some(u64::try_from(all)?));
    Ok(migrations.telling(move || progress.add(1)))
}

fn open(settings: &DataSettings) -> Result<Migrations> {
    Migrations::open(&data::existing(settings)?)
}

fn print(Effect { dry_run, json }: Effect, reverted: Vec<String>, applied: Vec<String>) -> Result<()> {
    let [revert, apply] = if dry_run { ["would revert", "would apply"] } else { ["reverted", "applied"] };
    let lines = reverted.iter().map(|name| (revert, name)).chain(applied.iter().map(|name| (apply, name)));
    let mut text: String = lines.map(|(done, name)| format!("{done} {name}\n")).collect();
    if text.is_empty() {
        text = "nothing to do\n".to_owned();
    }
    report::print(json, &Done { dry_run, reverted, applied }, text)
}
