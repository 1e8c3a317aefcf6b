//! Whose calls are counted together.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use procedures::Bucket;
use sha2::{Digest, Sha256};

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A user, by id.
    User(String),
    /// Callers without a known user at one [`network`]; None for the unix socket.
    Address(Option<IpAddr>),
    /// The API tokens from one [`network`] that turned out to be invalid. They have a limit of their own, so that other
    /// calls without a user don't keep valid tokens from being looked up.
    Guesses(Option<IpAddr>),
}

impl Key {
    /// The key of a caller's bucket in a store: a digest, so that a store outside the database shows nobody at a glance. Whoever tries
    /// all addresses finds those in it.
    pub fn digest(&self, bucket: Bucket) -> String {
        let (kind, who) = match self {
            Self::User(id) => ("user", id.clone()),
            Self::Address(address) => ("address", address.map(|address| address.to_string()).unwrap_or_default()),
            Self::Guesses(address) => ("guesses", address.map(|address| address.to_string()).unwrap_or_default()),
        };
        BASE64URL_NOPAD.encode(&Sha256::digest(format!("{} {kind} {who}", bucket.as_str())))
    }
}

/// The key of a caller whose user is known, by user id.
pub fn user_key(id: &str) -> Key {
    Key::User(id.to_owned())
}

/// The key of any other caller, by address; None for the unix socket.
pub fn address_key(address: Option<IpAddr>) -> Key {
    Key::Address(address.map(network))
}

/// What counts as one address: an IPv4 address, also one that is written as IPv6, or the /64 of an IPv6 address, because
/// a single host can choose any address of its /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_and_the_64_of_an_ipv6_address_count_as_one() {
        let networks = [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("::1", "::"),
        ];
        for (address, expected) in networks {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
        }
    }

    #[test]
    fn a_digest_names_bucket_and_caller_and_tells_neither() {
        let at = Some("192.0.2.1".parse().unwrap());
        let keys = [user_key("ann"), user_key("192.0.2.1"), address_key(at), Key::Guesses(at), address_key(None)];
        let mut digests: Vec<String> = [Bucket::READ, Bucket::WRITE]
            .iter()
            .flat_map(|bucket| keys.iter().map(|key| key.digest(*bucket)))
            .collect();
        assert!(digests.iter().all(|digest| digest.len() == 43));
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 10);
    }
}
