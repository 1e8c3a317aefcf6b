//! The circuit breaker: who fails all the time is left alone for a while.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it stays open before one attempt probes whether things are better.
const OPEN: Duration = Duration::from_secs(60);
/// How long the others wait while one probes.
const PROBE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
    probing: bool,
}

/// Leave to make one attempt. Dropped without a word, it was none. What began before the breaker opened says nothing of
/// how things are now.
pub struct Attempt<'b> {
    breaker: &'b Breaker,
    probe: bool,
}

impl Breaker {
    /// # Errors
    /// While it is open: how long to wait.
    pub fn attempt(&self) -> Result<Attempt<'_>, Duration> {
        let mut state = self.state();
        let Some(open_until) = state.open_until else { return Ok(Attempt { breaker: self, probe: false }) };
        let left = open_until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Err(left);
        }
        if state.probing {
            return Err(PROBE);
        }
        state.probing = true;
        Ok(Attempt { breaker: self, probe: true })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    pub fn succeeded(self) {
        let mut state = self.breaker.state();
        if self.probe || state.open_until.is_none() {
            *state = State::default();
        }
    }

    pub fn failed(self) {
        let mut state = self.breaker.state();
        if !self.probe && state.open_until.is_some() {
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if self.probe || state.failures >= FAILURES {
            tracing::warn!(failures = state.failures, "Stripe is left alone for a while");
            state.open_until = Some(Instant::now() + OPEN);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.state().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        (0..times).for_each(|_| breaker.attempt().unwrap().failed());
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it_for_a_minute() {
        let breaker = Breaker::default();
        fail(&breaker, 4);
        breaker.attempt().unwrap().succeeded();
        fail(&breaker, 4);
        assert!(breaker.attempt().is_ok(), "not in a row");
        fail(&breaker, 1);
        assert_eq!(breaker.attempt().err(), Some(OPEN));
        advance(OPEN - Duration::from_millis(1)).await;
        assert_eq!(breaker.attempt().err(), Some(Duration::from_millis(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_before_it_opened_changes_nothing() {
        let breaker = Breaker::default();
        let (early, late) = (breaker.attempt().unwrap(), breaker.attempt().unwrap());
        fail(&breaker, 5);
        early.succeeded();
        assert_eq!(breaker.attempt().err(), Some(OPEN), "not closed");
        advance(Duration::from_secs(10)).await;
        late.failed();
        assert_eq!(breaker.attempt().err(), Some(OPEN - Duration::from_secs(10)), "not prolonged");
    }

    #[tokio::test(start_paused = true)]
    async fn then_one_probes_and_decides() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        advance(OPEN).await;
        let probe = breaker.attempt().unwrap();
        assert_eq!(breaker.attempt().err(), Some(PROBE), "only one");
        probe.failed();
        assert_eq!(breaker.attempt().err(), Some(OPEN), "one failure is enough");
        advance(OPEN).await;
        drop(breaker.attempt().unwrap());
        breaker.attempt().unwrap().succeeded();
        fail(&breaker, 4);
        assert!(breaker.attempt().is_ok(), "counted anew");
    }
}
