//! How many subscriptions each user has, on all connections and wires together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::limiter::Key;
use crate::error::{Error, Result};

/// When a user with too many subscriptions should try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The number of subscriptions of each user who has any.
pub struct Subscribers {
    limit: usize,
    open: Arc<Open>,
}

type Open = Mutex<HashMap<Key, usize>>;

/// One subscription of a user, until it is dropped.
pub(super) struct Subscriber {
    key: Key,
    open: Arc<Open>,
}

impl Subscribers {
    /// At most `limit` subscriptions for each user.
    pub fn new(limit: usize) -> Self {
        Self { limit, open: Arc::default() }
    }

    /// Counts one more subscription of the caller with this key.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS.
    pub(super) fn enter(&self, key: Key) -> Result<Subscriber> {
        let mut open = lock(&self.open);
        let count = open.get(&key).copied().unwrap_or_default();
        if count >= self.limit {
            return Err(Error::TooManyRequests { retry_after: RETRY_AFTER });
        }
        open.insert(key.clone(), count.saturating_add(1));
        Ok(Subscriber { key, open: Arc::clone(&self.open) })
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        let left = open.get(&self.key).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => drop(open.remove(&self.key)),
            left => drop(open.insert(self.key.clone(), left)),
        }
    }
}

fn lock(open: &Open) -> MutexGuard<'_, HashMap<Key, usize>> {
    // Nothing panics while it holds the lock.
    open.lock().unwrap_or_else(PoisonError::into_inner)
}
