//! A client of Stripe's API: form-encoded requests, JSON responses. Only three kinds of objects are created, so
//! async-stripe with its generated types would cost more than it saves.

use std::{fmt, time::Duration};

use anyhow::{Context, anyhow};
use reqwest::{RequestBuilder, Url, redirect::Policy};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use tokio::time::Instant;

use super::{
    answer::{self, LIST_BYTES, OBJECT_BYTES},
    breaker::Breaker,
    event::HANDLED,
    retry::{Failure, with_retries},
};
use crate::{config::Secret, db::Timestamp, error::Result};

const DEFAULT_BASE: &str = "https://api.stripe.com";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The version of the API whose objects this client sends and reads, whatever the account's default is.
const API_VERSION: &str = "2025-03-31.basil";
/// Objects in one response, the most that Stripe lists at once.
const PAGE_SIZE: &str = "100";

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

/// A response, and a time by Stripe's clock before which nothing that it says was read.
#[derive(Debug)]
pub struct Retrieved<T> {
    /// The content of the response.
    pub content: T,
    /// The time, in milliseconds.
    pub read_after: Timestamp,
}

/// Events that Stripe lists, newest first.
#[derive(Debug, Deserialize)]
pub struct EventPage {
    /// The events as JSON text.
    pub data: Vec<Box<RawValue>>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// Subscriptions that Stripe lists, newest first.
#[derive(Debug, Deserialize)]
struct SubscriptionPage {
    data: Vec<Value>,
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

    /// Whether requests are suspended after repeated failures.
    pub fn is_suspended(&self) -> bool {
        self.breaker.is_open()
    }

    /// Creates an object. The same `idempotency_key` within a day returns the same object.
    ///
    /// # Errors
    /// [`crate::error::Error::NotAtStripe`] if the form names an object that does not exist; BAD_GATEWAY,
    /// GATEWAY_TIMEOUT, SERVICE_UNAVAILABLE.
    pub async fn create(&self, path: &str, form: &Form, idempotency_key: &str, deadline: Instant) -> Result<Created> {
        let mut url = self.base.clone();
        url.set_path(path);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = || {
            let request = self.http.post(url.clone()).header("idempotency-key", idempotency_key);
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.clone());
            self.send(request, OBJECT_BYTES)
        };
        Ok(with_retries(&self.breaker, deadline, request).await?.content)
    }

    /// Reads one object, such as the subscription `sub_…`.
    ///
    /// # Errors
    /// [`crate::error::Error::NotAtStripe`] if there is none; BAD_GATEWAY, GATEWAY_TIMEOUT, SERVICE_UNAVAILABLE.
    pub async fn retrieve(&self, kind: &str, id: &str, deadline: Instant) -> Result<Retrieved<Value>> {
        let mut url = self.base.clone();
        // As a segment, so that an id can't lead to another path.
        let segments = url.path_segments_mut().map_err(|()| anyhow!("STRIPE_API_BASE: expected a URL with a path"));
        segments?.clear().extend(["v1", kind, id]);
        self.get(&url, OBJECT_BYTES, deadline).await
    }

    /// Lists the subscriptions of a customer, also those that have ended: the newest hundred.
    ///
    /// # Errors
    /// [`crate::error::Error::NotAtStripe`] if there is no such customer; BAD_GATEWAY, GATEWAY_TIMEOUT, SERVICE_UNAVAILABLE.
    pub async fn subscriptions(&self, customer: &str, deadline: Instant) -> Result<Vec<Retrieved<Value>>> {
        let mut url = self.base.clone();
        url.set_path("/v1/subscriptions");
        let form = [("customer", customer), ("status", "all"), ("limit", PAGE_SIZE)];
        url.query_pairs_mut().extend_pairs(form);
        let Retrieved { content, read_after } = self.get::<SubscriptionPage>(&url, LIST_BYTES, deadline).await?;
        Ok(content.data.into_iter().map(|content| Retrieved { content, read_after }).collect())
    }

    /// Lists the events since `since` that have an effect here, newest first, beginning after the event `after`.
    ///
    /// # Errors
    /// BAD_GATEWAY, GATEWAY_TIMEOUT, SERVICE_UNAVAILABLE.
    pub async fn events(&self, since: Timestamp, after: Option<&str>, deadline: Instant) -> Result<EventPage> {
        let mut url = self.base.clone();
        url.set_path("/v1/events");
        url.query_pairs_mut()
            .append_pair("limit", PAGE_SIZE)
            .append_pair("created[gte]", &since.seconds().to_string())
            .extend_pairs(HANDLED.map(|kind| ("types[]", kind)))
            .extend_pairs(after.map(|id| ("starting_after", id)));
        Ok(self.get(&url, LIST_BYTES, deadline).await?.content)
    }

    async fn get<T: DeserializeOwned>(&self, url: &Url, most: usize, deadline: Instant) -> Result<Retrieved<T>> {
        with_retries(&self.breaker, deadline, || self.send(self.http.get(url.clone()), most)).await
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder, most: usize) -> Result<Retrieved<T>, Failure> {
        let start = Instant::now();
        let request = request.header("stripe-version", API_VERSION).basic_auth(self.key.expose(), None::<&str>);
        let response = request.send().await.map_err(|error| {
            tracing::warn!(error = %error.without_url(), "no response from Stripe");
            answer::broken("did not respond")
        })?;
        if !response.status().is_success() {
            return Err(answer::failure(response).await);
        }
        let read_after = answer::read_after(&response, start.elapsed());
        let body = answer::body(response, most).await?;
        let content = serde_json::from_slice(&body)
            .map_err(|_broken| answer::broken("its response is not the JSON that was expected"))?;
        Ok(Retrieved { content, read_after })
    }
}
