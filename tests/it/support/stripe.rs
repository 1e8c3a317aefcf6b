//! A stand-in for Stripe's API: form-encoded requests, JSON responses, idempotency keys, stored objects and events, and
//! injected faults.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    Builder,
    event_list::EventList,
    stripe_events::{BUSINESS, PRO},
};

pub const SECRET_KEY: &str = "sk_test_of_the_tests";
/// Where subscriptions are listed.
const SUBSCRIPTIONS: &str = "/v1/subscriptions";

/// How a request fails.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It does not fail.
    None,
    /// With this status.
    Status(u16),
    /// With this status, which is stored with the idempotency key, as Stripe does with 500.
    Stored(u16),
    /// With this status and `Stripe-Should-Retry: false`.
    Permanent(u16),
    /// With 429 and this `Retry-After` in seconds.
    Busy(u64),
    /// Without a response.
    NoResponse,
    /// The connection is closed.
    Disconnect,
    /// It returns a session without a URL.
    NoUrl,
    /// The response is not JSON.
    InvalidJson,
    /// The response is a JSON text of so many bytes, with this status.
    Large(u16, usize),
}

/// A request that was received.
#[derive(Clone, Debug)]
pub struct StripeRequest {
    pub path: String,
    /// The fields of the body, or of the query of a GET.
    pub form: HashMap<String, String>,
    pub idempotency_key: String,
    pub version: String,
}

/// A running stand-in for Stripe's API.
#[derive(Clone, Default)]
pub struct StripeStandIn {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    requests: Vec<StripeRequest>,
    faults: VecDeque<Fault>,
    /// What GET returns, by path.
    objects: HashMap<String, Value>,
    events: EventList,
    /// Ids that requests to create something must not name.
    missing: HashSet<String>,
    /// The first form of each idempotency key, and the response to it; None if it failed.
    responses: HashMap<String, (HashMap<String, String>, Option<Value>)>,
}

