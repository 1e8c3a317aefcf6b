//! `Host`: every request names the server that it is for, once (RFC 9112 §3.2). A proxy in front that picks another one
//! of two names would apply its rules to another server than this one.

use http::{HeaderValue, Request, Version, header, uri::Authority};
use procedures::{Error, Result};

/// Checks the `Host` of a request. A target in absolute form names the host itself and replaces the header
/// (RFC 9112 §3.2.2). Only HTTP/1.0 allows that there is none.
///
/// # Errors
/// BAD_REQUEST when there is no host, more than one, or an invalid one.
pub fn check<B>(request: &mut Request<B>) -> Result<()> {
    let mut named = request.headers().get_all(header::HOST).iter();
    match (named.next(), named.next()) {
        (Some(_), Some(_)) => return Err(Error::invalid_request("there is more than one Host header")),
        (Some(host), None) if !is_valid(host) => return Err(Error::invalid_request("the Host header is invalid")),
        (None, _) if request.version() > Version::HTTP_10 => {
            return Err(Error::invalid_request("the Host header is missing"));
        }
        _ => {}
    }
    let Some(authority) = request.uri().authority() else { return Ok(()) };
    let is_http = request.uri().scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https"));
    match HeaderValue::from_str(authority.as_str()) {
        Ok(host) if is_http && is_valid(&host) => request.headers_mut().insert(header::HOST, host),
        _ => return Err(Error::invalid_request("the target is not an HTTP address")),
    };
    Ok(())
}

/// Whether a value is a host with an optional port (RFC 3986 §3.2).
fn is_valid(value: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(value.as_bytes()) else { return false };
    let (host, whole) = (authority.host(), authority.as_str());
    let port = match whole.strip_prefix(host) {
        Some("") => return !host.is_empty(),
        // Something before the host is a user.
        Some(rest) => rest.strip_prefix(':'),
        None => None,
    };
    let is_port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit()) && port.len() <= 5;
    !host.is_empty() && port.is_some_and(is_port)
}
