//! Selects the subcommand.

use std::process::ExitCode;

use anyhow::Result;

use super::{
    backup, completions, console_link, copy, doctor, document, import, migrate, purge, restore, seed, serve, token,
    trail, user, webhooks,
};
use crate::cli::{Command, Parsed};

/// Runs the subcommand of the command line, or serves if there is none.
///
/// # Errors
/// The command failed; the message is for the person at the terminal.
pub fn run(Parsed { cli, unknown }: Parsed) -> Result<ExitCode> {
    match cli.command {
        None => serve::run(&cli.settings, &unknown)?,
        Some(Command::Serve(settings)) => serve::run(&settings, &unknown)?,
        Some(Command::Migrate(migrate)) => migrate::run(&migrate)?,
        Some(Command::Token(token)) => token::run(&token)?,
        Some(Command::ConsoleLink(link)) => console_link::run(&link)?,
        Some(Command::User(user)) => user::run(&user)?,
        Some(Command::Webhooks(webhooks)) => webhooks::run(&webhooks)?,
        Some(Command::Seed { users, force, effect, data }) => seed::run(&data, users, force, effect)?,
        Some(Command::Import(import)) => return import::run(&import),
        Some(Command::Backup(backup)) => backup::run(&backup)?,
        Some(Command::Restore(restore)) => restore::run(&restore)?,
        Some(Command::Copy(copy)) => copy::run(&copy)?,
        Some(Command::Audit(audit)) => return trail::run(&audit),
        Some(Command::Purge(arguments)) => purge::run(&arguments)?,
        Some(Command::Openrpc { types: false }) => document::run(|documents| &documents.openrpc)?,
        Some(Command::Openrpc { types: true }) => document::run(|documents| &documents.procedures)?,
        Some(Command::AppRouter { client: 10 }) => document::run(|documents| &documents.app_router_v10)?,
        Some(Command::AppRouter { .. }) => document::run(|documents| &documents.app_router)?,
        Some(Command::Completions { shell }) => completions::print(shell)?,
        Some(Command::Man { to, effect }) => completions::write_manual(&to, effect)?,
        Some(Command::Doctor { output, settings }) => return doctor::run(&settings, &unknown, output),
    }
    Ok(ExitCode::SUCCESS)
}
