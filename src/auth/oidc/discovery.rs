//! What a provider says of itself (OpenID Connect Discovery): where the browser goes, where a code becomes a token, and its keys.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use oauth2::{AuthUrl, TokenUrl};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::auth::{
    jwks::{RemoteKeys, Timing},
    remote,
};

/// How long what it says is used before it is asked again.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Minimum time between two fetches of the keys.
const PAUSE: Duration = Duration::from_secs(1);
/// What messages call the keys.
const KEYS: &str = "the jwks_uri of OIDC_ISSUER";

/// The parts of the document that are used.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What a provider said.
pub(super) struct Endpoints {
    /// Where the browser goes.
    pub authorization: AuthUrl,
    /// Where a code becomes a token.
    pub token: TokenUrl,
    /// Whether the token endpoint wants the client's secret in the form and not in a header.
    pub secret_in_form: bool,
    /// The keys that sign ID tokens.
    pub keys: Arc<RemoteKeys>,
    keys_url: String,
}

/// Asks a provider, and remembers what it said.
pub(super) struct Discovery {
    issuer: String,
    url: Url,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Arc<Endpoints>>,
    known_since: Option<Instant>,
    /// How and when the last attempt failed, if it did.
    failed: Option<(Instant, String)>,
}

impl Discovery {
    /// Prepares to ask the issuer; it is not asked yet.
    ///
    /// # Errors
    /// The issuer is not a URL that may be used.
    pub(super) fn new(issuer: &str) -> Result<Self> {
        let base = remote::url(issuer)?;
        let is_plain = base.query().is_none() && base.fragment().is_none() && base.username().is_empty();
        ensure!(is_plain && base.password().is_none(), "must have neither a query nor a fragment nor a user");
        // OpenID Connect Discovery §4: below the issuer, whose path may end with a slash.
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')).parse()?;
        Ok(Self { issuer: issuer.to_owned(), url, state: Mutex::default() })
    }

    /// What the provider said, at most ten minutes ago unless it can't be asked again. Those who ask at the same time wait for one
    /// answer.
    ///
    /// # Errors
    /// It could not be asked, or what it says can't be used.
    pub(super) async fn current(&self, client: &Client) -> Result<Arc<Endpoints>> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        if let (Some(known), Some(since)) = (&state.known, state.known_since)
            && since.elapsed() < MAX_AGE
        {
            return Ok(Arc::clone(known));
        }
        // It failed while this one waited.
        if let Some((at, why)) = &state.failed
            && *at >= asked_at
        {
            return state.known.clone().ok_or_else(|| anyhow!("{why}"));
        }
        match self.ask(client, state.known.as_ref()).await {
            Ok(endpoints) => {
                let endpoints = Arc::new(endpoints);
                *state = State { known: Some(Arc::clone(&endpoints)), known_since: Some(Instant::now()), failed: None };
                Ok(endpoints)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), format!("{error:#}")));
                state.known.clone().ok_or(error)
            }
        }
    }

    async fn ask(&self, client: &Client, before: Option<&Arc<Endpoints>>) -> Result<Endpoints> {
        let document = remote::get(client, &self.url).await.context("the discovery document")?;
        let document: Document = serde_json::from_slice(&document).map_err(|error| {
            anyhow!(
                "the discovery document is not valid JSON or lacks a required member (line {}, column {})",
                error.line(),
                error.column()
            )
        })?;
        ensure!(document.issuer == self.issuer, "the discovery document names another issuer: {:?}", document.issuer);
        let endpoint = |name: &'static str, text: &str| -> Result<String> {
            let url = remote::url(text).context(name)?;
            // Only a provider of this machine may do without TLS.
            ensure!(url.scheme() == self.url.scheme() || url.scheme() == "https", "{name} must be https");
            Ok(url.into())
        };
        let methods = document.token_endpoint_auth_methods_supported.unwrap_or_default();
        let accepts = |method: &str| methods.iter().any(|accepted| accepted == method);
        let keys_url = endpoint("jwks_uri", &document.jwks_uri)?;
        let keys = match before.filter(|before| before.keys_url == keys_url) {
            Some(before) => Arc::clone(&before.keys),
            None => Arc::new(RemoteKeys::new(&keys_url, KEYS, timing())?),
        };
        Ok(Endpoints {
            authorization: AuthUrl::new(endpoint("authorization_endpoint", &document.authorization_endpoint)?)?,
            token: TokenUrl::new(endpoint("token_endpoint", &document.token_endpoint)?)?,
            secret_in_form: accepts("client_secret_post") && !accepts("client_secret_basic"),
            keys,
            keys_url,
        })
    }
}

/// Tokens come from the provider itself and only for a valid code, so nobody else can make the server fetch its keys in vain. The
/// pause is for those who have waited for a fetch that failed: without one, each would try again after the other.
fn timing() -> Timing {
    Timing { cooldown: PAUSE, first_retry: PAUSE, ..Timing::default() }
}
