//! Rate limits: calls per window, bucket and caller (docs/API.md, "Limits"), by the generic cell rate algorithm.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};

use procedures::{Allowance, Bucket};

use crate::config::RateLimitSettings;

/// After this many checks, keys with an unused quota are removed.
const SWEEP_EVERY: u32 = 4096;

/// The bucket of procedures that call Stripe's API.
pub const STRIPE: Bucket = Bucket::new("stripe");

struct Limit {
    calls: NonZeroU32,
    per_call: Duration,
    limiter: RateLimiter<String, DashMapStateStore<String>, DefaultClock, StateInformationMiddleware>,
}

/// The rate limits of all buckets; None where a bucket has no limit.
pub struct Limiter {
    read: Option<Limit>,
    write: Option<Limit>,
    stripe: Option<Limit>,
    checks: AtomicU32,
}

impl Limiter {
    /// Rate limits with these settings. A maximum of 0 means no limit.
    pub fn new(settings: &RateLimitSettings) -> Self {
        Self {
            read: limit(settings.rate_limit_read_max_requests, settings.rate_limit_read_window_ms),
            write: limit(settings.rate_limit_write_max_requests, settings.rate_limit_write_window_ms),
            stripe: limit(settings.rate_limit_stripe_max_requests, settings.rate_limit_stripe_window_ms),
            checks: AtomicU32::new(0),
        }
    }

    /// Counts one call against the limit of `key`. None when the bucket has no limit.
    pub fn check(&self, bucket: Bucket, key: &String) -> Option<Allowance> {
        let limit = match bucket {
            Bucket::READ => self.read.as_ref(),
            Bucket::WRITE => self.write.as_ref(),
            STRIPE => self.stripe.as_ref(),
            _ => None,
        }?;
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            limit.limiter.retain_recent();
        }
        let (remaining, retry_after) = match limit.limiter.check_key(key) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(refusal) => (0, Some(refusal.wait_time_from(limit.limiter.clock().now()))),
        };
        let used = limit.calls.get().saturating_sub(remaining);
        Some(Allowance { limit: limit.calls.get(), remaining, reset: limit.per_call.saturating_mul(used), retry_after })
    }
}

fn limit(calls: u32, window_ms: u64) -> Option<Limit> {
    let calls = NonZeroU32::new(calls)?;
    let per_call = (Duration::from_millis(window_ms) / calls.get()).max(Duration::from_nanos(1));
    let quota = Quota::with_period(per_call)?.allow_burst(calls);
    let limiter = RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>();
    Some(Limit { calls, per_call, limiter })
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
