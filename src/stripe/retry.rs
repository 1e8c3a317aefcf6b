//! Trying again, where that is safe: every request of ours is either a GET or carries an idempotency key.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::breaker::Breaker;
use crate::error::{Error, Result};

/// Attempts at one request.
const ATTEMPTS: u32 = 4;
/// What one attempt may take.
const PER_ATTEMPT: Duration = Duration::from_secs(30);
/// The longest pause before the second attempt; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Stripe refuses the request as it is: another try would end alike.
    Refused,
    /// What went wrong with this idempotency key before, once more: it says nothing about Stripe as it is now.
    Old,
    /// Stripe's fault, and Stripe says that another try would end alike.
    Lasting,
    /// Stripe is busy with too many requests of ours, and may say for how long.
    Busy { retry_after: Option<Duration> },
    /// No answer, or an answer that says that it is Stripe's fault.
    Broken { retry_after: Option<Duration> },
    /// No answer in time.
    TimedOut,
}

/// Attempts a request until it succeeds, or another try makes no sense, or `deadline` is near.
///
/// # Errors
/// BAD_GATEWAY, GATEWAY_TIMEOUT; SERVICE_UNAVAILABLE while Stripe is left alone or busy.
pub async fn attempt<T, F: Future<Output = Result<T, Failure>>>(
    breaker: &Breaker,
    deadline: Instant,
    mut request: impl FnMut() -> F,
) -> Result<T> {
    let mut tried = 0;
    loop {
        let leave = breaker.attempt().map_err(unavailable)?;
        let left = deadline.saturating_duration_since(Instant::now()).min(PER_ATTEMPT);
        let outcome = timeout(left, request()).await.unwrap_or(Err(Failure::TimedOut));
        let failure = match outcome {
            Ok(answer) => {
                leave.succeeded();
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        match failure {
            Failure::Refused | Failure::Busy { .. } => leave.succeeded(),
            Failure::Old => drop(leave),
            Failure::Lasting | Failure::Broken { .. } | Failure::TimedOut => leave.failed(),
        }
        tried += 1;
        let pause = match &failure {
            Failure::Refused | Failure::Old | Failure::Lasting => None,
            Failure::Busy { retry_after } | Failure::Broken { retry_after } => {
                Some(retry_after.unwrap_or_default().saturating_add(jitter(tried)))
            }
            Failure::TimedOut => Some(jitter(tried)),
        };
        let in_time = |pause: &Duration| Instant::now().checked_add(*pause).is_some_and(|then| then < deadline);
        match pause.filter(|pause| tried < ATTEMPTS && in_time(pause)) {
            Some(pause) => sleep(pause).await,
            None => return Err(error(&failure)),
        }
    }
}

/// A random pause ("full jitter"), so that those who failed together don't come back together.
fn jitter(tried: u32) -> Duration {
    let most = PAUSE.saturating_mul(2_u32.saturating_pow(tried.saturating_sub(1))).min(LONGEST_PAUSE);
    most.mul_f64(rand::random::<f64>())
}

fn error(failure: &Failure) -> Error {
    match failure {
        Failure::Refused | Failure::Old | Failure::Lasting | Failure::Broken { .. } => Error::BadGateway,
        Failure::Busy { retry_after } => unavailable(retry_after.unwrap_or(PAUSE)),
        Failure::TimedOut => Error::GatewayTimeout,
    }
}

fn unavailable(retry_after: Duration) -> Error {
    Error::Unavailable { reason: "The payment provider is out of reach. Try again later.".into(), retry_after }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Runs requests that fail in these ways, one after the other, and then succeed. Tells when each was made.
    async fn run(failures: &[Failure], within: Duration) -> (Result<()>, Vec<Duration>) {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let made = RefCell::new(Vec::new());
        let outcome = attempt(&breaker, start + within, || {
            made.borrow_mut().push(start.elapsed());
            let failure = failures.get(made.borrow().len() - 1).cloned();
            async move {
                match failure {
                    Some(Failure::TimedOut) => std::future::pending().await,
                    Some(failure) => Err(failure),
                    None => Ok(()),
                }
            }
        });
        (outcome.await, made.into_inner())
    }

    const BROKEN: Failure = Failure::Broken { retry_after: None };
    const WITHIN: Duration = Duration::from_secs(29);

    #[tokio::test(start_paused = true)]
    async fn what_is_broken_is_tried_again_after_growing_pauses() {
        let (outcome, made) = run(&[BROKEN, BROKEN, BROKEN], WITHIN).await;
        assert!(outcome.is_ok() && made.len() == 4);
        for (at, most) in [(1, 500), (2, 1000), (3, 2000)] {
            assert!(made[at] - made[at - 1] <= Duration::from_millis(most + 2), "{made:?}");
        }
        let (outcome, made) = run(&[BROKEN, BROKEN, BROKEN, BROKEN], WITHIN).await;
        assert!(matches!(outcome, Err(Error::BadGateway)) && made.len() == 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_or_lasts_is_not() {
        for failure in [Failure::Refused, Failure::Old, Failure::Lasting] {
            let (outcome, made) = run(&[failure], WITHIN).await;
            assert!(matches!(outcome, Err(Error::BadGateway)) && made.len() == 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_kept_and_the_deadline_too() {
        let busy = |seconds| Failure::Busy { retry_after: Some(Duration::from_secs(seconds)) };
        let (outcome, made) = run(&[busy(7)], WITHIN).await;
        assert!(outcome.is_ok() && made[1] >= Duration::from_secs(7));
        let (outcome, made) = run(&[busy(30)], WITHIN).await;
        assert!(matches!(outcome, Err(Error::Unavailable { retry_after, .. }) if retry_after.as_secs() == 30));
        assert_eq!(made.len(), 1);
        let (outcome, made) = run(&[busy(u64::MAX)], WITHIN).await;
        assert!(matches!(outcome, Err(Error::Unavailable { .. })) && made.len() == 1, "for ever is too long");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_no_failure_of_stripes() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..10 {
            let refused = attempt(&breaker, start + WITHIN, || std::future::ready(Err::<(), _>(Failure::Refused)));
            assert!(matches!(refused.await, Err(Error::BadGateway)), "the breaker stays closed");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_attempt_has_thirty_seconds_when_there_is_more_time() {
        let (outcome, made) = run(&[Failure::TimedOut], Duration::from_secs(120)).await;
        assert!(outcome.is_ok() && made[1] >= PER_ATTEMPT && made[1] <= PER_ATTEMPT + PAUSE + Duration::from_millis(2));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_with_the_deadline() {
        let start = Instant::now();
        let (outcome, made) = run(&[Failure::TimedOut, Failure::TimedOut], WITHIN).await;
        assert!(matches!(outcome, Err(Error::GatewayTimeout)) && made.len() == 1);
        assert!(start.elapsed() <= WITHIN + Duration::from_millis(2));
    }
}
