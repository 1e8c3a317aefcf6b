//! Keys behind a URL, fetched from a server that counts requests and can delay its responses.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::*;

/// Responds to every request with the same status and body.
struct JwksServer {
    address: String,
    fetches: AtomicUsize,
    response: Mutex<(&'static str, String)>,
    /// One permit for each request received.
    arrived: Semaphore,
    /// One permit for each response that may be sent.
    gate: Semaphore,
}

impl JwksServer {
    async fn start(keys: &[Value]) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Arc::new(Self {
            address: format!("http://{}/jwks", listener.local_addr().unwrap()),
            fetches: AtomicUsize::new(0),
            response: Mutex::default(),
            arrived: Semaphore::new(0),
            gate: Semaphore::new(1000),
        });
        server.publish(keys);
        let this = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&this).respond(stream));
            }
        });
        server
    }

    fn publish(&self, keys: &[Value]) {
        self.respond_with("200 OK", json!({ "keys": keys }).to_string());
    }

    fn respond_with(&self, status: &'static str, body: String) {
        *self.response.lock().unwrap() = (status, body);
    }

    fn hold_responses(&self) {
        self.gate.forget_permits(1000);
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    async fn respond(self: Arc<Self>, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.arrived.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        let (status, body) = self.response.lock().unwrap().clone();
        let head = format!("HTTP/1.1 {status}\r\nlocation: /jwks\r\ncontent-length: {}\r\n\r\n", body.len());
        // The client may have disconnected.
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(body.as_bytes()).await;
    }
}

/// Nothing is fetched twice.
fn slow() -> Timing {
    let hour = Duration::from_secs(3600);
    Timing { timeout: Duration::from_secs(5), cooldown: hour, first_retry: hour, max_age: hour }
}

fn authenticator(server: &JwksServer, timing: Timing) -> Arc<Authenticator> {
    let settings = JwtSettings { jwt_jwks_url: Some(server.address.clone()), ..JwtSettings::default() };
    Arc::new(Authenticator::with_timing(&settings, timing).unwrap())
}

fn token(name: &str, kid: &str) -> String {
    sign(name, Some(kid), &valid_claims())
}

/// Fails the test instead of waiting forever.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap()
}

#[tokio::test]
async fn keys_are_fetched_once_when_the_first_jwt_arrives() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, slow());
    authenticator.authenticate(None).await;
    authenticator.authenticate(Some(PlainToken::generate().expose())).await;
    assert_eq!(server.fetches(), 0);
    for _ in 0..3 {
        assert!(verify(&authenticator, &token("ed", "1")).await.is_ok());
    }
    // With a single key no key id is needed.
    assert!(verify(&authenticator, &sign("ed", None, &valid_claims())).await.is_ok());
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn concurrent_callers_share_one_fetch() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, slow());
    let token = token("ed", "1");
    let verdicts = soon(join_all((0..50).map(|_| verify(&authenticator, &token)))).await;
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn many_unknown_key_ids_cause_one_fetch() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, slow());
    let tokens: Vec<String> = (0..50).map(|number| token("ed_other", &format!("made up {number}"))).collect();
    let verdicts = soon(join_all(tokens.iter().map(|token| verify(&authenticator, token)))).await;
    assert!(verdicts.iter().all(|verdict| *verdict == Err(UNKNOWN_KEY)));
    assert_eq!(server.fetches(), 1);
    assert!(verify(&authenticator, &token("ed", "1")).await.is_ok());
}

#[tokio::test]
async fn after_the_cooldown_a_new_key_replaces_the_old_one() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, Timing { cooldown: Duration::ZERO, ..slow() });
    let old = token("ed", "1");
    assert!(verify(&authenticator, &old).await.is_ok());
    server.publish(&[jwk("ed_other", "2")]);
    assert!(verify(&authenticator, &token("ed_other", "2")).await.is_ok());
    assert_eq!(server.fetches(), 2);
    // The old key has left the set, and its tokens the cache.
    assert_eq!(verify(&authenticator, &old).await, Err(UNKNOWN_KEY));
}

