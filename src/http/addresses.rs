//! How many connections each client address has.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::kernel::limiter::network;

/// Connections by address. Clones share them.
#[derive(Clone)]
pub struct Addresses {
    limit: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that counts for its address until it is dropped.
pub struct Counted {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    /// At most `limit` connections for each address; 0 for no limit.
    pub fn new(limit: usize) -> Self {
        Self { limit, taken: Arc::default() }
    }

    /// Counts a connection from `address`. None when that has too many already.
    pub fn take(&self, address: IpAddr) -> Option<Counted> {
        let address = network(address);
        let mut taken = self.lock();
        let count = taken.entry(address).or_default();
        if self.limit > 0 && *count >= self.limit {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Counted { addresses: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing panics while it holds the lock.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut taken = self.addresses.lock();
        if let Some(count) = taken.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_counts_by_its_network_and_a_mapped_one_by_its_ipv4_address() {
        let addresses = Addresses::new(1);
        let take = |address: &str| addresses.take(address.parse().unwrap());
        let (one, two) = (take("2001:db8:0:1::1").unwrap(), take("192.0.2.1").unwrap());
        assert!(take("2001:db8:0:1:ffff::2").is_none());
        assert!(take("::ffff:192.0.2.1").is_none());
        assert!(take("2001:db8:0:2::1").is_some() && take("192.0.2.2").is_some());
        drop((one, two));
        assert!(addresses.lock().is_empty());
        assert!(take("2001:db8:0:1:ffff::2").is_some() && take("::ffff:192.0.2.1").is_some());
    }
}
