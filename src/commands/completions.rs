//! `clusterdesk completions` and `clusterdesk man`: what a shell and `man` know about the command line.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use serde::Serialize;

use super::report;
use crate::cli::{Cli, Effect};

/// Prints the completions for a shell.
///
/// # Errors
/// Standard output can't be written.
pub fn print(shell: Shell) -> Result<()> {
    // Written at once: the generator panics when its writer fails.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "clusterdesk", &mut text);
    Ok(report::out().write_all(&text)?)
}

/// The files that were written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    dry_run: bool,
    pages: Vec<PathBuf>,
}

/// Writes a manual page for each command to a folder, which must exist, and prints their paths.
///
/// # Errors
/// A page or standard output can't be written.
pub fn write_manual(folder: &Path, Effect { dry_run, json }: Effect) -> Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    for page in manual(command) {
        if !dry_run {
            let written = page.generate_to(folder);
            written.with_context(|| format!("could not write the manual pages to {}", folder.display()))?;
        }
        pages.push(folder.join(page.get_filename()));
    }
    let done = if dry_run { "would write" } else { "wrote" };
    let text: String = pages.iter().map(|page| format!("{done} {}\n", page.display())).collect();
    report::print(json, &Written { dry_run, pages }, text)
}

/// The page of a command, and those of the commands below it.
fn manual(command: Command) -> Vec<Man> {
    let below: Vec<Command> = command.get_subcommands().filter(|below| !below.is_hide_set()).cloned().collect();
    std::iter::once(Man::new(command)).chain(below.into_iter().flat_map(manual)).collect()
}