impl StripeStandIn {
    /// The settings of a command that works on this database and asks the stand-in.
    pub fn settings<'a>(&'a self, database: &'a str) -> [(&'static str, &'a str); 5] {
        [
            ("DATABASE_URL", database),
            ("STRIPE_SECRET_KEY", SECRET_KEY),
            ("STRIPE_API_BASE", &self.url),
            ("STRIPE_PRO_MONTHLY_PRICE_ID", PRO),
            ("STRIPE_BUSINESS_YEARLY_PRICE_ID", BUSINESS),
        ]
    }

    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let this = Self { url, state: Arc::default() };
        let served = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = served.clone();
                let service = service_fn(move |request| {
                    let this = this.clone();
                    async move { this.serve(request).await }
                });
                tokio::spawn(async move {
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await)
                });
            }
        });
        this
    }

    /// Makes the next requests fail, one for each fault.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<StripeRequest> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Stores an object for GET, such as a subscription at `/v1/subscriptions/sub_1`.
    pub fn store(&self, path: &str, object: Value) {
        self.state.lock().unwrap().objects.insert(path.to_owned(), object);
    }

    /// Stores what is listed as the subscriptions of any customer.
    pub fn list_subscriptions(&self, data: Vec<Value>) {
        self.store(SUBSCRIPTIONS, json!({"object": "list", "data": data, "has_more": false}));
    }

    /// Stores events, which are listed in pages of `page_size`.
    pub fn list(&self, events: impl IntoIterator<Item = Value>, page_size: usize) {
        self.state.lock().unwrap().events = EventList::new(events, page_size);
    }

    /// Forgets a customer or price.
    pub fn forget(&self, id: &str) {
        self.state.lock().unwrap().missing.insert(id.to_owned());
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let is_get = head.method == http::Method::GET;
        let query = head.uri.query().unwrap_or_default().to_owned();
        let form = if is_get { query.as_bytes() } else { &body[..] };
        let form: HashMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
        let idempotency_key = header(&head.headers, "idempotency-key");
        let fault = {
            let mut state = self.state.lock().unwrap();
            let (path, version) = (head.uri.path().to_owned(), header(&head.headers, "stripe-version"));
            let (form, idempotency_key) = (form.clone(), idempotency_key.clone());
            state.requests.push(StripeRequest { path, form, idempotency_key, version });
            state.faults.pop_front()
        };
        match fault {
            Some(Fault::Status(status)) => return Ok(failure(status, "api_error")),
            Some(Fault::Stored(status)) => {
                self.state.lock().unwrap().responses.insert(idempotency_key, (form, None));
                return Ok(failure(status, "api_error"));
            }
            Some(Fault::Permanent(status)) => {
                let mut response = failure(status, "api_error");
                response.headers_mut().insert("stripe-should-retry", "false".parse().unwrap());
                return Ok(response);
            }
            Some(Fault::Busy(seconds)) => {
                let mut response = failure(429, "rate_limit");
                response.headers_mut().insert("retry-after", seconds.into());
                return Ok(response);
            }
            Some(Fault::NoResponse) => std::future::pending().await,
            Some(Fault::Disconnect) => return Err(std::io::Error::other("disconnected")),
            Some(Fault::InvalidJson) => return Ok(Response::new(Full::from("<html>"))),
            Some(Fault::Large(status, bytes)) => {
                let mut response = ok(&json!({"id": "cs_large", "url": "x".repeat(bytes)}));
                *response.status_mut() = status.try_into().unwrap();
                return Ok(response);
            }
            Some(Fault::NoUrl) => return Ok(ok(&json!({"id": "cs_none", "url": null}))),
            Some(Fault::None) | None => {}
        }
        if header(&head.headers, "authorization") != format!("Basic {}", basic()) {
            return Ok(failure(401, "invalid_request_error"));
        }
        let mut state = self.state.lock().unwrap();
        if is_get {
            let found = match head.uri.path() {
                "/v1/events" => Some(state.events.page(&query)),
                path => state.objects.get(path).cloned(),
            };
            let is_gone = form.get("customer").is_some_and(|id| state.missing.contains(id));
            return Ok(match found {
                _ if is_gone => missing(400, "customer"),
                Some(found) => ok(&found),
                // No subscriptions.
                None if head.uri.path() == SUBSCRIPTIONS => {
                    ok(&json!({"object": "list", "data": [], "has_more": false}))
                }
                None => missing(404, "id"),
            });
        }
        let named = form.iter().filter(|(name, _)| !name.starts_with("metadata"));
        if let Some((name, _)) = named.into_iter().find(|(_, value)| state.missing.contains(*value)) {
            return Ok(missing(400, name));
        }
        if let Some((first, known)) = state.responses.get(&idempotency_key) {
            if *first != form {
                return Ok(failure(400, "idempotency_error"));
            }
            let mut response = known.as_ref().map_or_else(|| failure(500, "api_error"), ok);
            response.headers_mut().insert("idempotent-replayed", "true".parse().unwrap());
            return Ok(response);
        }
        let number = state.responses.len();
        let created = match head.uri.path() {
            "/v1/customers" => json!({"id": format!("cus_{number}"), "object": "customer"}),
            "/v1/checkout/sessions" => {
                json!({"id": format!("cs_{number}"), "url": format!("{}/pay/{number}", self.url)})
            }
            "/v1/billing_portal/sessions" => {
                json!({"id": format!("bps_{number}"), "url": "https://billing.stripe.com/p/session/example"})
            }
            _ => return Ok(failure(404, "invalid_request_error")),
        };
        state.responses.insert(idempotency_key, (form, Some(created.clone())));
        Ok(ok(&created))
    }
}

impl Builder {
    /// Configures billing with the stand-in.
    pub fn with_billing(self, stripe: &StripeStandIn) -> Self {
        let builder = self.with_stripe().flag("stripe-secret-key", SECRET_KEY).flag("stripe-api-base", &stripe.url);
        builder.flag("app-url", "https://app.example.com")
    }
}

fn basic() -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(format!("{SECRET_KEY}:"))
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn ok(body: &Value) -> Response<Full<Bytes>> {
    Response::new(Full::from(body.to_string()))
}

fn failure(status: u16, kind: &str) -> Response<Full<Bytes>> {
    let body =
        json!({"error": {"type": kind, "code": "of_the_stand_in", "message": "the internal message of the stand-in"}});
    let mut response = ok(&body);
    *response.status_mut() = status.try_into().unwrap();
    response
}

/// The failure of a request that names, in this parameter, an object that does not exist.
fn missing(status: u16, param: &str) -> Response<Full<Bytes>> {
    let error = json!({"type": "invalid_request_error", "code": "resource_missing", "param": param});
    let mut response = ok(&json!({"error": error}));
    *response.status_mut() = status.try_into().unwrap();
    response
}
