//! The log, on standard error: human-readable on a terminal, otherwise JSON. `RUST_LOG` filters it.

mod filter;
mod json;
mod refusals;
mod writer;

use std::io::{IsTerminal, stderr};

use anyhow::{Result, anyhow};
use clusterdesk::{config::LogFormat, kernel::metrics::DroppedLines};
use tracing_subscriber::{Layer, fmt::layer, layer::SubscriberExt, registry, util::SubscriberInitExt};

pub use self::{filter::filter, writer::Log};
use self::{
    json::{JsonLine, Members},
    refusals::RefusalLimit,
};

/// Starts logging, and logs panics. The log is flushed when the result is dropped.
///
/// # Errors
/// When `RUST_LOG` is not a filter, logging was started before, or the operating system refuses a thread.
pub fn start(format: Option<LogFormat>) -> Result<Log> {
    let filter = filter()?;
    let terminal = stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Pretty } else { LogFormat::Json });
    let dropped = DroppedLines::default();
    let limit = RefusalLimit::new(dropped.clone());
    let log = Log::start(stderr(), dropped)?;
    let lines = log.lines();
    let writer = move || lines.clone();
    // By default the layer reports its own errors with `eprintln!`, which panics when standard error fails.
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        LogFormat::Pretty => {
            layer().with_writer(writer).log_internal_errors(false).with_target(false).with_ansi(terminal).boxed()
        }
        LogFormat::Json => {
            layer().fmt_fields(Members).event_format(JsonLine).with_writer(writer).log_internal_errors(false).boxed()
        }
    };
    let started = registry().with(filter).with(lines).with(limit).try_init();
    started.map_err(|error| anyhow!(error)).map(|()| {
        // The kernel catches panics; they are logged like every other error. A hook that panics aborts the process, and
        // this one can't: it formats a message and queues a line.
        std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panic")));
        log
    })
}
