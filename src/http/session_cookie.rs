//! Sign-in by cookie: a JWT in a cookie that `SESSION_COOKIES` names counts as a bearer token if the request has no other, and
//! without a valid one the session of the explorer. A browser also sends cookies with requests that pages of other sites make, so
//! what such a page could do is refused.

use http::{HeaderMap, HeaderValue, Method, header};
use procedures::{Code, Error, Result};

use super::{
    client::{Bearer, bearer},
    console_cookie,
    cookies::cookies,
    origin::Origins,
    response::Response,
};
use crate::{
    auth::{Authenticator, Credential},
    config::CookieName,
};

/// Most cookies of a request that are tried.
const TRIED: usize = 4;

/// The cookies that may carry a session's JWT.
pub struct SessionCookies(Vec<CookieName>);

impl SessionCookies {
    /// The cookies with these names.
    pub fn new(names: &[CookieName]) -> Self {
        Self(names.to_vec())
    }

    /// Whether there are any, so that pages of other origins may send their cookies.
    pub fn are_accepted(&self) -> bool {
        !self.0.is_empty()
    }

    /// The credential in the cookies of a request without another token. Clerk's SDK leaves the cookies of several
    /// applications in one browser, so the first valid one counts.
    ///
    /// # Errors
    /// FORBIDDEN when a page of another site may have made the browser send this request.
    pub async fn authenticate(
        &self,
        authenticator: &Authenticator,
        origins: &Origins,
        (method, headers): (&Method, &HeaderMap),
    ) -> Result<Credential> {
        let (tokens, session) = (self.tokens(headers), console_cookie::read(headers));
        if tokens.is_empty() && session.is_none() {
            return Ok(Credential::Anonymous);
        }
        let only_reads = matches!(*method, Method::GET | Method::HEAD) && !headers.contains_key(header::UPGRADE);
        if !only_reads && !origins.vouch_for(headers) {
            return Err(Error::new(Code::Forbidden, CROSS_SITE));
        }
        let mut best = Credential::Anonymous;
        for token in tokens {
            match (authenticator.authenticate_session(token).await, &best) {
                (valid @ Credential::Jwt(_), _) => return Ok(valid),
                // It may be valid.
                (unverifiable @ Credential::Unverifiable, _) => best = unverifiable,
                (other, Credential::Anonymous) => best = other,
                _ => {}
            }
        }
        // A page that is only listed does not get the session of an admin.
        let session = session.filter(|_| origins.is_own_page(headers, only_reads));
        Ok(session.map_or(best, console_cookie::credential))
    }

    /// The values of the named cookies, in the order of the settings.
    fn tokens<'h>(&self, headers: &'h HeaderMap) -> Vec<&'h str> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let cookies = cookies(headers);
        let named = self.0.iter().flat_map(|name| cookies.iter().filter(|(cookie, _)| name.matches(cookie)));
        let mut values: Vec<_> =
            named.map(|(_, value)| value.trim_matches('"')).filter(|value| !value.is_empty()).collect();
        // Those that look like a JWT first: a page of a subdomain can plant others.
        values.sort_by_key(|value| value.split('.').count() != 3);
        values.truncate(TRIED);
        values
    }

    /// The response to a call, with what caches must know: it depends on the cookies, and is one user's if they decided.
    pub fn mark(&self, mut response: Response, by_cookie: bool) -> Response {
        if self.are_accepted() || by_cookie {
            response.headers_mut().append(header::VARY, HeaderValue::from_static("cookie"));
        }
        if by_cookie {
            let headers = response.headers_mut();
            let rules = headers.get(header::CACHE_CONTROL).and_then(|rules| rules.to_str().ok()).unwrap_or("no-store");
            if let Ok(private) = HeaderValue::from_str(&format!("private, {rules}")) {
                headers.insert(header::CACHE_CONTROL, private);
            }
        }
        response
    }

    /// Whether the cookies of a request decide who its sender is.
    pub fn decide(&self, headers: &HeaderMap) -> bool {
        bearer(headers) == Bearer::Absent
            && (!self.tokens(headers).is_empty() || console_cookie::read(headers).is_some())
    }
}

const CROSS_SITE: &str = "A session cookie counts only with the Origin of a page that may call (APP_URL, ALLOWED_ORIGINS). \
                          Programs send the token as Authorization: Bearer <token>.";
