//! Counts and times every statement, and puts the slow ones in the log.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use diesel::connection::{Instrumentation, InstrumentationEvent};

use crate::error::milliseconds;

const SLOW: Duration = Duration::from_millis(200);

thread_local! {
    // A job runs on one thread from its beginning to its end, so the thread's count is the job's.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Statements this thread has run so far.
pub fn statements() -> u64 {
    COUNT.get()
}

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
                if elapsed > SLOW {
                    // Without the bound values: they are the callers' data.
                    let text = query.to_string();
                    let sql = text.split("-- binds").next().unwrap_or_default().trim();
                    tracing::warn!(elapsed_ms = milliseconds(elapsed), sql, "slow statement");
                }
            }
            _ => {}
        }
    }
}
