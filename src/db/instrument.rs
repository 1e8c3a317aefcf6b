//! Counts and times every statement, and logs the slow ones: all of them at the level `trace`.

use std::{
    cell::Cell,
    fmt::{self, Write},
    time::{Duration, Instant},
};

use diesel::connection::{DebugQuery, Instrumentation, InstrumentationEvent};
use tracing::Level;

use super::measures::LaneMeasures;
use crate::{error::milliseconds, traces};

/// Statements that take longer are logged.
const SLOW: Duration = Duration::from_millis(200);

/// What Diesel writes between a statement and its values.
const VALUES: &str = "-- binds";

thread_local! {
    // A job runs on one thread from start to end, so the growth of the thread's count is the job's count.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The number of statements that this thread has run so far. One that it runs for many jobs counts for each of them.
pub fn statements() -> u64 {
    COUNT.get()
}

/// Counts a statement that was run for this job and others.
pub(super) fn shared() {
    COUNT.set(COUNT.get().saturating_add(1));
}

/// Counts and times the statements of one connection, and counts the connection as long as it is open.
#[derive(Default)]
pub struct Statements {
    started: Option<Instant>,
    measures: Option<LaneMeasures>,
}

impl Statements {
    /// For a connection of a database thread.
    pub(super) fn measured(measures: LaneMeasures) -> Self {
        measures.connections.inc();
        Self { started: None, measures: Some(measures) }
    }
}

impl Drop for Statements {
    fn drop(&mut self) {
        if let Some(measures) = &self.measures {
            measures.connections.dec();
        }
    }
}

impl Instrumentation for Statements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { .. } => self.started = Some(Instant::now()),
            InstrumentationEvent::FinishQuery { query, error, .. } => {
                COUNT.set(COUNT.get().saturating_add(1));
                let elapsed = self.started.take().map(|start| start.elapsed()).unwrap_or_default();
                if let Some(measures) = &self.measures {
                    measures.statement.observe(elapsed.as_secs_f64());
                }
                traces::statement(elapsed, error.is_some(), || without_values(query));
                if elapsed > SLOW || tracing::enabled!(Level::TRACE) {
                    let sql = without_values(query);
                    if elapsed > SLOW {
                        tracing::warn!(elapsed_ms = milliseconds(elapsed), sql, "slow statement");
                    } else {
                        tracing::trace!(elapsed_us = elapsed.as_micros(), sql, "statement");
                    }
                }
            }
            _ => {}
        }
    }
}

/// The text of a statement without the bound values, which are the callers' data.
fn without_values(query: &dyn DebugQuery) -> String {
    let mut text = WithoutValues(String::new());
    // The error is how it stops.
    let _ = write!(text, "{query}");
    text.0.truncate(text.0.find(VALUES).unwrap_or(text.0.len()));
    text.0.truncate(text.0.trim_end().len());
    text.0
}

/// Takes the text of a statement up to its values, which are long for a group of calls.
struct WithoutValues(String);

impl Write for WithoutValues {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0.push_str(part);
        if part.contains(VALUES) { Err(fmt::Error) } else { Ok(()) }
    }
}
