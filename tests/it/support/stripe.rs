//! A stand-in for Stripe's API, as far as we use it: forms in, JSON out, idempotency, and trouble where a test wants some.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Builder;

pub const SECRET_KEY: &str = "sk_test_of_the_tests";

/// How the next request is answered, if not well.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// None, yet.
    Nothing,
    /// A status, with what Stripe says about it.
    Status(u16),
    /// A status that the idempotency key keeps, as Stripe's 500 do.
    Kept(u16),
    /// A status, with the word that another try is no use.
    Final(u16),
    /// Too many requests, and when to come back.
    Busy(u64),
    /// Never.
    Silence,
    /// The connection is closed.
    HangUp,
    /// A session without an address.
    NoUrl,
    /// Something that is no JSON.
    Nonsense,
}

/// A request that has come in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub form: HashMap<String, String>,
    pub idempotency_key: String,
}

#[derive(Clone, Default)]
pub struct StripeStandIn {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    troubles: VecDeque<Trouble>,
    /// What each idempotency key was first sent with, and the answer it got; None for one that failed.
    answers: HashMap<String, (HashMap<String, String>, Option<Value>)>,
}

impl StripeStandIn {
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

    /// The next requests meet these, one each.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.state.lock().unwrap().troubles.extend(troubles);
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
        let idempotency_key = header(&head.headers, "idempotency-key");
        let trouble = {
            let mut state = self.state.lock().unwrap();
            let path = head.uri.path().to_owned();
            state.asked.push(Asked { path, form: form.clone(), idempotency_key: idempotency_key.clone() });
            state.troubles.pop_front()
        };
        match trouble {
            Some(Trouble::Status(status)) => return Ok(refusal(status, "api_error")),
            Some(Trouble::Kept(status)) => {
                self.state.lock().unwrap().answers.insert(idempotency_key, (form, None));
                return Ok(refusal(status, "api_error"));
            }
            Some(Trouble::Final(status)) => {
                let mut response = refusal(status, "api_error");
                response.headers_mut().insert("stripe-should-retry", "false".parse().unwrap());
                return Ok(response);
            }
            Some(Trouble::Busy(seconds)) => {
                let mut response = refusal(429, "rate_limit");
                response.headers_mut().insert("retry-after", seconds.into());
                return Ok(response);
            }
            Some(Trouble::Silence) => std::future::pending().await,
            Some(Trouble::HangUp) => return Err(std::io::Error::other("hung up")),
            Some(Trouble::Nonsense) => return Ok(Response::new(Full::from("<html>"))),
            Some(Trouble::NoUrl) => return Ok(answer(&json!({"id": "cs_none", "url": null}))),
            Some(Trouble::Nothing) | None => {}
        }
        if header(&head.headers, "authorization") != format!("Basic {}", basic()) {
            return Ok(refusal(401, "invalid_request_error"));
        }
        let mut state = self.state.lock().unwrap();
        if let Some((first, known)) = state.answers.get(&idempotency_key) {
            if *first != form {
                return Ok(refusal(400, "idempotency_error"));
            }
            let mut response = known.as_ref().map_or_else(|| refusal(500, "api_error"), answer);
            response.headers_mut().insert("idempotent-replayed", "true".parse().unwrap());
            return Ok(response);
        }
        let number = state.answers.len();
        let created = match head.uri.path() {
            "/v1/customers" => json!({"id": format!("cus_{number}"), "object": "customer"}),
            "/v1/checkout/sessions" => {
                json!({"id": format!("cs_{number}"), "url": format!("{}/pay/{number}", self.url)})
            }
            "/v1/billing_portal/sessions" => {
                json!({"id": format!("bps_{number}"), "url": "https://billing.stripe.com/p/session/example"})
            }
            _ => return Ok(refusal(404, "invalid_request_error")),
        };
        state.answers.insert(idempotency_key, (form, Some(created.clone())));
        Ok(answer(&created))
    }
}

impl Builder {
    /// With an account at the stand-in.
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

fn answer(body: &Value) -> Response<Full<Bytes>> {
    Response::new(Full::from(body.to_string()))
}

fn refusal(status: u16, kind: &str) -> Response<Full<Bytes>> {
    let body = json!({"error": {"type": kind, "code": "of_the_stand_in", "message": "the stand-in's secret words"}});
    let mut response = answer(&body);
    *response.status_mut() = status.try_into().unwrap();
    response
}
