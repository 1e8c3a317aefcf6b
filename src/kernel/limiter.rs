//! Rate limits: calls per window, bucket and caller (docs/API.md, "Limits"), by the generic cell rate algorithm.
//!
//! It is our own because a call can be taken back, and because a flood from many addresses must not grow it without bound.
//! `governor` offers neither.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use procedures::{Allowance, Bucket};

use crate::config::RateLimitSettings;

/// The bucket of procedures that call Stripe's API.
pub const STRIPE: Bucket = Bucket::new("stripe");

/// Most callers whose calls one bucket remembers.
const CALLERS: usize = 100_000;
/// With fewer callers than this, none is forgotten.
const FEW: usize = 1024;

/// The rate limits of all buckets; None where a bucket has no limit.
pub struct Limiter {
    read: Option<Limit>,
    write: Option<Limit>,
    stripe: Option<Limit>,
}

/// The limit of one bucket.
struct Limit {
    calls: u32,
    per_call: Duration,
    callers: Mutex<Callers>,
}

/// When the whole limit of each caller is available again. A caller with an unused limit is the same as one that is not
/// there.
struct Callers {
    full_again: HashMap<String, Instant>,
    /// At this many, callers with an unused limit are removed. It doubles with what remains, so that a sweep costs each
    /// call little.
    sweep_at: usize,
}

impl Limiter {
    /// Rate limits with these settings. A maximum of 0 means no limit.
    pub fn new(settings: &RateLimitSettings) -> Self {
        Self {
            read: limit(settings.rate_limit_read_max_requests, settings.rate_limit_read_window_ms),
            write: limit(settings.rate_limit_write_max_requests, settings.rate_limit_write_window_ms),
            stripe: limit(settings.rate_limit_stripe_max_requests, settings.rate_limit_stripe_window_ms),
        }
    }

    /// Counts one call against the limit of `key`. None when the bucket has no limit.
    pub fn check(&self, bucket: Bucket, key: &str) -> Option<Allowance> {
        self.limit(bucket).map(|limit| limit.check(key))
    }

    /// Takes back one call that [`Self::check`] has counted.
    pub fn refund(&self, bucket: Bucket, key: &str) {
        if let Some(limit) = self.limit(bucket)
            && let Some(at) = limit.callers().full_again.get_mut(key)
        {
            *at = at.checked_sub(limit.per_call).unwrap_or(*at);
        }
    }

    fn limit(&self, bucket: Bucket) -> Option<&Limit> {
        match bucket {
            Bucket::READ => self.read.as_ref(),
            Bucket::WRITE => self.write.as_ref(),
            STRIPE => self.stripe.as_ref(),
            _ => None,
        }
    }
}

impl Limit {
    fn check(&self, key: &str) -> Allowance {
        let now = Instant::now();
        let mut callers = self.callers();
        let mut full_in = callers.full_again.get(key).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let after = full_in.saturating_add(self.per_call);
        let retry_after = after.checked_sub(self.window()).filter(|wait| !wait.is_zero());
        if retry_after.is_none()
            && let Some(at) = now.checked_add(after)
        {
            full_in = after;
            callers.make_room(now);
            callers.full_again.insert(key.to_owned(), at);
        }
        let used = full_in.as_nanos().div_ceil(self.per_call.as_nanos());
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        let remaining = self.calls.saturating_sub(used);
        Allowance { limit: self.calls, remaining, reset: self.per_call.saturating_mul(used), retry_after }
    }

    fn window(&self) -> Duration {
        self.per_call.saturating_mul(self.calls)
    }

    fn callers(&self) -> MutexGuard<'_, Callers> {
        // Nothing panics while it holds the lock.
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Callers {
    /// Keeps the number of callers within its limit.
    fn make_room(&mut self, now: Instant) {
        if self.full_again.len() < self.sweep_at {
            return;
        }
        self.full_again.retain(|_, at| *at > now);
        if self.full_again.len() >= CALLERS {
            // Whoever has so many addresses has as many limits; forgetting what they used changes little, and nobody
            // else is refused because of them.
            self.full_again = HashMap::new();
        }
        self.sweep_at = self.full_again.len().saturating_mul(2).clamp(FEW, CALLERS);
    }
}

fn limit(calls: u32, window_ms: u64) -> Option<Limit> {
    let per_call = Duration::from_millis(window_ms).checked_div(calls)?.max(Duration::from_nanos(1));
    let callers = Mutex::new(Callers { full_again: HashMap::new(), sweep_at: FEW });
    Some(Limit { calls, per_call, callers })
}

/// The key of a caller whose user is known, by user id.
pub fn user_key(id: &str) -> String {
    format!("user {id}")
}

/// The key of any other caller, by address. IPv6 addresses count by their /64 prefix, because a single host can choose
/// any address of its /64.
pub fn address_key(address: Option<IpAddr>) -> String {
    match address {
        None => "unix socket".to_owned(),
        Some(IpAddr::V4(v4)) => format!("address {v4}"),
        Some(IpAddr::V6(v6)) => match v6.segments() {
            [a, b, c, d, ..] => format!("network {a:x}:{b:x}:{c:x}:{d:x}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls once for each of `keys`, and returns the greatest number of callers that were remembered.
    fn peak(limit: &Limit, keys: impl Iterator<Item = String>) -> usize {
        let call = |key: String| {
            assert_eq!(limit.check(&key).retry_after, None);
            limit.callers().full_again.len()
        };
        keys.map(call).max().unwrap()
    }

    fn networks(count: u32) -> impl Iterator<Item = String> {
        (0..count).map(|number| address_key(Some(IpAddr::V6((u128::from(number) << 64).into()))))
    }

    #[test]
    fn a_flood_from_many_networks_is_remembered_up_to_a_limit() {
        let limit = limit(3, 3_600_000).unwrap();
        assert_eq!(peak(&limit, networks(250_000)), CALLERS);
    }

    #[test]
    fn callers_whose_whole_limit_is_available_again_are_forgotten() {
        // A window of a few nanoseconds has passed before the next call.
        let limit = limit(1, 1).unwrap();
        let limit = Limit { per_call: Duration::from_nanos(1), ..limit };
        assert!(peak(&limit, networks(50_000)) <= FEW);
    }

    #[test]
    fn a_call_that_is_taken_back_may_be_made_again() {
        let settings = RateLimitSettings {
            rate_limit_read_max_requests: 2,
            rate_limit_read_window_ms: 3_600_000,
            rate_limit_write_max_requests: 0,
            rate_limit_write_window_ms: 1,
            rate_limit_stripe_max_requests: 0,
            rate_limit_stripe_window_ms: 1,
        };
        let limiter = Limiter::new(&settings);
        let remaining = || limiter.check(Bucket::READ, "key").unwrap();
        assert_eq!((remaining().remaining, remaining().remaining), (1, 0));
        assert!(remaining().retry_after.is_some());
        limiter.refund(Bucket::READ, "key");
        assert_eq!(remaining().retry_after, None);
        assert!(remaining().retry_after.is_some());
        limiter.refund(Bucket::READ, "nobody");
        assert_eq!(limiter.check(Bucket::WRITE, "key"), None);
    }
}
