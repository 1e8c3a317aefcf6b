//! For which calls a database thread works at the moment.

use std::{cell::RefCell, time::Duration};

use super::trace::Trace;

thread_local! {
    static CURRENT: RefCell<Vec<Trace>> = const { RefCell::new(Vec::new()) };
}

/// Puts back what was current before.
struct Entered(Vec<Trace>);

impl Drop for Entered {
    fn drop(&mut self) {
        drop(CURRENT.replace(std::mem::take(&mut self.0)));
    }
}

/// Runs `work`, whose statements become spans of these calls.
pub fn within<T>(traces: &[Trace], work: impl FnOnce() -> T) -> T {
    if traces.is_empty() {
        return work();
    }
    let _entered = Entered(CURRENT.replace(traces.to_vec()));
    work()
}

/// Notes a statement that has just ended. Its `text` is asked for only if a call is traced, and must be without values.
pub fn statement(elapsed: Duration, failed: bool, text: impl FnOnce() -> String) {
    CURRENT.with_borrow(|traces| {
        if traces.is_empty() {
            return;
        }
        let text = text();
        traces.iter().for_each(|trace| trace.statement(elapsed, failed, &text));
    });
}
