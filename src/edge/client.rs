//! Who is at the other end: request id, address and token of a request.

use std::{collections::HashMap, net::IpAddr};

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

impl Bearer<'_> {
    pub async fn authenticate(self, authenticator: &Authenticator) -> Credential {
        match self {
            Self::Absent => Credential::Anonymous,
            Self::Token(token) => authenticator.authenticate(Some(token)).await,
            Self::Unreadable => Credential::Rejected("Write the header as: Authorization: Bearer <token>."),
        }
    }
}

/// The token in tRPC's `connectionParams` (JSON, or null), for clients that can't set headers: `token`, or `authorization`
/// as the header would have it.
///
/// # Errors
/// PARSE_ERROR for what is no object of strings.
pub fn connection_token(params: &str) -> Result<Option<String>> {
    let params: Option<HashMap<String, String>> = serde_json::from_str(params).map_err(|_why| Error::Parse)?;
    let token = params.into_iter().flatten().find_map(|(name, value)| match name.to_ascii_lowercase().as_str() {
        "token" => Some(value),
        "authorization" => {
            Some(value.split_once(' ').map_or(value.clone(), |(_scheme, token)| token.trim().to_owned()))
        }
        _ => None,
    });
    Ok(token)
}

/// The bearer token of a request (RFC 6750 §2.1). The scheme's name has no case (RFC 9110 §11.1).
pub fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Bearer::Absent };
    let parts = value.to_str().ok().and_then(|text| text.trim().split_once(' '));
    match parts {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && values.next().is_none() => {
            Bearer::Token(token.trim())
        }
        _ => Bearer::Unreadable,
    }
}
