//! The `clusterdesk` binary.

mod cli;
mod commands;
mod logging;

use std::{
    io::{Write, stderr},
    process::ExitCode,
};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What errors about prepared statements mean, if the pooler was too busy to be recognised before.
const POOLER: &str = "Is DATABASE_URL behind a pooler in transaction mode? Then set DATABASE_POOLER=transaction.";

fn main() -> ExitCode {
    match cli::parse().and_then(commands::run) {
        Ok(code) => code,
        Err(error) => {
            // `eprintln!` would panic if standard error were closed.
            let text = format!("{error:#}");
            drop(writeln!(stderr(), "error: {text}"));
            if text.contains("prepared statement") {
                drop(writeln!(stderr(), "{POOLER}"));
            }
            ExitCode::FAILURE
        }
    }
}
