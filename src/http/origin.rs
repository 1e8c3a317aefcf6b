//! Web pages that may call: those of the configured origins and those of this server. Clients other than browsers send
//! no `Origin` header and are not restricted.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use procedures::IDEMPOTENCY_REPLAYED;
use std::{sync::Arc, time::Duration};
use tower_http::cors::{AllowCredentials, AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::{AllowedOrigin, Settings};

/// The origins that may call, besides this server's own.
pub struct Origins(Vec<AllowedOrigin>);

impl Origins {
    /// The origins of `APP_URL` and `ALLOWED_ORIGINS`.
    pub fn new(settings: &Settings) -> Self {
        let app = settings.app_url.iter().cloned().map(AllowedOrigin::from);
        Self(app.chain(settings.allowed_origins.iter().cloned()).collect())
    }

    /// Whether a request with these headers may proceed: its origin is allowed or missing.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        headers.get(header::ORIGIN).is_none_or(|origin| self.allows(origin, headers))
    }

    /// Whether no page of another site made a browser send this request: its origin is listed or, if it is this server's own
    /// or missing, the browser does not say otherwise (`Sec-Fetch-Site`, <https://www.w3.org/TR/fetch-metadata/>).
    pub fn vouch_for(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        origin.is_some_and(|origin| self.lists(origin)) || self.is_own_page(headers, false)
    }

    /// Whether a page of this very server made a browser send this request, not one that is listed. `unsaid` is the answer when
    /// the browser does not say it.
    pub fn is_own_page(&self, headers: &HeaderMap, unsaid: bool) -> bool {
        let site = headers.get("sec-fetch-site");
        match headers.get(header::ORIGIN).map(HeaderValue::to_str) {
            None => site.map_or(unsaid, |site| site == "same-origin" || site == "none"),
            Some(Ok(origin)) => {
                let is_own = is_own(origin, headers) && !self.lists_its_host(origin);
                is_own && site.is_none_or(|site| site == "same-origin")
            }
            Some(Err(_)) => false,
        }
    }

    /// Whether a page of this host is listed, with or without TLS: then this host has pages of an application too, and the server
    /// can't tell them from its own.
    pub fn lists_its_host(&self, origin: &str) -> bool {
        let host = origin.split_once("://").map_or(origin, |(_scheme, host)| host);
        ["http", "https"].iter().any(|scheme| self.lists(&format!("{scheme}://{host}")))
    }

    fn allows(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        origin.to_str().is_ok_and(|origin| self.lists(origin) || is_own(origin, headers))
    }

    fn lists(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed.matches(origin))
    }
}

/// Whether a page comes from this server, by whatever scheme.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host)))
}

/// Cross-origin resource sharing (CORS) for the allowed origins, including preflight requests. Those of the settings may also
/// send cookies if `with_cookies`.
pub fn cors(origins: &Arc<Origins>, with_cookies: bool) -> CorsLayer {
    let (origins, listed) = (Arc::clone(origins), Arc::clone(origins));
    let may_send_cookies =
        move |origin: &HeaderValue, _: &Parts| with_cookies && origin.to_str().is_ok_and(|origin| listed.lists(origin));
    let allowed = move |origin: &HeaderValue, parts: &Parts| origins.allows(origin, &parts.headers);
    let exposed = [
        "x-request-id",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "retry-after",
        IDEMPOTENCY_REPLAYED,
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_credentials(AllowCredentials::predicate(may_send_cookies))
        .allow_methods([Method::GET, Method::POST])
        // Pages of an allowed origin may send any header: tRPC clients send `trpc-accept`, old frontends
        // `x-trpc-source`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600))
}
