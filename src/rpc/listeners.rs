//! The subscriptions that are open on one socket: so many and no more, each under a name by which it can be ended.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::stream::{AbortHandle, AbortRegistration, Abortable, BoxStream, Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// How long a caller with too many subscriptions is asked to wait. Waiting alone does not help.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Cheap to clone; all clones are of one socket.
#[derive(Clone)]
pub struct Listeners {
    places: Arc<Semaphore>,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    streams: HashMap<String, Listener>,
    count: u64,
}

/// One that is open or about to be: the means to end it, and its place.
struct Listener {
    /// A name may be used again, so each has a number too.
    number: u64,
    stop: AbortHandle,
    _place: OwnedSemaphorePermit,
}

/// A name and a place for a stream that is to come.
pub struct Place {
    ending: Ending,
    registration: AbortRegistration,
}

/// Gives the place back when the stream ends, whatever ends it.
struct Ending {
    listeners: Listeners,
    name: String,
    number: u64,
}

impl Listeners {
    pub fn new(most: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))), open: Arc::default() }
    }

    /// Takes a place for one more. From now on it can be ended by its name; one of the same name ends.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS when there is none.
    pub fn place(&self, name: String) -> Result<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_full| Error::TooManyRequests { retry_after: RETRY_AFTER })?;
        let (stop, registration) = AbortHandle::new_pair();
        let mut open = self.open();
        open.count = open.count.saturating_add(1);
        let number = open.count;
        if let Some(other) = open.streams.insert(name.clone(), Listener { number, stop, _place: place }) {
            other.stop.abort();
        }
        Ok(Place { ending: Ending { listeners: self.clone(), name, number }, registration })
    }

    pub fn has(&self, name: &str) -> bool {
        self.open().streams.contains_key(name)
    }

    /// Ends a stream: nothing more is heard of it. False when there is none of this name.
    pub fn end(&self, name: &str) -> bool {
        let ended = self.open().streams.remove(name);
        ended.inspect(|listener| listener.stop.abort()).is_some()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Begins the stream. None when it was ended before that.
    pub fn begin(self, texts: impl Stream<Item = String> + Send + 'static) -> Option<BoxStream<'static, String>> {
        let Self { ending, registration } = self;
        if registration.handle().is_aborted() {
            return None;
        }
        let texts = texts.map(move |text| {
            let _dropped_with_the_stream = &ending;
            text
        });
        Some(Abortable::new(texts, registration).boxed())
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut open = self.listeners.open();
        if open.streams.get(&self.name).is_some_and(|listener| listener.number == self.number) {
            open.streams.remove(&self.name);
        }
    }
}
