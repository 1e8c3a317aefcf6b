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
    reserve: VecDeque<AbortHandle>,
}

/// A place, which is free again when this is dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: Option<Counted>,
}

impl Places {
    /// So many places in all. Connections from trusted proxies and over a unix socket are those of many clients, so they
    /// don't count by address.
    pub(super) fn new(connections: usize, addresses: Addresses, proxies: Vec<TrustedProxy>) -> Self {
        let free = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        Self { free, addresses, proxies, reserve: VecDeque::with_capacity(RESERVE) }
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

    /// Admits a connection to the reserve. It must end when it is aborted.
    pub(super) fn reserve(&mut self) -> AbortRegistration {
        if self.reserve.len() >= RESERVE
            && let Some(oldest) = self.reserve.pop_front()
        {
            // Without effect on one that has ended.
            oldest.abort();
        }
        let (newest, registration) = AbortHandle::new_pair();
        self.reserve.push_back(newest);
        registration
    }
}
