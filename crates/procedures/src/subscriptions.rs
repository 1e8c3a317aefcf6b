//! The open subscriptions of one socket, limited in number. Each has a name by which it can be ended.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::stream::{AbortHandle, AbortRegistration, Abortable, BoxStream, Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Code, Error, Result};

/// When a caller with too many subscriptions should try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A set of open subscriptions. Clones share it.
#[derive(Clone)]
pub struct Subscriptions {
    permits: Arc<Semaphore>,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    entries: HashMap<String, Entry>,
    count: u64,
}

/// The error for a caller who must end a subscription first.
pub fn too_many_subscriptions() -> Error {
    Error::new(Code::TooManyRequests, "Too many requests. Try again later.").retry_after(RETRY_AFTER)
}

/// A subscription that is open or about to be.
struct Entry {
    /// A name may be used again, so each entry has a number too.
    number: u64,
    abort: AbortHandle,
    _permit: OwnedSemaphorePermit,
}

/// A name and a permit for a subscription that is about to start. Dropping it gives both back.
pub struct Reservation {
    guard: Guard,
    registration: AbortRegistration,
}

/// Removes the entry when the stream ends or is dropped.
struct Guard {
    subscriptions: Subscriptions,
    name: String,
    number: u64,
}

impl Subscriptions {
    /// At most `limit` at a time.
    pub fn new(limit: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))), open: Arc::default() }
    }

    /// Reserves a place under `name`. From now on it can be ended by that name. An older subscription of the same name ends.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS when the limit is reached.
    pub fn reserve(&self, name: String) -> Result<Reservation> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_full| too_many_subscriptions())?;
        let (abort, registration) = AbortHandle::new_pair();
        let mut open = self.open();
        open.count = open.count.saturating_add(1);
        let number = open.count;
        if let Some(other) = open.entries.insert(name.clone(), Entry { number, abort, _permit: permit }) {
            other.abort.abort();
        }
        Ok(Reservation { guard: Guard { subscriptions: self.clone(), name, number }, registration })
    }

    /// Whether there is one of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.open().entries.contains_key(name)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.open().entries.is_empty()
    }

    /// Ends a subscription; it delivers nothing more. False when there is none of this name.
    pub fn end(&self, name: &str) -> bool {
        let ended = self.open().entries.remove(name);
        ended.inspect(|entry| entry.abort.abort()).is_some()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Starts the stream. None when it was ended before that.
    pub fn start(self, texts: impl Stream<Item = String> + Send + 'static) -> Option<BoxStream<'static, String>> {
        let Self { guard, registration } = self;
        if registration.handle().is_aborted() {
            return None;
        }
        let texts = texts.map(move |text| {
            let _dropped_with_the_stream = &guard;
            text
        });
        Some(Abortable::new(texts, registration).boxed())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut open = self.subscriptions.open();
        if open.entries.get(&self.name).is_some_and(|entry| entry.number == self.number) {
            open.entries.remove(&self.name);
        }
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscriptions")
    }
}
