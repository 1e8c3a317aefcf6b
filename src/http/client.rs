//! Who is at the other end: request id, address and token of a request.

use std::{collections::BTreeMap, net::IpAddr};

use http::{HeaderMap, header};
use uuid::Uuid;

use crate::{
    auth::{Authenticator, Credential},
    config::TrustedProxy,
    error::{Error, Result},
};

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Address(IpAddr),
    UnixSocket,
}

/// The caller's `X-Request-Id` when it is a UUID, else a new one.
pub fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    given.and_then(|text| Uuid::try_parse(text).ok()).unwrap_or_else(Uuid::new_v4).to_string()
}

/// Where a request comes from: the peer, or, behind trusted proxies, the last address in `X-Forwarded-For` that none
/// of them added. None on a unix socket without such an address.
pub fn address(peer: Peer, headers: &HeaderMap, trusted: &[TrustedProxy]) -> Option<IpAddr> {
    let peer_address = match peer {
        Peer::Address(address) => Some(address.to_canonical()),
        Peer::UnixSocket => None,
    };
    if !is_trusted(peer_address, trusted) {
        return peer_address;
    }
    let mut nearest = peer_address;
    let lists = headers.get_all("x-forwarded-for").iter().filter_map(|list| list.to_str().ok()).collect::<Vec<_>>();
    for hop in lists.iter().rev().flat_map(|list| list.rsplit(',')) {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        nearest = Some(hop.to_canonical());
        if !is_trusted(nearest, trusted) {
            break;
        }
    }
    nearest
}

fn is_trusted(address: Option<IpAddr>, trusted: &[TrustedProxy]) -> bool {
    trusted.iter().any(|proxy| match (proxy, address) {
        (TrustedProxy::Network(network), Some(address)) => network.contains(&address),
        (TrustedProxy::UnixSocket, None) => true,
        _ => false,
    })
}

/// What an `Authorization` header holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Bearer<'a> {
    Absent,
    Token(&'a str),
    /// Another scheme, or no text.
    Unreadable,
}

impl<'a> Bearer<'a> {
    /// The scheme's name has no case (RFC 9110 §11.1).
    fn parse(value: &'a str) -> Self {
        match value.trim().split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Self::Token(token.trim()),
            _ => Self::Unreadable,
        }
    }

    pub async fn authenticate(self, authenticator: &Authenticator) -> Credential {
        match self {
            Self::Absent => Credential::Anonymous,
            Self::Token(token) => authenticator.authenticate(Some(token)).await,
            Self::Unreadable => Credential::Rejected("Write the header as: Authorization: Bearer <token>."),
        }
    }
}

/// tRPC's `connectionParams`, for clients that can't set headers.
#[derive(Debug, Default)]
pub struct ConnectionParams(BTreeMap<String, String>);

impl ConnectionParams {
    /// Reads JSON: an object of strings, or null.
    ///
    /// # Errors
    /// PARSE_ERROR.
    pub fn read(json: &str) -> Result<Self> {
        let params: Option<BTreeMap<String, String>> = serde_json::from_str(json).map_err(|_why| Error::Parse)?;
        Ok(Self(params.unwrap_or_default()))
    }

    /// Their `token`; else `authorization`, which is as in the header.
    pub fn bearer(&self) -> Bearer<'_> {
        let find = |wanted: &str| self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        match (find("token"), find("authorization")) {
            (Some((_, token)), _) => Bearer::Token(token),
            (None, Some((_, value))) => Bearer::parse(value),
            (None, None) => Bearer::Absent,
        }
    }
}

/// The bearer token of a request (RFC 6750 §2.1).
pub fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (None, _) => Bearer::Absent,
        (Some(Ok(value)), None) => Bearer::parse(value),
        _ => Bearer::Unreadable,
    }
}
