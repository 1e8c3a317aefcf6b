//! Web pages that may call: those of the configured origins and those of this server. Clients other than browsers send
//! no `Origin` header and are not restricted.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use std::{sync::Arc, time::Duration};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::{Origin, Settings};

/// The origins that may call, besides this server's own.
pub struct Origins(Vec<Origin>);

impl Origins {
    /// The origins of `APP_URL` and `ALLOWED_ORIGINS`.
    pub fn new(settings: &Settings) -> Self {
        Self(settings.app_url.iter().chain(&settings.allowed_origins).cloned().collect())
    }

    /// Whether a request with these headers may proceed: its origin is allowed or missing.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        headers.get(header::ORIGIN).is_none_or(|origin| self.allows(origin, headers))
    }

    fn allows(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        let own = || {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host)))
        };
        self.0.iter().any(|allowed| allowed.as_str() == origin) || own()
    }
}

/// Cross-origin resource sharing (CORS) for the allowed origins, including preflight requests.
pub fn cors(origins: &Arc<Origins>) -> CorsLayer {
    let origins = Arc::clone(origins);
    let allowed = move |origin: &HeaderValue, parts: &Parts| origins.allows(origin, &parts.headers);
    let exposed = ["x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"];
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST])
        // Pages of an allowed origin may send any header: tRPC clients send `trpc-accept`, old frontends
        // `x-trpc-source`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600))
}
