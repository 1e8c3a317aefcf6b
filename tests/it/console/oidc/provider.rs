//! A private OpenID provider on a real socket: it shows its documents, lets everybody in, and exchanges each code once, for whoever
//! has the verifier.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, sync::Notify};

use super::{CLIENT, REDIRECT, SECRET};
use crate::{
    support::now,
    tokens::{jwk, sign},
};

/// The parameters of a request.
pub type Form = HashMap<String, String>;

/// How the provider behaves, and what it was asked.
pub struct State {
    /// The pair in tests/fixtures/keys that signs, and its key id.
    pub signer: (&'static str, &'static str),
    /// The published keys.
    pub keys: Vec<Value>,
    /// Claims that take the place of the usual ones; null for none.
    pub claims: Value,
    /// Makes another ID token of the claims.
    pub forge: Option<fn(&Value) -> String>,
    /// Members of the discovery document that take the place of the usual ones.
    pub discovery: Value,
    /// Whether every request fails.
    pub is_down: bool,
    /// How long each answer takes.
    pub delay: Duration,
    /// Whether the answers for keys wait for [`Provider::release_keys`], and then fail.
    pub hold_keys: bool,
    /// How often the keys were asked for.
    pub key_requests: usize,
    /// The requests for tokens.
    pub exchanges: Vec<(Form, HeaderMap)>,
    /// The authorisation requests by their codes, which are not used yet.
    codes: HashMap<String, Form>,
}

pub struct Provider {
    pub url: String,
    state: Mutex<State>,
    made: AtomicUsize,
    released: Notify,
}

impl Provider {
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            signer: ("rsa", "1"),
            keys: vec![jwk("rsa", "1"), jwk("ec", "2")],
            claims: json!({}),
            forge: None,
            discovery: json!({}),
            is_down: false,
            delay: Duration::ZERO,
            hold_keys: false,
            key_requests: 0,
            exchanges: Vec::new(),
            codes: HashMap::new(),
        };
        let url = format!("http://{}", listener.local_addr().unwrap());
        let provider =
            Arc::new(Self { url, state: Mutex::new(state), made: AtomicUsize::new(0), released: Notify::new() });
        let this = Arc::clone(&provider);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = Arc::clone(&this);
                let service = service_fn(move |request| Arc::clone(&this).serve(request));
                tokio::spawn(async move {
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await)
                });
            }
        });
        provider
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn release_keys(&self) {
        self.state().hold_keys = false;
        self.released.notify_waiters();
    }

    /// Sets claims of the next ID tokens.
    pub fn claim(&self, claims: Value) {
        self.state().claims = claims;
    }

    /// What the browser of an authorisation request is sent back with: its code.
    pub fn authorize(&self, request: &Form) -> String {
        let expected = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("scope", "openid profile email"),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in expected {
            assert_eq!(request.get(name).map(String::as_str), Some(value), "{name} in {request:?}");
        }
        let code = format!("code-{}-of-the-provider", self.made.fetch_add(1, Ordering::SeqCst));
        self.state().codes.insert(code.clone(), request.clone());
        code
    }

    async fn serve(self: Arc<Self>, request: Request<Incoming>) -> http::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let delay = self.state().delay;
        tokio::time::sleep(delay).await;
        let (status, answer) = match head.uri.path() {
            _ if self.state().is_down => (503, json!("down")),
            "/.well-known/openid-configuration" => (200, self.discovery()),
            "/keys" => self.keys().await,
            "/token" => self.exchange(form(&body), head.headers),
            other => (404, json!(other)),
        };
        let response = Response::builder().status(status).header("content-type", "application/json");
        response.body(Full::new(answer.to_string().into()))
    }

    fn discovery(&self) -> Value {
        let url = &self.url;
        let usual = json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize?tenant=1"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/keys"),
        });
        merged(usual, &self.state().discovery)
    }

    async fn keys(&self) -> (u16, Value) {
        let released = self.released.notified();
        let is_held = {
            let mut state = self.state();
            state.key_requests += 1;
            state.hold_keys
        };
        if is_held {
            released.await;
            return (503, json!("held"));
        }
        (200, json!({"keys": self.state().keys}))
    }

    fn exchange(&self, form: Form, headers: HeaderMap) -> (u16, Value) {
        let mut state = self.state();
        state.exchanges.push((form.clone(), headers.clone()));
        // RFC 6749 §2.3.1: id and secret are encoded as in a form first.
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET))));
        let by_header = headers.get("authorization").is_some_and(|value| *value == basic);
        let by_form = form.get("client_id").is_some_and(|id| id == CLIENT)
            && form.get("client_secret").is_none_or(|secret| secret == SECRET);
        if by_header == by_form {
            return (401, json!({"error": "invalid_client"}));
        }
        // A code is used up whoever sends it.
        let authorized = form.get("code").and_then(|code| state.codes.remove(code));
        let challenge = form.get("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
        let matches = |request: &Form| {
            request.get("code_challenge") == challenge.as_ref()
                && request.get("redirect_uri") == form.get("redirect_uri")
        };
        let Some(request) = authorized.filter(matches) else {
            return (400, json!({"error": "invalid_grant", "error_description": "a text of the provider"}));
        };
        let usual = json!({
            "iss": self.url, "sub": "oidc|1", "aud": CLIENT, "iat": now(), "exp": now() + 300, "nonce": request["nonce"],
            "name": "Ada L", "email": "ada@example.com", "picture": "https://i.example.com/a.png",
        });
        let claims = merged(usual, &state.claims);
        let token = match state.forge {
            Some(forge) => forge(&claims),
            None => sign(state.signer.0, Some(state.signer.1), &claims),
        };
        (200, json!({"access_token": "an access token", "token_type": "Bearer", "expires_in": 300, "id_token": token}))
    }
}

/// The parameters of a query or a form.
pub fn form(text: &[u8]) -> Form {
    form_urlencoded::parse(text).into_owned().collect()
}

/// `usual` with the members of `others`, or without those that are null there.
fn merged(mut usual: Value, others: &Value) -> Value {
    let members = usual.as_object_mut().unwrap();
    for (name, value) in others.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    usual
}
