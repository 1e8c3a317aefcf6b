//! The log, on standard error: human-readable on a terminal, otherwise JSON. `RUST_LOG` filters it.

use std::io::{IsTerminal, stderr};

use clusterdesk::config::LogFormat;
use tracing_subscriber::EnvFilter;

/// Starts logging, and logs panics.
pub fn start(format: Option<LogFormat>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
    let terminal = stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Pretty } else { LogFormat::Json });
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match format {
        LogFormat::Pretty => log.with_ansi(terminal).with_target(false).init(),
        LogFormat::Json => log.json().flatten_event(true).with_target(false).init(),
    }
    // The kernel catches panics; they are logged like every other error.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panic")));
}
