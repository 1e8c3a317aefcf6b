//! Tells waiting tasks that something was committed.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::watch;

use super::listen;
use crate::config::Secret;

/// Wakes the tasks that wait for commits. Clones share one state.
#[derive(Clone)]
pub(super) struct Commits(Arc<State>);

struct State {
    wake: watch::Sender<()>,
    /// The PostgreSQL server to listen to. None on SQLite, and behind a pooler.
    server: Option<Secret>,
    /// Whether the listener thread runs.
    is_listening: Mutex<bool>,
}

impl Commits {
    /// Where nobody else can be listened to: only this process announces commits.
    pub fn of_this_process() -> Self {
        Self::new(None)
    }

    /// For PostgreSQL at `url`: while a receiver exists, commits of other servers are announced too.
    pub fn of_postgres(url: Secret) -> Self {
        Self::new(Some(url))
    }

    fn new(server: Option<Secret>) -> Self {
        Self(Arc::new(State { wake: watch::Sender::new(()), server, is_listening: Mutex::new(false) }))
    }

    /// Wakes all receivers, after a commit of this process.
    pub fn announce(&self) {
        self.0.wake.send_replace(());
    }

    /// A receiver that changes after every commit. Starts the listener thread if there is a server to listen to.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        let mut is_listening = self.0.lock();
        let receiver = self.0.wake.subscribe();
        if let Some(url) = &self.0.server
            && !*is_listening
        {
            let (url, state) = (url.clone(), Arc::clone(&self.0));
            let started = thread::Builder::new()
                .name("db-listen".to_owned())
                .spawn(move || listen::run(&url, &state.wake, || state.is_wanted()));
            match started {
                Ok(_running) => *is_listening = true,
                // Readers still poll, as they do while the server is away.
                Err(error) => tracing::warn!(%error, "could not start the thread that listens for commits"),
            }
        }
        receiver
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, bool> {
        // Nothing panics while it holds the lock.
        self.is_listening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any receiver still exists. After a `false` the listener thread must end: the next receiver starts another.
    fn is_wanted(&self) -> bool {
        let mut is_listening = self.lock();
        *is_listening = self.wake.receiver_count() > 0;
        *is_listening
    }
}
