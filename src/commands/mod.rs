//! One file per subcommand.

mod bootstrap;
mod data;
mod doctor;
mod document;
mod migrate;
mod seed;
mod serve;
mod token;
mod user;
mod webhooks;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clusterdesk::{
    db::{DbConnection, Timestamp},
    models::audit::NewAuditEntry,
};
use uuid::Uuid;

use crate::cli::{Cli, Command};

/// What the audit log names as the actor of the command line.
const ACTOR: &str = "cli";

/// Does what the command line says.
///
/// # Errors
/// For a person to read.
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
        Some(Command::Doctor(settings)) => return doctor::run(&settings),
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the audit row of something done at the command line.
fn audit(conn: &mut DbConnection, procedure: &str, entity: &str, entity_id: &str, detail: &str) -> Result<()> {
    let request_id = Uuid::new_v4().to_string();
    let entry = NewAuditEntry {
        created_at: Timestamp::now(),
        actor_id: ACTOR,
        procedure,
        entity,
        entity_id,
        detail,
        request_id: &request_id,
    };
    entry.insert(conn).context("could not write the audit log")
}
