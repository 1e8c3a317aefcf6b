//! The streams of events that are open on a socket, each under a name by which it can be ended.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::stream::{AbortHandle, Abortable, BoxStream, Stream, StreamExt};

#[derive(Clone)]
pub(super) struct Listeners {
    open: Arc<Mutex<Open>>,
    most: usize,
}

#[derive(Default)]
struct Open {
    /// By name; a name may be used again, so each stream has a number too.
    streams: HashMap<String, (u64, AbortHandle)>,
    count: u64,
}

/// A place among the listeners; given back when dropped.
struct Place {
    listeners: Listeners,
    name: String,
    number: u64,
}

impl Listeners {
    pub fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// Whether no more fit.
    pub fn are_full(&self) -> bool {
        self.open().streams.len() >= self.most
    }

    pub fn has(&self, name: &str) -> bool {
        self.open().streams.contains_key(name)
    }

    /// Names a stream. One of the same name ends.
    pub fn add(&self, name: String, texts: impl Stream<Item = String> + Send + 'static) -> BoxStream<'static, String> {
        let (handle, registration) = AbortHandle::new_pair();
        let mut open = self.open();
        open.count = open.count.saturating_add(1);
        let number = open.count;
        if let Some((_, other)) = open.streams.insert(name.clone(), (number, handle)) {
            other.abort();
        }
        drop(open);
        let place = Place { listeners: self.clone(), name, number };
        let texts = texts.map(move |text| {
            let _kept_until_the_end = &place;
            text
        });
        Abortable::new(texts, registration).boxed()
    }

    /// Ends a stream. False when there is none of this name.
    pub fn end(&self, name: &str) -> bool {
        self.open().streams.remove(name).inspect(|(_, handle)| handle.abort()).is_some()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.listeners.open();
        if open.streams.get(&self.name).is_some_and(|(number, _)| *number == self.number) {
            open.streams.remove(&self.name);
        }
    }
}
