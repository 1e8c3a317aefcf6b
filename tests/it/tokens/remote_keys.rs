//! Keys behind a URL: fetched once, and again for unknown key ids, but not for each of them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{assert_accepted_as, assert_refused, jwk, me, sign, with_keys};
use crate::support::{TestApp, claims, eventually};

/// An identity provider that counts the requests for its keys.
struct Provider {
    url: String,
    keys: Mutex<Vec<Value>>,
    fetches: AtomicUsize,
}

impl Provider {
    async fn start(keys: &[Value]) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/.well-known/jwks.json", listener.local_addr().unwrap());
        let provider = Arc::new(Self { url, keys: Mutex::new(keys.to_vec()), fetches: AtomicUsize::new(0) });
        let this = Arc::clone(&provider);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&this).answer(stream));
            }
        });
        provider
    }

    async fn answer(self: Arc<Self>, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let keys = json!({ "keys": *self.keys.lock().unwrap() }).to_string();
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{keys}", keys.len());
        stream.write_all(response.as_bytes()).await.unwrap();
    }

    fn publish(&self, keys: &[Value]) {
        *self.keys.lock().unwrap() = keys.to_vec();
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    async fn app(&self) -> TestApp {
        with_keys("jwt-jwks-url", &self.url).start().await
    }
}

fn token(name: &str, kid: &str) -> String {
    sign(name, Some(kid), &claims("user_1"))
}

#[tokio::test]
async fn keys_are_fetched_once_for_all_tokens() {
    let provider = Provider::start(&[jwk("ed", "1"), jwk("rsa", "2"), jwk("ec", "3")]).await;
    let app = provider.app().await;
    app.anonymous().fail("UNAUTHORIZED", "user.me", json!({})).await;
    assert_eq!(provider.fetches(), 0);
    let tokens = [token("ed", "1"), token("rsa", "2"), token("ec", "3")];
    let callers = (0..30).map(|number| assert_accepted_as(&app, &tokens[number % 3], "user_1"));
    join_all(callers).await;
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test]
async fn many_unknown_key_ids_cause_one_fetch() {
    let provider = Provider::start(&[jwk("ed", "1")]).await;
    let app = provider.app().await;
    let tokens: Vec<String> = (0..100).map(|number| token("ed_other", &format!("made up {number}"))).collect();
    let verdicts = join_all(tokens.iter().map(|token| me(&app, token))).await;
    assert!(verdicts.iter().all(|verdict| verdict.as_ref().is_err_and(|(code, _)| code == "UNAUTHORIZED")));
    assert_eq!(provider.fetches(), 1);
    assert_accepted_as(&app, &token("ed", "1"), "user_1").await;
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test]
async fn a_new_key_is_not_fetched_before_the_cooldown_ends() {
    let provider = Provider::start(&[jwk("ed", "1")]).await;
    let app = provider.app().await;
    assert_accepted_as(&app, &token("ed", "1"), "user_1").await;
    provider.publish(&[jwk("ed", "1"), jwk("ec", "2")]);
    // The cooldown is 30 seconds. The unit tests of auth/jwks.rs cover the fetch after it.
    assert_refused(&app, &token("ec", "2"), "names no key").await;
    assert_accepted_as(&app, &token("ed", "1"), "user_1").await;
    assert_eq!(provider.fetches(), 1);
    // A new server fetches both keys.
    let next = provider.app().await;
    assert_accepted_as(&next, &token("ec", "2"), "user_1").await;
    assert_accepted_as(&next, &token("ed", "1"), "user_1").await;
}

#[tokio::test]
async fn without_keys_tokens_are_unverifiable_until_some_are_published() {
    let provider = Provider::start(&[]).await;
    let app = provider.app().await;
    assert_unverifiable(&app, &token("ed", "1")).await;
    // The fetch is repeated until it succeeds.
    provider.publish(&[jwk("ed", "1")]);
    eventually(async || me(&app, &token("ed", "1")).await.is_ok()).await;
    assert_eq!(provider.fetches(), 2);
    // A secret key is not accepted from a URL.
    let secret = json!({"kty": "oct", "kid": "1", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"});
    let app = Provider::start(&[secret]).await.app().await;
    assert_unverifiable(&app, &token("ed", "1")).await;
}

/// Asserts SERVICE_UNAVAILABLE: the server has no keys to verify the token with.
async fn assert_unverifiable(app: &TestApp, token: &str) {
    let (code, message) = me(app, token).await.unwrap_err();
    assert_eq!(code, "SERVICE_UNAVAILABLE");
    assert!(message.contains("keys to verify tokens with are unavailable"), "{message}");
}
