//! Keys behind a URL, fetched from a server that counts and can be held up.

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

/// Answers every request with the same status and body.
struct JwksServer {
    address: String,
    fetches: AtomicUsize,
    answer: Mutex<(&'static str, String)>,
    /// One permit per request that came in.
    arrived: Semaphore,
    /// One permit per answer that may go out.
    gate: Semaphore,
}

impl JwksServer {
    async fn start(keys: &[Value]) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Arc::new(Self {
            address: format!("http://{}/jwks", listener.local_addr().unwrap()),
            fetches: AtomicUsize::new(0),
            answer: Mutex::default(),
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
        self.answer("200 OK", json!({ "keys": keys }).to_string());
    }

    fn answer(&self, status: &'static str, body: String) {
        *self.answer.lock().unwrap() = (status, body);
    }

    fn hold_answers(&self) {
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
        let (status, body) = self.answer.lock().unwrap().clone();
        let head = format!("HTTP/1.1 {status}\r\nlocation: /jwks\r\ncontent-length: {}\r\n\r\n", body.len());
        // A client that has seen enough may be gone.
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(body.as_bytes()).await;
    }
}

/// Nothing is fetched twice unless a test says so.
fn calm() -> Timing {
    let hour = Duration::from_secs(3600);
    Timing { timeout: Duration::from_secs(5), cooldown: hour, first_retry: hour, max_age: hour }
}

fn authenticator(server: &JwksServer, timing: Timing) -> Arc<Authenticator> {
    let settings = JwtSettings { jwt_jwks_url: Some(server.address.clone()), ..JwtSettings::default() };
    Arc::new(Authenticator::with_timing(&settings, timing).unwrap())
}

fn token(name: &str, kid: &str) -> String {
    sign(name, Some(kid), &good_claims())
}

/// A test that would wait for ever fails instead.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap()
}

#[tokio::test]
async fn keys_are_fetched_by_the_first_token_and_kept() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, calm());
    authenticator.authenticate(None).await;
    authenticator.authenticate(Some(ApiToken::generate().expose())).await;
    assert_eq!(server.fetches(), 0);
    for _ in 0..3 {
        assert!(judge(&authenticator, &token("ed", "1")).await.is_ok());
    }
    // There is only one key: no name is needed.
    assert!(judge(&authenticator, &sign("ed", None, &good_claims())).await.is_ok());
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn concurrent_callers_share_one_fetch() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, calm());
    let token = token("ed", "1");
    let verdicts = soon(join_all((0..50).map(|_| judge(&authenticator, &token)))).await;
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn a_storm_of_unknown_key_names_costs_one_fetch() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, calm());
    let tokens: Vec<String> = (0..50).map(|number| token("ed_other", &format!("made up {number}"))).collect();
    let verdicts = soon(join_all(tokens.iter().map(|token| judge(&authenticator, token)))).await;
    assert!(verdicts.iter().all(|verdict| *verdict == Err(UNKNOWN_KEY)));
    assert_eq!(server.fetches(), 1);
    assert!(judge(&authenticator, &token("ed", "1")).await.is_ok());
}

#[tokio::test]
async fn after_the_cooldown_a_new_key_is_found_and_the_old_one_forgotten() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, Timing { cooldown: Duration::ZERO, ..calm() });
    let old = token("ed", "1");
    assert!(judge(&authenticator, &old).await.is_ok());
    server.publish(&[jwk("ed_other", "2")]);
    assert!(judge(&authenticator, &token("ed_other", "2")).await.is_ok());
    assert_eq!(server.fetches(), 2);
    // Neither the set nor the cache of verified tokens knows it any more.
    assert_eq!(judge(&authenticator, &old).await, Err(UNKNOWN_KEY));
}

