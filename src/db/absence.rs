//! Leaves another server that has failed, such as a replica or a store, alone for a while. Callers do without it then.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Whether the other server is away, and when to try it again.
#[derive(Debug)]
pub struct Absence {
    pause: Duration,
    away: Mutex<Option<Away>>,
}

#[derive(Clone, Copy, Debug)]
struct Away {
    /// When it was last found away.
    seen: Instant,
    /// When to try it again.
    until: Instant,
}

impl Absence {
    /// Of a server that is not away. After each failure it is left alone for `pause`.
    pub fn new(pause: Duration) -> Self {
        Self { pause, away: Mutex::new(None) }
    }

    /// Whether it may be tried. After a pause it may be tried once; others do without it until that has ended.
    pub fn may_try(&self) -> bool {
        let now = Instant::now();
        match self.lock().as_mut() {
            None => true,
            Some(away) if now < away.until => false,
            Some(away) => {
                away.until = now + self.pause;
                true
            }
        }
    }

    /// Notes a failure. Returns whether it is the first one.
    pub fn begin(&self) -> bool {
        let now = Instant::now();
        self.lock().replace(Away { seen: now, until: now + self.pause }).is_none()
    }

    /// Notes the success of an attempt that began at `began`. Returns whether the server was away until then. An attempt from
    /// before the last failure proves nothing.
    pub fn end(&self, began: Instant) -> bool {
        self.lock().take_if(|away| away.seen <= began).is_some()
    }

    /// Whether it is away.
    pub fn lasts(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Away>> {
        // Nothing panics while it holds the lock.
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_failure_and_the_first_later_success_are_news() {
        let absence = Absence::new(Duration::from_secs(3600));
        let before = Instant::now();
        assert!(absence.may_try() && !absence.end(before));
        assert!(absence.begin() && !absence.begin());
        assert!(!absence.may_try() && absence.lasts());
        // It may have been answered before the failure.
        assert!(!absence.end(before) && absence.lasts());
        assert!(absence.end(Instant::now()) && !absence.end(Instant::now()));
        assert!(absence.may_try());
    }

    #[test]
    fn after_the_pause_one_tries() {
        let absence = Absence::new(Duration::ZERO);
        absence.begin();
        let long = Absence { pause: Duration::from_secs(3600), ..absence };
        assert!(long.may_try() && !long.may_try());
    }
}
