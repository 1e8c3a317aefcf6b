//! Selects the subcommand.

use std::process::ExitCode;

use anyhow::Result;

use super::{doctor, document, migrate, seed, serve, token, user, webhooks};
use crate::cli::{Cli, Command};

/// Runs the subcommand of the command line, or serves if there is none.
///
/// # Errors
/// The command failed; the message is for the person at the terminal.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        None => serve::run(&cli.settings)?,
        Some(Command::Serve(settings)) => serve::run(&settings)?,
        Some(Command::Migrate(migrate)) => migrate::run(&migrate)?,
        Some(Command::Token(token)) => token::run(&token)?,
        Some(Command::User(user)) => user::run(&user)?,
        Some(Command::Webhooks(webhooks)) => webhooks::run(&webhooks)?,
        Some(Command::Seed { users, force, data }) => seed::run(&data, users, force)?,
        Some(Command::Openrpc { types: false }) => document::run(|documents| &documents.openrpc)?,
        Some(Command::Openrpc { types: true }) => document::run(|documents| &documents.procedures)?,
        Some(Command::AppRouter) => document::run(|documents| &documents.app_router)?,
        Some(Command::Doctor(settings)) => return Ok(doctor::run(&settings)),
    }
    Ok(ExitCode::SUCCESS)
}
