//! Who gets a connection: so many in all, so many for one address, and beyond these a small reserve for health checks.

use std::{collections::VecDeque, sync::Arc};

use futures_util::future::{AbortHandle, AbortRegistration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    config::TrustedProxy,
    http::{Addresses, Counted, Peer},
};

/// Connections of the reserve. The oldest is closed for a new one, so a crowd can't keep a health check out: it would
/// have to open this many connections while the check is answered.
const RESERVE: usize = 256;

/// The places for connections.
pub(super) struct Places {
    free: Arc<Semaphore>,
    addresses: Addresses,
    proxies: Vec<TrustedProxy>,
    reserve: Arc<Semaphore>,
    /// The connections of the reserve, the oldest first.
    reserved: VecDeque<AbortHandle>,
}

/// A place, which is free again when this is dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: Option<Counted>,
}

/// A connection of the reserve.
pub(super) struct Reserved {
    /// Tells it to end.
    pub aborted: AbortRegistration,
    /// Its place, to be dropped when its file is closed.
    pub permit: OwnedSemaphorePermit,
}

impl Places {
    /// So many places in all. Connections from trusted proxies and over a unix socket are those of many clients, so they
    /// don't count by address.
    pub(super) fn new(connections: usize, addresses: Addresses, proxies: Vec<TrustedProxy>) -> Self {
        let free = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        let reserve = Arc::new(Semaphore::new(RESERVE));
        Self { free, addresses, proxies, reserve, reserved: VecDeque::with_capacity(RESERVE) }
    }

    /// A place for a connection from `peer`; None if there is none left.
    pub(super) fn take(&self, peer: Peer) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let counted = match peer.address().filter(|_| !peer.is_trusted(&self.proxies)) {
            Some(address) => Some(self.addresses.take(address)?),
            None => None,
        };
        Some(Place { _permit: permit, _counted: counted })
    }

    /// Admits a connection to the reserve. If that is full, ends the oldest one and waits until its file is closed: a crowd
    /// must not use up the open files.
    pub(super) async fn reserve(&mut self) -> Option<Reserved> {
        if self.reserved.len() >= RESERVE
            && let Some(oldest) = self.reserved.pop_front()
        {
            // Without effect on one that has ended.
            oldest.abort();
        }
        let permit = Arc::clone(&self.reserve).acquire_owned().await.ok()?;
        let (newest, aborted) = AbortHandle::new_pair();
        self.reserved.push_back(newest);
        Some(Reserved { aborted, permit })
    }
}
