//! The log, on standard error: human-readable on a terminal, otherwise JSON. `RUST_LOG` filters it.

mod refusals;
mod writer;

use std::io::{IsTerminal, stderr};

use anyhow::{Result, anyhow};
use clusterdesk::{config::LogFormat, kernel::metrics::DroppedLines};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use self::refusals::RefusalLimit;
pub use self::writer::Log;

/// Starts logging, and logs panics. The log is flushed when the result is dropped.
///
/// # Errors
/// When logging was started before, or the operating system refuses a thread.
pub fn start(format: Option<LogFormat>) -> Result<Log> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
    let terminal = stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Pretty } else { LogFormat::Json });
    let dropped = DroppedLines::new()?;
    let limit = RefusalLimit::new(dropped.clone());
    let log = Log::start(stderr(), dropped)?;
    let lines = log.lines();
    // By default the subscriber reports its own errors with `eprintln!`, which panics when standard error fails.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || lines.clone())
        .log_internal_errors(false)
        .with_target(false);
    let started = match format {
        LogFormat::Pretty => subscriber.with_ansi(terminal).finish().with(limit).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).finish().with(limit).try_init(),
    };
    started.map_err(|error| anyhow!(error)).map(|()| {
        // The kernel catches panics; they are logged like every other error. A hook that panics aborts the process, and
        // this one can't: it formats a message and queues a line.
        std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panic")));
        log
    })
}
