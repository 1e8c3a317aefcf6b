//! A circuit breaker: after repeated failures no requests are sent for a while.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Consecutive failures that open the breaker.
const FAILURES: u32 = 5;
/// How long the breaker stays open before one attempt is allowed as a probe.
const OPEN_TIME: Duration = Duration::from_secs(60);
/// How long other attempts must wait during a probe.
const PROBE_TIME: Duration = Duration::from_secs(1);

/// A circuit breaker that counts attempts at requests.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
    probing: bool,
}

/// Permission for one attempt. Dropping it without calling a method leaves the breaker unchanged, and so does the
/// result of an attempt that began before the breaker opened.
pub struct Attempt<'b> {
    breaker: &'b Breaker,
    probe: bool,
}

impl Breaker {
    /// Asks for permission to make an attempt.
    ///
    /// # Errors
    /// The breaker is open; the error is how long to wait.
    pub fn attempt(&self) -> Result<Attempt<'_>, Duration> {
        let mut state = self.state();
        let Some(open_until) = state.open_until else { return Ok(Attempt { breaker: self, probe: false }) };
        let left = open_until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Err(left);
        }
        if state.probing {
            return Err(PROBE_TIME);
        }
        state.probing = true;
        Ok(Attempt { breaker: self, probe: true })
    }

    /// Whether attempts are refused now.
    pub fn is_open(&self) -> bool {
        self.state().open_until.is_some_and(|until| until > Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Reports that the request was answered.
    pub fn succeeded(self) {
        let mut state = self.breaker.state();
        if self.probe || state.open_until.is_none() {
            *state = State::default();
        }
    }

    /// Reports that the request failed through a fault of Stripe.
    pub fn failed(self) {
        let mut state = self.breaker.state();
        if !self.probe && state.open_until.is_some() {
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if self.probe || state.failures >= FAILURES {
            tracing::warn!(failures = state.failures, "requests to Stripe are suspended after repeated failures");
            state.open_until = Some(Instant::now() + OPEN_TIME);
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
    async fn five_consecutive_failures_open_the_breaker_for_a_minute() {
        let breaker = Breaker::default();
        fail(&breaker, 4);
        breaker.attempt().unwrap().succeeded();
        fail(&breaker, 4);
        assert!(breaker.attempt().is_ok(), "the failures were not consecutive");
        fail(&breaker, 1);
        assert_eq!(breaker.attempt().err(), Some(OPEN_TIME));
        advance(OPEN_TIME - Duration::from_millis(1)).await;
        assert_eq!(breaker.attempt().err(), Some(Duration::from_millis(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_from_before_it_opened_are_ignored() {
        let breaker = Breaker::default();
        let (early, late) = (breaker.attempt().unwrap(), breaker.attempt().unwrap());
        fail(&breaker, 5);
        early.succeeded();
        assert_eq!(breaker.attempt().err(), Some(OPEN_TIME), "the breaker stays open");
        advance(Duration::from_secs(10)).await;
        late.failed();
        assert_eq!(breaker.attempt().err(), Some(OPEN_TIME - Duration::from_secs(10)), "the time is not extended");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_minute_one_probe_decides() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        advance(OPEN_TIME).await;
        let probe = breaker.attempt().unwrap();
        assert_eq!(breaker.attempt().err(), Some(PROBE_TIME), "only one probe at a time");
        probe.failed();
        assert_eq!(breaker.attempt().err(), Some(OPEN_TIME), "one failure is enough");
        advance(OPEN_TIME).await;
        drop(breaker.attempt().unwrap());
        breaker.attempt().unwrap().succeeded();
        fail(&breaker, 4);
        assert!(breaker.attempt().is_ok(), "failures are counted from zero");
    }
}
