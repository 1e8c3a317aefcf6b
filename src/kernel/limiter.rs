//! Rate limits: calls per window, bucket and caller (docs/API.md, "Limits"), by the generic cell rate algorithm.
//!
//! It is our own because a limit can be looked at without counting, and because a flood from many addresses must not grow
//! it without bound. `governor` offers neither.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use procedures::{Allowance, Bucket};

use crate::{
    config::RateLimitSettings,
    error::{Error, Result},
};

/// The bucket of procedures that call Stripe's API.
pub const STRIPE: Bucket = Bucket::new("stripe");

/// Most addresses whose calls one bucket remembers.
const ADDRESSES: usize = 100_000;
/// With fewer callers than this, none is forgotten.
const FEW: usize = 1024;

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A user, by id.
    User(String),
    /// Callers without a known user at one [`network`]; None for the unix socket.
    Address(Option<IpAddr>),
    /// The API tokens from one [`network`] that turned out to be invalid. They have a limit of their own, so that other
    /// calls without a user don't keep valid tokens from being looked up.
    Guesses(Option<IpAddr>),
}

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
    users: Mutex<Callers>,
    /// Apart from the users, because a flood can clear them.
    addresses: Mutex<Callers>,
}

/// When the whole limit of each caller is available again. A caller with an unused limit is the same as one that is not
/// there.
struct Callers {
    full_again: HashMap<Key, Instant>,
    /// At this many, all are forgotten.
    most: usize,
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
    pub fn check(&self, bucket: Bucket, key: &Key) -> Option<Allowance> {
        self.limit(bucket).map(|limit| limit.check(key, true))
    }

    /// What [`Self::check`] would return for one more call; counts nothing.
    pub fn peek(&self, bucket: Bucket, key: &Key) -> Option<Allowance> {
        self.limit(bucket).map(|limit| limit.check(key, false))
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
    fn check(&self, key: &Key, count: bool) -> Allowance {
        let now = Instant::now();
        let mut callers = self.callers(key);
        let mut full_in = callers.full_again.get(key).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let after = full_in.saturating_add(self.per_call);
        let retry_after = after.checked_sub(self.window()).filter(|wait| !wait.is_zero());
        if count
            && retry_after.is_none()
            && let Some(at) = now.checked_add(after)
        {
            full_in = after;
            callers.make_room(now);
            callers.full_again.insert(key.clone(), at);
        }
        let used = full_in.as_nanos().div_ceil(self.per_call.as_nanos());
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        let remaining = self.calls.saturating_sub(used);
        Allowance { limit: self.calls, remaining, reset: self.per_call.saturating_mul(used), retry_after }
    }

    fn window(&self) -> Duration {
        self.per_call.saturating_mul(self.calls)
    }

    fn callers(&self, key: &Key) -> MutexGuard<'_, Callers> {
        let callers = match key {
            Key::User(_) => &self.users,
            Key::Address(_) | Key::Guesses(_) => &self.addresses,
        };
        // Nothing panics while it holds the lock.
        callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Callers {
    fn new(most: usize) -> Mutex<Self> {
        Mutex::new(Self { full_again: HashMap::new(), most, sweep_at: FEW })
    }

    /// Keeps the number of callers within its limit.
    fn make_room(&mut self, now: Instant) {
        if self.full_again.len() < self.sweep_at {
            return;
        }
        self.full_again.retain(|_, at| *at > now);
        if self.full_again.len() >= self.most {
            // Whoever has so many addresses has as many limits; forgetting what they used changes little, and nobody
            // else is refused because of them.
            self.full_again = HashMap::new();
        }
        self.sweep_at = self.full_again.len().saturating_mul(2).clamp(FEW, self.most);
    }
}

fn limit(calls: u32, window_ms: u64) -> Option<Limit> {
    let per_call = Duration::from_millis(window_ms).checked_div(calls)?.max(Duration::from_nanos(1));
    // Every user has an account, and the calls of none may be forgotten because of others.
    Some(Limit { calls, per_call, users: Callers::new(usize::MAX), addresses: Callers::new(ADDRESSES) })
}

/// Refuses a call beyond its limit.
///
/// # Errors
/// TOO_MANY_REQUESTS.
pub fn within(allowance: Option<Allowance>) -> Result<()> {
    let over = allowance.and_then(|allowance| allowance.retry_after);
    over.map_or(Ok(()), |retry_after| Err(Error::TooManyRequests { retry_after }))
}

/// The key of a caller whose user is known, by user id.
pub fn user_key(id: &str) -> Key {
    Key::User(id.to_owned())
}

/// The key of any other caller, by address; None for the unix socket.
pub fn address_key(address: Option<IpAddr>) -> Key {
    Key::Address(address.map(network))
}

/// What counts as one address: an IPv4 address, also one that is written as IPv6, or the /64 of an IPv6 address, because
/// a single host can choose any address of its /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls once for each of `keys`, and returns the greatest number of callers that were remembered.
    fn peak(limit: &Limit, keys: impl Iterator<Item = Key>) -> usize {
        let call = |key: Key| {
            assert_eq!(limit.check(&key, true).retry_after, None);
            limit.callers(&key).full_again.len()
        };
        keys.map(call).max().unwrap()
    }

    fn networks(count: u32) -> impl Iterator<Item = Key> {
        (0..count).map(|number| address_key(Some(IpAddr::V6((u128::from(number) << 64).into()))))
    }

    #[test]
    fn a_flood_from_many_networks_is_remembered_up_to_a_limit() {
        let limit = limit(3, 3_600_000).unwrap();
        assert_eq!(peak(&limit, networks(250_000)), ADDRESSES);
    }

    #[test]
    fn no_flood_makes_a_user_be_forgotten() {
        let limit = limit(1, 3_600_000).unwrap();
        let users = || (0..ADDRESSES + FEW).map(|number| user_key(&number.to_string()));
        assert_eq!(peak(&limit, users()), ADDRESSES + FEW);
        peak(&limit, networks(250_000));
        assert!(users().all(|user| limit.check(&user, true).retry_after.is_some()));
    }

    #[test]
    fn callers_whose_whole_limit_is_available_again_are_forgotten() {
        // A window of a few nanoseconds has passed before the next call.
        let limit = limit(1, 1).unwrap();
        let limit = Limit { per_call: Duration::from_nanos(1), ..limit };
        assert!(peak(&limit, networks(50_000)) <= FEW);
    }

    #[test]
    fn looking_at_a_limit_counts_nothing() {
        let limit = limit(2, 3_600_000).unwrap();
        let (key, other) = (address_key(None), Key::Guesses(None));
        for remaining in [1, 0] {
            assert_eq!(limit.check(&key, false).retry_after, None);
            assert_eq!(limit.check(&key, true).remaining, remaining);
        }
        assert!(limit.check(&key, false).retry_after.is_some());
        assert_eq!(limit.check(&other, false).retry_after, None);
    }

    #[test]
    fn an_ipv4_address_and_the_64_of_an_ipv6_address_count_as_one() {
        let networks = [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("::1", "::"),
        ];
        for (address, expected) in networks {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
