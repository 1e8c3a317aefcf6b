//! Counts and times every statement, and logs the slow ones: all of them at the level `trace`.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use tracing::Level;

use crate::error::milliseconds;

/// Statements that take longer are logged.
const SLOW: Duration = Duration::from_millis(200);

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

/// Counts and times the statements of one connection.
#[derive(Default)]
pub struct Statements {
    started: Option<Instant>,
}

impl Instrumentation for Statements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { .. } => self.started = Some(Instant::now()),
            InstrumentationEvent::FinishQuery { query, .. } => {
                COUNT.set(COUNT.get().saturating_add(1));
                let elapsed = self.started.take().map(|start| start.elapsed()).unwrap_or_default();
                if elapsed > SLOW || tracing::enabled!(Level::TRACE) {
                    // Without the bound values, which are the callers' data.
                    let text = query.to_string();
                    let sql = text.split("-- binds").next().unwrap_or_default().trim();
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
