//! The cookie of a browser that is signed in to the explorer: the secret of its session. Only pages of this very server can use
//! it, not those of `APP_URL` and `ALLOWED_ORIGINS`.

use http::{HeaderMap, HeaderValue, header};

use super::cookies::cookies;
use crate::{
    auth::{ConsoleSecret, Credential},
    models::session::LONGEST,
};

/// Its name on a page with TLS. A browser takes it from this very host only (RFC 6265bis §4.1.3.2).
const SECURE: &str = "__Host-clusterdesk-session";
/// Its name on a page without TLS.
const PLAIN: &str = "clusterdesk-session";

/// The secret in the cookies of a request, not yet verified. A request with an `Origin` of a page with TLS does not use a cookie that a
/// page without TLS could have planted; a browser sends no `Origin` with a GET to the same origin.
pub fn read(headers: &HeaderMap) -> Option<&str> {
    let cookies = cookies(headers);
    let named = |name: &str| cookies.iter().find(|(cookie, _)| *cookie == name).map(|(_, value)| *value);
    named(SECURE).or_else(|| named(PLAIN).filter(|_| !has_tls(headers)))
}

/// Whether the secret that [`read`] finds is in a cookie that only a page with TLS of this very host can have set.
pub fn is_bound(headers: &HeaderMap) -> bool {
    cookies(headers).iter().any(|(cookie, _)| *cookie == SECURE)
}

/// The credential of a cookie's value.
pub fn credential(value: &str) -> Credential {
    let secret = ConsoleSecret::parse(value);
    secret.map_or(Credential::Rejected(UNREADABLE), |secret| Credential::Session(secret.hash()))
}

const UNREADABLE: &str = "The cookie of this session can't be read. Sign in again.";

/// The header that gives the browser of a request its session.
pub fn set(headers: &HeaderMap, secret: &ConsoleSecret) -> Option<HeaderValue> {
    give(has_tls(headers), secret)
}

/// The header that gives a browser its session, for a page with or without TLS.
pub fn give(has_tls: bool, secret: &ConsoleSecret) -> Option<HeaderValue> {
    value(has_tls, secret.expose(), LONGEST.as_secs())
}

/// The header that takes it away.
pub fn clear(headers: &HeaderMap) -> Option<HeaderValue> {
    value(has_tls(headers), "", 0)
}

fn value(has_tls: bool, value: &str, seconds: u64) -> Option<HeaderValue> {
    let (name, secure) = if has_tls { (SECURE, "; Secure") } else { (PLAIN, "") };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

/// Whether the page that made a request came over TLS, by its `Origin`: the server itself does not know, behind a proxy.
fn has_tls(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}
