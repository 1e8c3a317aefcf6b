//! A client of Stripe's API: form-encoded requests, JSON responses. Only three kinds of objects are created, so
//! async-stripe with its generated types would cost more than it saves.

use std::{fmt, time::Duration};

use anyhow::Context;
use reqwest::{RequestBuilder, Response, StatusCode, Url, redirect::Policy};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    breaker::Breaker,
    retry::{Failure, with_retries},
};
use crate::{config::Secret, error::Result};

const DEFAULT_BASE: &str = "https://api.stripe.com";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The fields of a request, nested ones in Stripe's notation: `line_items[0][price]`.
pub type Form = Vec<(String, String)>;

/// A client of Stripe's API.
pub struct StripeClient {
    http: reqwest::Client,
    base: Url,
    key: Secret,
    breaker: Breaker,
}

/// An object that was created at Stripe.
#[derive(Clone, Debug, Deserialize)]
pub struct Created {
    /// Stripe's id.
    pub id: String,
    /// The URL of a session, to which the browser is sent.
    pub url: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: Option<ErrorDetail>,
}

/// Stripe's description of an error, for the log only.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorDetail {
    r#type: String,
    code: String,
    param: String,
}

impl fmt::Debug for StripeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stripe client")
    }
}

impl StripeClient {
    /// Creates a client with a secret key. `base` replaces the URL of Stripe's API.
    ///
    /// # Errors
    /// `base` is not a URL, or neither https nor local.
    pub fn new(key: Secret, base: Option<&str>) -> anyhow::Result<Self> {
        let base: Url = base.unwrap_or(DEFAULT_BASE).parse().context("STRIPE_API_BASE: expected a URL")?;
        let is_local = matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        anyhow::ensure!(base.scheme() == "https" || is_local, "STRIPE_API_BASE: must be https, or on this machine");
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .user_agent(concat!("clusterdesk/", env!("CARGO_PKG_VERSION")));
        if is_local {
            http = http.no_proxy();
        }
        Ok(Self { http: http.build()?, base, key, breaker: Breaker::default() })
    }

    /// Creates an object. The same `idempotency_key` within a day returns the same object.
    ///
    /// # Errors
    /// BAD_GATEWAY, GATEWAY_TIMEOUT, SERVICE_UNAVAILABLE.
    pub async fn create(&self, path: &str, form: &Form, idempotency_key: &str, deadline: Instant) -> Result<Created> {
        let mut url = self.base.clone();
        url.set_path(path);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = || {
            let request = self.http.post(url.clone()).header("idempotency-key", idempotency_key);
            self.send(request.header("content-type", "application/x-www-form-urlencoded").body(body.clone()))
        };
        with_retries(&self.breaker, deadline, request).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Created, Failure> {
        let sent = request.basic_auth(self.key.expose(), None::<&str>).send().await;
        let response = sent.map_err(|error| {
            tracing::warn!(error = %error.without_url(), "no response from Stripe");
            Failure::Broken { retry_after: None }
        })?;
        if response.status().is_success() {
            return response.json().await.map_err(|_broken| Failure::Broken { retry_after: None });
        }
        Err(failure(response).await)
    }
}

/// Classifies a response that is not a success (Stripe's API reference, "Errors").
async fn failure(response: Response) -> Failure {
    let (status, retry_after) = (response.status(), retry_after(&response));
    let should_retry = flag(&response, "stripe-should-retry");
    let is_replayed = flag(&response, "idempotent-replayed") == Some(true);
    let reason = response.json::<ErrorBody>().await.ok().and_then(|body| body.error).unwrap_or_default();
    tracing::error!(status = status.as_u16(), ?reason, "Stripe returned an error");
    match (status, should_retry) {
        (StatusCode::TOO_MANY_REQUESTS, _) => Failure::Busy { retry_after },
        (status, _) if is_replayed && status.is_server_error() => Failure::Replayed,
        (status, Some(false)) if status.is_server_error() => Failure::Permanent,
        (status, _) if status.is_server_error() => Failure::Broken { retry_after },
        (_, Some(true)) => Failure::Busy { retry_after },
        // A request with the same idempotency key is in progress.
        (StatusCode::CONFLICT, None) => Failure::Busy { retry_after },
        _ => Failure::Refused,
    }
}

/// The boolean value of a header (Stripe's documentation, "Advanced error handling").
fn flag(response: &Response, header: &str) -> Option<bool> {
    response.headers().get(header)?.to_str().ok()?.trim().parse().ok()
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
