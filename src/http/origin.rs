//! Which web pages may call: those of configured origins and our own. Clients other than browsers send no `Origin`.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use std::{sync::Arc, time::Duration};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::{Origin, Settings};

/// The origins that may call, besides our own.
pub struct Origins(Vec<Origin>);

impl Origins {
    /// The configured ones.
    pub fn new(settings: &Settings) -> Self {
        Self(settings.app_url.iter().chain(&settings.allowed_origins).cloned().collect())
    }

    /// Whether a request with these headers may proceed.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        headers.get(header::ORIGIN).is_none_or(|origin| self.knows(origin, headers))
    }

    fn knows(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        let own = || {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host)))
        };
        self.0.iter().any(|allowed| allowed.as_str() == origin) || own()
    }
}

/// Cross-origin resource sharing for the allowed origins, preflights included.
pub fn cors(origins: &Arc<Origins>) -> CorsLayer {
    let origins = Arc::clone(origins);
    let known = move |origin: &HeaderValue, parts: &Parts| origins.knows(origin, &parts.headers);
    let exposed = ["x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"];
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(known))
        .allow_methods([Method::GET, Method::POST])
        // Clients of an allowed origin may send any header: tRPC's send `trpc-accept`, old frontends `x-trpc-source`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600))
}
