//! Whether the database has lately refused to write, as with a full disk. A probe that changes nothing may succeed then.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::url::DatabaseUrl;
use crate::error::{Error, NO_WRITES, Result};

/// For how long a refused write counts, unless a later one succeeds.
const MEMORY: Duration = Duration::from_secs(10);

/// The last write that the database refused.
#[derive(Debug)]
pub(super) struct Refusals {
    last: Mutex<Option<Instant>>,
    /// Whether a commit of unknown outcome counts as well.
    unknown: bool,
}

impl Refusals {
    /// None yet. On SQLite a commit that failed counts as well: it could not write.
    pub fn of(url: &DatabaseUrl) -> Self {
        Self { last: Mutex::new(None), unknown: url.sqlite_path().is_some() }
    }

    /// Remembers how a write has ended.
    pub fn note<T>(&self, written: &Result<T>) {
        match written {
            Err(Error::Unavailable { reason, .. }) if reason == NO_WRITES => *self.last() = Some(Instant::now()),
            Err(Error::OutcomeUnknown) if self.unknown => *self.last() = Some(Instant::now()),
            Ok(_) => *self.last() = None,
            Err(_) => {}
        }
    }

    /// Whether a write was refused, and none has succeeded since.
    pub fn are_recent(&self) -> bool {
        self.last().is_some_and(|at| at.elapsed() < MEMORY)
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        // Nothing panics while it holds the lock.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
