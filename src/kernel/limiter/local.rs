//! The limit of one bucket, counted in this process.
//!
//! It is our own because a limit can be looked at without counting, and because a flood from many addresses must not grow
//! it without bound. `governor` offers neither.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use procedures::Allowance;

use super::key::Key;
use crate::db::{Count, Rate};

/// Most addresses whose calls one bucket remembers.
const ADDRESSES: usize = 100_000;
/// With fewer callers than this, none is forgotten.
const FEW: usize = 1024;

/// The limit of one bucket.
pub(super) struct Limit {
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

impl Limit {
    /// A limit of so many calls in a window. None for 0 calls, which mean no limit.
    pub fn new(calls: u32, window_ms: u64) -> Option<Self> {
        let per_call = Duration::from_millis(window_ms).checked_div(calls)?.max(Duration::from_nanos(1));
        // Every user has an account, and the calls of none may be forgotten because of others.
        Some(Self { calls, per_call, users: Callers::new(usize::MAX), addresses: Callers::new(ADDRESSES) })
    }

    /// What is left for a call of `key`, which is counted if `count` says so and the limit has it left.
    pub fn check(&self, key: &Key, count: bool) -> Allowance {
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
        self.allowance(full_in, retry_after)
    }

    /// What a store has found for a call of `key`. It is remembered, so that this process can go on from there by itself.
    pub fn found(&self, key: &Key, Count { full_in, retry_after }: Count) -> Allowance {
        let now = Instant::now();
        let mut callers = self.callers(key);
        match now.checked_add(full_in) {
            Some(at) if !full_in.is_zero() => {
                callers.make_room(now);
                callers.full_again.insert(key.clone(), at);
            }
            _ => drop(callers.full_again.remove(key)),
        }
        drop(callers);
        self.allowance(full_in, retry_after)
    }

    /// The same limit for a store.
    pub fn rate(&self) -> Rate {
        Rate::new(self.calls, self.per_call)
    }

    fn allowance(&self, full_in: Duration, retry_after: Option<Duration>) -> Allowance {
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{
        super::key::{address_key, user_key},
        *,
    };

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
        let limit = Limit::new(3, 3_600_000).unwrap();
        assert_eq!(peak(&limit, networks(250_000)), ADDRESSES);
    }

    #[test]
    fn no_flood_makes_a_user_be_forgotten() {
        let limit = Limit::new(1, 3_600_000).unwrap();
        let users = || (0..ADDRESSES + FEW).map(|number| user_key(&number.to_string()));
        assert_eq!(peak(&limit, users()), ADDRESSES + FEW);
        peak(&limit, networks(250_000));
        assert!(users().all(|user| limit.check(&user, true).retry_after.is_some()));
    }

    #[test]
    fn callers_whose_whole_limit_is_available_again_are_forgotten() {
        // A window of a few nanoseconds has passed before the next call.
        let limit = Limit::new(1, 1).unwrap();
        let limit = Limit { per_call: Duration::from_nanos(1), ..limit };
        assert!(peak(&limit, networks(50_000)) <= FEW);
    }

    #[test]
    fn looking_at_a_limit_counts_nothing() {
        let limit = Limit::new(2, 3_600_000).unwrap();
        let (key, other) = (address_key(None), Key::Guesses(None));
        for remaining in [1, 0] {
            assert_eq!(limit.check(&key, false).retry_after, None);
            assert_eq!(limit.check(&key, true).remaining, remaining);
        }
        assert!(limit.check(&key, false).retry_after.is_some());
        assert_eq!(limit.check(&other, false).retry_after, None);
    }

    #[test]
    fn what_a_store_has_found_is_where_this_process_goes_on() {
        let limit = Limit::new(3, 3_600_000).unwrap();
        let key = user_key("ann");
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let found = limit.found(&key, Count { full_in: minutes(40), retry_after: None });
        assert_eq!((found.limit, found.remaining, found.reset), (3, 1, minutes(40)));
        assert_eq!(limit.check(&key, true).remaining, 0);
        let refused = limit.found(&key, Count { full_in: minutes(50), retry_after: Some(minutes(10)) });
        assert_eq!((refused.remaining, refused.retry_after), (0, Some(minutes(10))));
        assert_eq!(limit.found(&key, Count { full_in: Duration::ZERO, retry_after: None }).remaining, 3);
        assert!(limit.callers(&key).full_again.is_empty());
    }
}