#[tokio::test]
async fn tokens_without_a_key_name_fetch_nothing_more() {
    let server = JwksServer::start(&[jwk("ed", "1"), jwk("ec", "2")]).await;
    let authenticator = authenticator(&server, Timing { cooldown: Duration::ZERO, ..calm() });
    for _ in 0..3 {
        assert_eq!(judge(&authenticator, &sign("ed", None, &good_claims())).await, Err(UNKNOWN_KEY));
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn keys_stay_when_a_fetch_fails() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let authenticator = authenticator(&server, Timing { cooldown: Duration::ZERO, ..calm() });
    assert!(judge(&authenticator, &token("ed", "1")).await.is_ok());
    let failures = [
        ("500 Internal Server Error", String::new()),
        ("404 Not Found", json!({"keys": [jwk("ed_other", "2")]}).to_string()),
        ("200 OK", "<html>".to_owned()),
        ("200 OK", json!({"keys": []}).to_string()),
    ];
    for (number, (status, body)) in failures.into_iter().enumerate() {
        server.answer(status, body);
        assert_eq!(judge(&authenticator, &token("ed_other", "2")).await, Err(UNKNOWN_KEY));
        assert!(judge(&authenticator, &token("ed", "1")).await.is_ok());
        assert_eq!(server.fetches(), number + 2);
    }
}

#[tokio::test]
async fn without_any_keys_nothing_is_said_of_a_token_until_a_fetch_succeeds() {
    let server = JwksServer::start(&[]).await;
    let patient = authenticator(&server, calm());
    for _ in 0..3 {
        assert_eq!(judge(&patient, &token("ed", "1")).await, Err(UNVERIFIABLE));
    }
    assert_eq!(server.fetches(), 1);

    let eager = authenticator(&server, Timing { first_retry: Duration::ZERO, ..calm() });
    assert_eq!(judge(&eager, &token("ed", "1")).await, Err(UNVERIFIABLE));
    server.publish(&[jwk("ed", "1")]);
    assert!(judge(&eager, &token("ed", "1")).await.is_ok());
}

#[tokio::test]
async fn old_keys_are_served_while_one_caller_refreshes_them() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let timing = Timing { cooldown: Duration::ZERO, max_age: Duration::ZERO, ..calm() };
    let authenticator = authenticator(&server, timing);
    let old = token("ed", "1");
    assert!(judge(&authenticator, &old).await.is_ok());
    server.arrived.acquire().await.unwrap().forget();

    server.hold_answers();
    server.publish(&[jwk("ed_other", "2")]);
    let refresher = {
        let (authenticator, old) = (Arc::clone(&authenticator), old.clone());
        tokio::spawn(async move { judge(&authenticator, &old).await })
    };
    soon(server.arrived.acquire()).await.unwrap().forget();
    assert!(soon(judge(&authenticator, &old)).await.is_ok());
    assert_eq!(server.fetches(), 2);

    server.gate.add_permits(1000);
    assert_eq!(soon(refresher).await.unwrap(), Err(UNKNOWN_KEY));
}

#[tokio::test]
async fn unchanged_keys_keep_the_verified_tokens() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let timing = Timing { cooldown: Duration::ZERO, max_age: Duration::ZERO, ..calm() };
    let authenticator = authenticator(&server, timing);
    let token = token("ed", "1");
    let first = judge(&authenticator, &token).await.unwrap();
    let second = judge(&authenticator, &token).await.unwrap();
    assert_eq!(server.fetches(), 2);
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_the_fetch() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    server.hold_answers();
    let authenticator = authenticator(&server, calm());
    let token = token("ed", "1");
    let caller = {
        let (authenticator, token) = (Arc::clone(&authenticator), token.clone());
        tokio::spawn(async move { judge(&authenticator, &token).await })
    };
    soon(server.arrived.acquire()).await.unwrap().forget();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    server.gate.add_permits(1000);
    assert!(soon(judge(&authenticator, &token)).await.is_ok());
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn redirects_long_answers_and_slow_servers_are_failures() {
    let server = JwksServer::start(&[jwk("ed", "1")]).await;
    let keys = json!({"keys": [jwk("ed", "1")]}).to_string();
    let timing = Timing { timeout: Duration::from_millis(200), ..calm() };
    let authenticator = authenticator(&server, timing);
    let why = async || format!("{:#}", soon(authenticator.check_keys()).await.err().unwrap());

    server.answer("302 Found", keys.clone());
    assert!(why().await.contains("redirect"));
    assert_eq!(server.fetches(), 1);
    server.answer("200 OK", format!("{keys}{}", " ".repeat(1024 * 1024)));
    assert!(why().await.contains("1 MiB"));
    server.answer("200 OK", keys);
    server.hold_answers();
    let why = why().await;
    assert!(why.contains("JWT_JWKS_URL") && !why.contains("127.0.0.1"), "{why}");
}

#[tokio::test]
async fn the_doctor_fetches_and_counts() {
    let server = JwksServer::start(&[jwk("ed", "1"), jwk("ec", "2"), json!({"kty": "oct", "k": "AAAA"})]).await;
    let authenticator = authenticator(&server, calm());
    assert_eq!(authenticator.check_keys().await.unwrap(), 2);
    assert_eq!(authenticator.check_keys().await.unwrap(), 2);
    assert_eq!(server.fetches(), 2);
}
