//! Retries of requests to Stripe. They are safe, because every request that creates something has an idempotency key.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::breaker::Breaker;
use crate::error::{Error, Result};

/// Most attempts at one request.
const ATTEMPTS: u32 = 4;
/// Timeout of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest pause before the second attempt. It doubles with each further attempt, up to `LONGEST_PAUSE`.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Stripe refuses the request for this reason; another attempt would be refused as well.
    Refused(String),
    /// The request names an object, in this parameter, that does not exist at Stripe.
    Missing { param: String },
    /// A stored failure of this idempotency key, which says nothing about the current state of Stripe.
    Replayed(String),
    /// A fault of Stripe, which says that another attempt would fail as well.
    Permanent(String),
    /// Too many requests, or a concurrent request with the same idempotency key.
    Busy { retry_after: Option<Duration> },
    /// No response, or a fault of Stripe.
    Broken { reason: String, retry_after: Option<Duration> },
    /// No response in time.
    TimedOut,
}

/// Repeats a request until it succeeds, another attempt would be useless, or the deadline does not allow one.
///
/// # Errors
/// BAD_GATEWAY, GATEWAY_TIMEOUT; SERVICE_UNAVAILABLE if the breaker is open or Stripe is busy;
/// [`Error::NotAtStripe`].
pub async fn with_retries<T, F: Future<Output = Result<T, Failure>>>(
    breaker: &Breaker,
    deadline: Instant,
    mut request: impl FnMut() -> F,
) -> Result<T> {
    let mut tried = 0;
    loop {
        let permit = breaker.attempt().map_err(unavailable)?;
        let left = deadline.saturating_duration_since(Instant::now()).min(ATTEMPT_TIMEOUT);
        let outcome = timeout(left, request()).await.unwrap_or(Err(Failure::TimedOut));
        let failure = match outcome {
            Ok(answer) => {
                permit.succeeded();
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        match failure {
            Failure::Refused(_) | Failure::Missing { .. } | Failure::Busy { .. } => permit.succeeded(),
            Failure::Replayed(_) => drop(permit),
            Failure::Permanent(_) | Failure::Broken { .. } | Failure::TimedOut => permit.failed(),
        }
        tried += 1;
        let pause = match &failure {
            Failure::Refused(_) | Failure::Missing { .. } | Failure::Replayed(_) | Failure::Permanent(_) => None,
            Failure::Busy { retry_after } | Failure::Broken { retry_after, .. } => {
                Some(retry_after.unwrap_or_default().saturating_add(jitter(tried)))
            }
            Failure::TimedOut => Some(jitter(tried)),
        };
        let in_time = |pause: &Duration| Instant::now().checked_add(*pause).is_some_and(|then| then < deadline);
        match pause.filter(|pause| tried < ATTEMPTS && in_time(pause)) {
            Some(pause) => sleep(pause).await,
            None => return Err(error(failure)),
        }
    }
}

/// A random pause ("full jitter"), so that requests that failed together are not repeated together.
fn jitter(tried: u32) -> Duration {
    let most = PAUSE.saturating_mul(2_u32.saturating_pow(tried.saturating_sub(1))).min(LONGEST_PAUSE);
    most.mul_f64(rand::random::<f64>())
}

fn error(failure: Failure) -> Error {
    match failure {
        Failure::Missing { param } => Error::NotAtStripe { param },
        Failure::Refused(reason)
        | Failure::Replayed(reason)
        | Failure::Permanent(reason)
        | Failure::Broken { reason, .. } => Error::BadGateway(reason),
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

    /// Runs a request that fails in these ways, one after the other, and then succeeds. Returns when each attempt was
    /// made.
    async fn run(failures: &[Failure], within: Duration) -> (Result<()>, Vec<Duration>) {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let made = RefCell::new(Vec::new());
        let outcome = with_retries(&breaker, start + within, || {
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

    const BROKEN: Failure = Failure::Broken { reason: String::new(), retry_after: None };
    const WITHIN: Duration = Duration::from_secs(29);

    #[tokio::test(start_paused = true)]
    async fn faults_of_stripe_are_retried_after_growing_pauses() {
        let (outcome, made) = run(&[BROKEN, BROKEN, BROKEN], WITHIN).await;
        assert!(outcome.is_ok() && made.len() == 4);
        for (at, most) in [(1, 500), (2, 1000), (3, 2000)] {
            assert!(made[at] - made[at - 1] <= Duration::from_millis(most + 2), "{made:?}");
        }
        let (outcome, made) = run(&[BROKEN, BROKEN, BROKEN, BROKEN], WITHIN).await;
        assert!(matches!(outcome, Err(Error::BadGateway(_))) && made.len() == 4);
    }

    #[tokio::test(start_paused = true)]
    async fn permanent_failures_are_not_retried() {
        for failure in
            [Failure::Refused, Failure::Replayed, Failure::Permanent].map(|failure| failure("why".to_owned()))
        {
            let (outcome, made) = run(&[failure], WITHIN).await;
            assert!(matches!(outcome, Err(Error::BadGateway(why)) if why == "why") && made.len() == 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_and_the_deadline_are_respected() {
        let busy = |seconds| Failure::Busy { retry_after: Some(Duration::from_secs(seconds)) };
        let (outcome, made) = run(&[busy(7)], WITHIN).await;
        assert!(outcome.is_ok() && made[1] >= Duration::from_secs(7));
        let (outcome, made) = run(&[busy(30)], WITHIN).await;
        assert!(matches!(outcome, Err(Error::Unavailable { retry_after, .. }) if retry_after.as_secs() == 30));
        assert_eq!(made.len(), 1);
        let (outcome, made) = run(&[busy(u64::MAX)], WITHIN).await;
        assert!(
            matches!(outcome, Err(Error::Unavailable { .. })) && made.len() == 1,
            "the pause would exceed the deadline"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn refused_requests_do_not_open_the_breaker() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..10 {
            let refused = with_retries(&breaker, start + WITHIN, || {
                std::future::ready(Err::<(), _>(Failure::Refused(String::new())))
            });
            assert!(matches!(refused.await, Err(Error::BadGateway(_))), "the breaker stays closed");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_times_out_after_thirty_seconds() {
        let (outcome, made) = run(&[Failure::TimedOut], Duration::from_secs(120)).await;
        assert!(
            outcome.is_ok()
                && made[1] >= ATTEMPT_TIMEOUT
                && made[1] <= ATTEMPT_TIMEOUT + PAUSE + Duration::from_millis(2)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_response_ends_at_the_deadline() {
        let start = Instant::now();
        let (outcome, made) = run(&[Failure::TimedOut, Failure::TimedOut], WITHIN).await;
        assert!(matches!(outcome, Err(Error::GatewayTimeout)) && made.len() == 1);
        assert!(start.elapsed() <= WITHIN + Duration::from_millis(2));
    }
}
