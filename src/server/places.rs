//! Who gets a connection: so many in all, so many for one address, and beyond these a small reserve for health checks.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{AbortHandle, AbortRegistration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{config::TrustedProxy, http::Peer};

/// Connections of the reserve. The oldest is closed for a new one, so a crowd can't keep a health check out: it would
/// have to open this many connections while the check is answered.
const RESERVE: usize = 256;
/// The bits of an IPv6 address that belong to the network. A client usually has all addresses of a /64.
const NETWORK: u128 = u128::MAX << 64;

/// The places for connections.
pub(super) struct Places {
    free: Arc<Semaphore>,
    per_address: usize,
    proxies: Vec<TrustedProxy>,
    taken: Arc<Taken>,
    reserve: VecDeque<AbortHandle>,
}

/// Connections by address.
#[derive(Default)]
struct Taken(Mutex<HashMap<IpAddr, usize>>);

/// A place, which is free again when this is dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: Option<Counted>,
}

/// A connection that counts for its address.
struct Counted {
    taken: Arc<Taken>,
    address: IpAddr,
}

impl Places {
    /// So many places in all, and so many for each address; 0 for no limit by address. Connections from trusted proxies
    /// and over a unix socket are those of many clients, so they don't count by address.
    pub(super) fn new(connections: usize, per_address: usize, proxies: Vec<TrustedProxy>) -> Self {
        let free = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        Self { free, per_address, proxies, taken: Arc::default(), reserve: VecDeque::with_capacity(RESERVE) }
    }

    /// A place for a connection from `peer`; None if there is none left.
    pub(super) fn take(&self, peer: Peer) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let address = peer.address().filter(|_| self.per_address > 0 && !peer.is_trusted(&self.proxies));
        let counted = match address.map(network) {
            Some(address) => Some(Counted::new(&self.taken, address, self.per_address)?),
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

impl Counted {
    /// None when the address has `limit` connections already.
    fn new(taken: &Arc<Taken>, address: IpAddr, limit: usize) -> Option<Self> {
        let mut by_address = taken.lock();
        let count = by_address.entry(address).or_default();
        if *count >= limit {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Self { taken: Arc::clone(taken), address })
    }
}

impl Taken {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut by_address = self.taken.lock();
        if let Some(count) = by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address @ IpAddr::V4(_) => address,
    }
}