#[tokio::test]
async fn tokens_without_a_key_id_cause_no_further_fetch() {
    let server = JwksServer::start(&[jwk("ed", "1"), jwk("ec", "2")]).await;
    let authenticator = authenticator(&server, Timing { cooldown: Duration::ZERO, ..slow() });
    for _ in 0..3 {
        assert_eq!(verify(&authenticator, &sign("ed", None, &valid_claims())).await, Err(UNKNOWN_KEY));
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn keys_remain_in_use_when_a_fetch_fails() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, Timing { cooldown: Duration::ZERO, ..slow() });
    assert!(verify(&authenticator, &token("ed", "1")).await.is_ok());
    let failures = [
        ("500 Internal Server Error", String::new()),
        ("404 Not Found", json!({"keys": [jwk("ed_other", "2")]}).to_string()),
        ("200 OK", "<html>".to_owned()),
        ("200 OK", json!({"keys": []}).to_string()),
    ];
    for (number, (status, body)) in failures.into_iter().enumerate() {
        server.respond_with(status, body);
        assert_eq!(verify(&authenticator, &token("ed_other", "2")).await, Err(UNKNOWN_KEY));
        assert!(verify(&authenticator, &token("ed", "1")).await.is_ok());
        assert_eq!(server.fetches(), number + 2);
    }
}

#[tokio::test]
async fn without_keys_tokens_are_unverifiable_until_a_fetch_succeeds() {
    let server = JwksServer::start(&[]).await;
    let patient = authenticator(&server, slow());
    for _ in 0..3 {
        assert_eq!(verify(&patient, &token("ed", "1")).await, Err(UNVERIFIABLE));
    }
    assert_eq!(server.fetches(), 1);

    let eager = authenticator(&server, Timing { first_retry: Duration::ZERO, ..slow() });
    assert_eq!(verify(&eager, &token("ed", "1")).await, Err(UNVERIFIABLE));
    server.publish(&[jwk("ed", "1")]);
    assert!(verify(&eager, &token("ed", "1")).await.is_ok());
}

#[tokio::test]
async fn old_keys_are_used_while_one_caller_fetches_new_ones() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let timing = Timing { cooldown: Duration::ZERO, max_age: Duration::ZERO, ..slow() };
    let authenticator = authenticator(&server, timing);
    let old = token("ed", "1");
    assert!(verify(&authenticator, &old).await.is_ok());
    server.arrived.acquire().await.unwrap().forget();

    server.hold_responses();
    server.publish(&[jwk("ed_other", "2")]);
    let refresher = {
        let (authenticator, old) = (Arc::clone(&authenticator), old.clone());
        tokio::spawn(async move { verify(&authenticator, &old).await })
    };
    soon(server.arrived.acquire()).await.unwrap().forget();
    assert!(soon(verify(&authenticator, &old)).await.is_ok());
    assert_eq!(server.fetches(), 2);

    server.gate.add_permits(1000);
    assert_eq!(soon(refresher).await.unwrap(), Err(UNKNOWN_KEY));
}

#[tokio::test]
async fn unchanged_keys_keep_the_cache_of_verified_tokens() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let timing = Timing { cooldown: Duration::ZERO, max_age: Duration::ZERO, ..slow() };
    let authenticator = authenticator(&server, timing);
    let token = token("ed", "1");
    let first = verify(&authenticator, &token).await.unwrap();
    let second = verify(&authenticator, &token).await.unwrap();
    assert_eq!(server.fetches(), 2);
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn a_caller_that_disconnects_does_not_stop_the_fetch() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    server.hold_responses();
    let authenticator = authenticator(&server, slow());
    let token = token("ed", "1");
    let caller = {
        let (authenticator, token) = (Arc::clone(&authenticator), token.clone());
        tokio::spawn(async move { verify(&authenticator, &token).await })
    };
    soon(server.arrived.acquire()).await.unwrap().forget();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    server.gate.add_permits(1000);
    assert!(soon(verify(&authenticator, &token)).await.is_ok());
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn redirects_long_responses_and_slow_servers_are_failures() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let keys = json!({"keys": [jwk("ed", "1")]}).to_string();
    let timing = Timing { timeout: Duration::from_millis(200), ..slow() };
    let authenticator = authenticator(&server, timing);
    let why = async || format!("{:#}", soon(authenticator.check_keys()).await.err().unwrap());

    server.respond_with("302 Found", keys.clone());
    assert!(why().await.contains("redirect"));
    assert_eq!(server.fetches(), 1);
    server.respond_with("200 OK", format!("{keys}{}", " ".repeat(1024 * 1024)));
    assert!(why().await.contains("1 MiB"));
    server.respond_with("200 OK", keys);
    server.hold_responses();
    let why = why().await;
    assert!(why.contains("JWT_JWKS_URL") && !why.contains("127.0.0.1"), "{why}");
}

#[tokio::test]
async fn check_keys_fetches_and_counts() {
    let server = JwksServer::start(&[jwk("ed", "1"), jwk("ec", "2"), json!({"kty": "oct", "k": "AAAA"})]).await;
    let authenticator = authenticator(&server, slow());
    assert_eq!(authenticator.check_keys().await.unwrap(), 2);
    assert_eq!(authenticator.check_keys().await.unwrap(), 2);
    assert_eq!(server.fetches(), 2);
}
