//! What the server knows of a client from the request: request id, address, bearer token.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use procedures::trpc::ConnectionParams;
use uuid::Uuid;

use crate::{
    auth::{Authenticator, Credential},
    config::TrustedProxy,
};

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP connection from this address.
    Address(IpAddr),
    /// A connection over a unix socket.
    UnixSocket,
}

impl Peer {
    /// The IP address; None on a unix socket.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address.to_canonical()),
            Self::UnixSocket => None,
        }
    }

    /// Whether the peer is a trusted proxy.
    pub fn is_trusted(self, trusted: &[TrustedProxy]) -> bool {
        is_trusted(self.address(), trusted)
    }
}

/// The value of a header of W3C Trace Context. Lines of the same name are joined, which makes a repeated `traceparent` invalid.
pub fn trace_context(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// The value of `X-Request-Id` if it is a UUID, otherwise a new UUID.
pub fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    given.and_then(|text| Uuid::try_parse(text).ok()).unwrap_or_else(Uuid::new_v4).to_string()
}

/// The address of the client: that of the peer or, if the peer is a trusted proxy, the last address in
/// `X-Forwarded-For`, or else in `Forwarded`, that is not a trusted proxy. None for a unix socket without such an address.
pub fn address(peer: Peer, headers: &HeaderMap, trusted: &[TrustedProxy]) -> Option<IpAddr> {
    let mut nearest = peer.address();
    if !peer.is_trusted(trusted) {
        return nearest;
    }
    for hop in hops(headers) {
        let Some(hop) = hop_address(hop) else { break };
        nearest = Some(hop.to_canonical());
        if !is_trusted(nearest, trusted) {
            break;
        }
    }
    nearest
}

/// What the proxies say who sent them the request, the last one first.
fn hops(headers: &HeaderMap) -> Vec<&str> {
    let values = |name: HeaderName| {
        let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
        // A client may have sent anything before the proxy added its part.
        let hops = lines.into_iter().rev().flat_map(|list| list.rsplit(|byte| *byte == b','));
        hops.map(|hop| str::from_utf8(hop).unwrap_or_default())
    };
    if headers.contains_key("x-forwarded-for") {
        return values(HeaderName::from_static("x-forwarded-for")).collect();
    }
    values(header::FORWARDED).map(forwarded_for).collect()
}

/// The `for` parameter of an element of `Forwarded` (RFC 7239 §4); empty when there is none.
fn forwarded_for(element: &str) -> &str {
    let mut parameters = element.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    parameters.find(|(name, _)| name.eq_ignore_ascii_case("for")).map_or("", |(_, value)| value.trim_matches('"'))
}

/// An address as proxies write it: with or without a port, and IPv6 in brackets or not. None for `unknown` and for what a
/// proxy hides.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

fn is_trusted(address: Option<IpAddr>, trusted: &[TrustedProxy]) -> bool {
    trusted.iter().any(|proxy| match (proxy, address) {
        (TrustedProxy::Network(network), Some(address)) => network.contains(&address),
        (TrustedProxy::UnixSocket, None) => true,
        _ => false,
    })
}

/// The bearer token of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Bearer<'a> {
    /// The request has none.
    Absent,
    /// The token, not yet verified.
    Token(&'a str),
    /// The header has another scheme, occurs more than once or is not text.
    Unreadable,
}

impl<'a> Bearer<'a> {
    /// Reads the value of an `Authorization` header. The scheme is case-insensitive (RFC 9110 §11.1).
    fn parse(value: &'a str) -> Self {
        match value.trim().split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Self::Token(token.trim()),
            _ => Self::Unreadable,
        }
    }

    /// Verifies the token as far as possible without the database.
    pub async fn authenticate(self, authenticator: &Authenticator) -> Credential {
        match self {
            Self::Absent => Credential::Anonymous,
            Self::Token(token) => authenticator.authenticate(Some(token)).await,
            Self::Unreadable => Credential::Rejected("Write the header as: Authorization: Bearer <token>."),
        }
    }
}

/// The bearer token in tRPC's `connectionParams`: `token`, else `authorization` as in the header.
pub fn param_bearer(params: &ConnectionParams) -> Bearer<'_> {
    match (params.get("token"), params.get("authorization")) {
        (Some(token), _) => Bearer::Token(token),
        (None, Some(value)) => Bearer::parse(value),
        (None, None) => Bearer::Absent,
    }
}

/// The bearer token in the `Authorization` header (RFC 6750 §2.1).
pub fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (None, _) => Bearer::Absent,
        (Some(Ok(value)), None) => Bearer::parse(value),
        _ => Bearer::Unreadable,
    }
}
