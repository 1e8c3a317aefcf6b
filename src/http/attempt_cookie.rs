//! The cookie of a browser that is on its way to the identity provider and back. It is SameSite=Lax, because a page of the provider
//! sends the browser back.

use http::{HeaderMap, HeaderValue};

use super::cookies::cookies;
use crate::{
    auth::{Attempt, IdentityProvider},
    db::Timestamp,
};

/// Its name where the explorer has TLS. A browser takes it from this very host only (RFC 6265bis §4.1.3.2), so that no other page can
/// plant an attempt of somebody else. Such a cookie can't be limited to a path.
const SECURE: &str = "__Host-clusterdesk-sign-in";
/// Its name where the explorer has no TLS.
const PLAIN: &str = "clusterdesk-sign-in";

/// The attempt in the cookies of a request, if there is one that is not over.
pub fn read(headers: &HeaderMap, provider: &IdentityProvider, now: Timestamp) -> Option<Attempt> {
    let name = if provider.has_tls() { SECURE } else { PLAIN };
    let cookies = cookies(headers);
    let (_, value) = cookies.iter().find(|(cookie, _)| *cookie == name)?;
    Attempt::read(value, now)
}

/// The header that gives the browser its attempt.
pub fn set(attempt: &Attempt, provider: &IdentityProvider) -> Option<HeaderValue> {
    value(attempt.cookie(), Attempt::seconds(), provider)
}

/// The header that takes it away.
pub fn clear(provider: &IdentityProvider) -> Option<HeaderValue> {
    value("", 0, provider)
}

fn value(value: &str, seconds: u64, provider: &IdentityProvider) -> Option<HeaderValue> {
    let (name, path, secure) = match provider.has_tls() {
        true => (SECURE, "/", "; Secure"),
        false => (PLAIN, provider.path(), ""),
    };
    let text = format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).ok()
}
