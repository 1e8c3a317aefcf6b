//! `clusterdesk completions` and `clusterdesk man`: what a shell and `man` know about the command line.

use std::{
    io::{Write, stdout},
    path::Path,
};

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

/// Prints the completions for a shell.
///
/// # Errors
/// Standard output can't be written.
pub fn print(shell: Shell) -> Result<()> {
    // Written at once: the generator panics when its writer fails.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "clusterdesk", &mut text);
    Ok(stdout().lock().write_all(&text)?)
}

/// Writes a manual page for each command to a folder, which must exist.
///
/// # Errors
/// A page can't be written.
pub fn write_manual(folder: &Path) -> Result<()> {
    let written = clap_mangen::generate_to(Cli::command(), folder);
    written.with_context(|| format!("could not write the manual pages to {}", folder.display()))
}
