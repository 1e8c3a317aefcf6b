//! The memory that messages may occupy: a budget for a whole server, and the share of one message in it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Code, Error, Result};

/// Bytes of a message and its answers that are not counted: small messages are always served.
const FREE: usize = 16 * 1024;
/// The part of the budget that is for strangers, who may use nothing else.
const STRANGERS: usize = 4;
/// When a client that was refused for lack of memory should try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bytes that the messages of all connections may occupy, arriving and leaving. Clones share them.
///
/// A quarter is for strangers, whose credential was not verified, so that they can't take the memory that others need.
///
/// ```
/// use procedures::{Budget, Code};
///
/// let budget = Budget::new(1024 * 1024);
/// let message = budget.share(false);
/// message.hold(200_000)?;
/// let refusal = budget.share(false).hold(200_000).unwrap_err();
/// assert_eq!(refusal.code, Code::ServiceUnavailable);
/// drop(message);
/// budget.share(false).hold(200_000)?;
/// # Ok::<(), procedures::Error>(())
/// ```
#[derive(Clone)]
pub struct Budget {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    connection: Option<Arc<Semaphore>>,
}

/// What one message and its answers occupy. Clones are the same share; it is given back when the last one is dropped. The
/// default share is unlimited.
#[derive(Clone, Default)]
pub struct Share(Option<Arc<Holding>>);

struct Holding {
    pools: Vec<Arc<Semaphore>>,
    tally: Mutex<Tally>,
}

#[derive(Default)]
struct Tally {
    bytes: usize,
    reserved: usize,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        let strangers = bytes / STRANGERS;
        let pool = |bytes: usize| Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)));
        Self { known: pool(bytes.saturating_sub(strangers)), strangers: pool(strangers), connection: None }
    }

    /// The same budget for the messages of one connection, which may occupy at most `bytes` of it.
    #[must_use]
    pub fn of_connection(&self, bytes: usize) -> Self {
        let connection = Semaphore::new(bytes.min(Semaphore::MAX_PERMITS));
        Self { connection: Some(Arc::new(connection)), ..self.clone() }
    }

    /// The share of a message that begins to arrive, from a client who is known or a stranger.
    pub fn share(&self, is_known: bool) -> Share {
        let pool = if is_known { &self.known } else { &self.strangers };
        let pools = [Some(pool), self.connection.as_ref()].into_iter().flatten().cloned().collect();
        Share(Some(Arc::new(Holding { pools, tally: Mutex::default() })))
    }

    /// Bytes that the connection may still occupy.
    pub(crate) fn left_of_connection(&self) -> usize {
        self.connection.as_ref().map_or(usize::MAX, |pool| pool.available_permits())
    }
}

impl Share {
    /// Reserves so many bytes more.
    ///
    /// # Errors
    /// SERVICE_UNAVAILABLE when the budget does not allow it.
    pub fn hold(&self, bytes: usize) -> Result<()> {
        let Some(Holding { pools, tally }) = self.0.as_deref() else { return Ok(()) };
        // Nothing panics while it holds the lock.
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        let total = tally.bytes.saturating_add(bytes);
        let missing = total.saturating_sub(FREE).saturating_sub(tally.reserved);
        if missing > 0 {
            let permits = pools.iter().map(|pool| reserve(pool, missing)).collect::<Result<Vec<_>>>()?;
            tally.add(permits);
            tally.reserved = tally.reserved.saturating_add(missing);
        }
        tally.bytes = total;
        Ok(())
    }

    /// The bytes of a text, which keep the share until they are written.
    pub fn keep(self, text: String) -> Bytes {
        if self.is_small() { text.into() } else { Bytes::from_owner(Kept { text, _share: self }) }
    }

    fn is_small(&self) -> bool {
        let tally = self.0.as_deref().map(|holding| &holding.tally);
        tally.is_none_or(|tally| tally.lock().unwrap_or_else(PoisonError::into_inner).reserved == 0)
    }
}

/// A text with its share.
struct Kept {
    text: String,
    _share: Share,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Tally {
    /// One permit for each pool.
    fn add(&mut self, permits: Vec<OwnedSemaphorePermit>) {
        if self.permits.is_empty() {
            self.permits = permits;
        } else {
            self.permits.iter_mut().zip(permits).for_each(|(held, more)| held.merge(more));
        }
    }
}

/// SERVICE_UNAVAILABLE for lack of memory.
pub fn exhausted() -> Error {
    let busy = Error::new(Code::ServiceUnavailable, "The server is handling too many large messages. Try again.");
    busy.retry_after(RETRY_AFTER)
}

fn reserve(pool: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Arc::clone(pool).try_acquire_many_owned(bytes).ok().ok_or_else(exhausted)
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Budget")
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Share")
    }
}
