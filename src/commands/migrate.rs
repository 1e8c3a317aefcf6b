//! `clusterdesk migrate up|down|redo|status`: applies and reverts migrations.

use anyhow::Result;
use clusterdesk::{config::DataSettings, db::migrations::Migrations};

use super::data;
use crate::cli::Migrate;

/// Runs the subcommand and prints the migrations that it applied or reverted.
///
/// # Errors
/// A migration failed, or the database can't be reached.
pub fn run(command: &Migrate) -> Result<()> {
    match command {
        Migrate::Up { steps, data } => report("applied", &open(data)?.up(steps.limit(usize::MAX))?),
        Migrate::Down { steps, data } => report("reverted", &open(data)?.down(steps.limit(1))?),
        Migrate::Redo { steps, data } => {
            let mut names = open(data)?.redo(steps.limit(1))?;
            report("reverted", &names);
            names.reverse();
            report("applied", &names);
        }
        Migrate::Status { data } => {
            for status in open(data)?.status()? {
                println!("[{}] {}", if status.applied { "x" } else { " " }, status.name);
            }
        }
    }
    Ok(())
}

fn open(settings: &DataSettings) -> Result<Migrations> {
    Migrations::open(&data::prepare(settings)?)
}

fn report(done: &str, names: &[String]) {
    if names.is_empty() {
        println!("nothing to do");
    }
    for name in names {
        println!("{done} {name}");
    }
}
