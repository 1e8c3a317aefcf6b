//! Requests to Stripe's API: forms out, JSON in. Two requests are all we make, which is why this is not async-stripe.

use std::{fmt, time::Duration};

use anyhow::{Context, Result as Setup};
use reqwest::{RequestBuilder, Response, StatusCode, Url, redirect::Policy};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    breaker::Breaker,
    retry::{Failure, attempt},
};
use crate::{config::Secret, error::Result};

const BASE: &str = "https://api.stripe.com";
const CONNECT: Duration = Duration::from_secs(5);

/// The fields of a request, in Stripe's notation: `line_items[0][price]`.
pub type Form = Vec<(String, String)>;

pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: Secret,
    breaker: Breaker,
}

/// Something that was created there.
#[derive(Clone, Debug, Deserialize)]
pub struct Created {
    pub id: String,
    /// Of a session: where to send the browser.
    pub url: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<Reason>,
}

/// Stripe's own words: for the log only.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reason {
    r#type: String,
    code: String,
    param: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stripe client")
    }
}

impl Client {
    /// # Errors
    /// When `base` is no address.
    pub fn new(key: Secret, base: Option<&str>) -> Setup<Self> {
        let base: Url = base.unwrap_or(BASE).parse().context("STRIPE_API_BASE: expected a URL")?;
        let is_local = matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        anyhow::ensure!(base.scheme() == "https" || is_local, "STRIPE_API_BASE: must be https, or on this machine");
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            .user_agent(concat!("clusterdesk/", env!("CARGO_PKG_VERSION")));
        if is_local {
            http = http.no_proxy();
        }
        Ok(Self { http: http.build()?, base, key, breaker: Breaker::default() })
    }

    /// Creates something. The same `idempotency_key` within a day gives the same thing.
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
        attempt(&self.breaker, deadline, request).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Created, Failure> {
        let sent = request.basic_auth(self.key.expose(), None::<&str>).send().await;
        let response = sent.map_err(|error| {
            tracing::warn!(error = %error.without_url(), "no answer from Stripe");
            Failure::Broken { retry_after: None }
        })?;
        if response.status().is_success() {
            return response.json().await.map_err(|_broken| Failure::Broken { retry_after: None });
        }
        Err(failure(response).await)
    }
}

/// What an answer says that is none of success (Stripe's API reference, "Errors").
async fn failure(response: Response) -> Failure {
    let (status, retry_after) = (response.status(), retry_after(&response));
    let (again, is_old) =
        (said(&response, "stripe-should-retry"), said(&response, "idempotent-replayed") == Some(true));
    let reason = response.json::<Refusal>().await.ok().and_then(|refusal| refusal.error).unwrap_or_default();
    tracing::error!(status = status.as_u16(), ?reason, "Stripe failed");
    match (status, again) {
        (StatusCode::TOO_MANY_REQUESTS, _) => Failure::Busy { retry_after },
        (status, _) if is_old && status.is_server_error() => Failure::Old,
        (status, Some(false)) if status.is_server_error() => Failure::Lasting,
        (status, _) if status.is_server_error() => Failure::Broken { retry_after },
        (_, Some(true)) => Failure::Busy { retry_after },
        // Another request with the same key is on its way.
        (StatusCode::CONFLICT, None) => Failure::Busy { retry_after },
        _ => Failure::Refused,
    }
}

/// What a header says: true, false, or nothing (Stripe's "Advanced error handling").
fn said(response: &Response, header: &str) -> Option<bool> {
    response.headers().get(header)?.to_str().ok()?.trim().parse().ok()
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
