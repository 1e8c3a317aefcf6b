//! Limits the log lines about refused calls and requests. A refusal can cost its sender fewer bytes than its line has, so
//! without a limit anybody could fill the disk.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use clusterdesk::kernel::metrics::DroppedLines;
use tracing::{Event, Level, Subscriber, callsite::Identifier};
use tracing_subscriber::layer::{Context, Layer};

/// Lines of one kind in a window of one second.
const LINES: u32 = 50;
const WINDOW: Duration = Duration::from_secs(1);

/// Discards refusals above the limit of their kind. A kind is a place in the code. A refusal is recognised by its level,
/// INFO, and its field `code`, the error code that was answered: a server fault has the level ERROR and is always logged.
pub struct RefusalLimit {
    windows: Mutex<HashMap<Identifier, Window>>,
    dropped: DroppedLines,
}

struct Window {
    start: Instant,
    lines: u32,
}

impl RefusalLimit {
    /// A limit that counts in `dropped` what it discards.
    pub fn new(dropped: DroppedLines) -> Self {
        Self { windows: Mutex::default(), dropped }
    }

    fn admits(&self, kind: Identifier) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(kind).or_insert_with(|| Window { start: Instant::now(), lines: 0 });
        if window.start.elapsed() >= WINDOW {
            *window = Window { start: Instant::now(), lines: 0 };
        }
        window.lines = window.lines.saturating_add(1);
        window.lines <= LINES
    }
}

impl<S: Subscriber> Layer<S> for RefusalLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let is_refusal = *metadata.level() == Level::INFO && metadata.fields().field("code").is_some();
        if !is_refusal || self.admits(metadata.callsite()) {
            return true;
        }
        self.dropped.refusals.inc();
        false
    }
}
