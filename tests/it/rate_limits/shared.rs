//! Limits that several servers count together, in PostgreSQL and in Redis.

use std::{sync::Mutex, time::Duration};

use clusterdesk::config::Limits;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{call, limited, outcome, request};
use crate::support::{
    Backend, Builder, Client, Frozen, PATIENCE, Process, REDIS_PASSWORD, Redis, SECRET, Sql, TestApp, claims,
    eventually, hs256,
};

/// A store, and servers that count in it.
struct Store {
    redis: Option<Mutex<Redis>>,
}

impl Store {
    fn postgres() -> Self {
        Self { redis: None }
    }

    fn redis() -> Self {
        Self { redis: Some(Mutex::new(Redis::start())) }
    }

    fn url(&self) -> String {
        self.redis.as_ref().map_or("postgres".to_owned(), |redis| redis.lock().unwrap().url())
    }

    /// Two servers on one database with these limits. They wait for the store for as long as `patience`.
    async fn servers(&self, read: u32, write: u32, patience: Duration) -> [TestApp; 2] {
        let counting = |builder: Builder| {
            let limits = |limits: &mut Limits| {
                limits.store_patience = patience;
                limits.store_pause = Duration::from_millis(20);
            };
            limited(builder, read, write).flag("rate-limit-store", &self.url()).limits(limits)
        };
        let one = counting(Builder::new(Backend::Postgres)).start().await;
        let two = counting(one.beside()).start().await;
        [one, two]
    }
}

/// The value of `clusterdesk_shared_rate_limit_checks_total` with this outcome.
async fn checks(app: &TestApp, outcome: &str) -> u64 {
    let page = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
    let sample = format!("clusterdesk_shared_rate_limit_checks_total{{outcome=\"{outcome}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&sample)).unwrap().parse().unwrap()
}

/// Waits until a server counts in the store again. It takes calls of somebody else.
async fn returned(app: &TestApp) {
    let other = app.user("somebody_else");
    eventually(async || {
        let before = checks(app, "counted").await;
        other.message(request("hello.hello")).await;
        checks(app, "counted").await > before
    })
    .await;
}

async fn one_count(store: Store) {
    let [one, two] = store.servers(7, 5, PATIENCE).await;
    let user = |app: &TestApp| app.user("user_1");
    for number in 0..7 {
        let app = if number % 3 == 0 { &one } else { &two };
        assert_eq!(call(&user(app), "user.me").await, "OK", "call {number}");
    }
    for app in [&one, &two] {
        let refusal = user(app).fail("TOO_MANY_REQUESTS", "user.me", Value::Null).await;
        let wait = refusal.0["data"]["retryAfterMs"].as_u64().unwrap();
        // One call comes back after a seventh of an hour.
        assert!((1..=3_600_000 / 7).contains(&wait), "{wait}");
        // What runs no procedure counts as a read.
        user(app).fail("TOO_MANY_REQUESTS", "made.up", Value::Null).await;
        assert_eq!(call(&app.user("user_2"), "user.me").await, "OK");
    }
    // Those that come at once share what is left exactly, too.
    let users: Vec<Client> = (0..40).map(|number| user(if number % 2 == 0 { &one } else { &two })).collect();
    let outcomes = join_all(users.iter().map(|user| call(user, "user.updateName"))).await;
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "OK").count(), 5, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome == "OK" || outcome == "TOO_MANY_REQUESTS"));
    // A batch counts each of its calls.
    let batch = one.user("user_3").message(Value::from(vec![request("user.me"); 9])).await;
    let counted = batch.as_array().unwrap().iter().filter(|answer| outcome(answer) == "OK").count();
    assert_eq!(counted, 7);
    assert_eq!([checks(&one, "local").await, checks(&two, "local").await], [0, 0]);
}

/// Callers without a user, unknown tokens, and messages that can't be read.
async fn addresses_are_shared(store: Store) {
    let [one, two] = store.servers(4, 0, PATIENCE).await;
    let unknown = |app: &TestApp| app.with_token(clusterdesk::auth::PlainToken::generate().expose());
    assert_eq!(call(&one.anonymous(), "user.me").await, "UNAUTHORIZED");
    assert_eq!(call(&two.with_token("nonsense"), "user.me").await, "UNAUTHORIZED");
    assert_eq!(call(&unknown(&one), "user.me").await, "UNAUTHORIZED");
    let unreadable = |app: &TestApp| app.anonymous();
    assert_eq!(outcome(&unreadable(&two).message(json!([1])).await[0]), "BAD_REQUEST");
    for app in [&one, &two] {
        assert_eq!(call(&app.anonymous(), "user.me").await, "TOO_MANY_REQUESTS");
        assert_eq!(outcome(&unreadable(app).message(json!([1])).await[0]), "TOO_MANY_REQUESTS");
        assert_eq!(call(&unknown(app), "user.me").await, "TOO_MANY_REQUESTS");
        assert_eq!(call(&app.user("user_1"), "user.me").await, "OK");
    }
}

/// A server that goes on by itself knows what the store has counted, and returns to it.
async fn goes_on_alone(app: &TestApp, other: &TestApp, end: impl FnOnce()) {
    let user = |app: &TestApp| app.user("user_1");
    assert_eq!(call(&user(app), "user.me").await, "OK");
    let before = checks(app, "local").await;
    assert!(before > 0);
    // Three of four were counted by the store, and one here.
    assert_eq!(call(&user(app), "user.me").await, "TOO_MANY_REQUESTS");
    assert!(checks(app, "local").await > before);
    end();
    returned(app).await;
    returned(other).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn servers_share_limits_in_postgres() {
    one_count(Store::postgres()).await;
    addresses_are_shared(Store::postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(installed = "postgresql", installed = "redis")), ignore = "needs PostgreSQL and Redis")]
async fn servers_share_limits_in_redis() {
    let store = Store::redis();
    one_count(store).await;
    addresses_are_shared(Store::redis()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_table_that_hangs_delays_no_call_and_is_used_again() {
    let [one, two] = Store::postgres().servers(4, 0, Duration::from_secs(3)).await;
    for app in [&one, &two, &two] {
        assert_eq!(call(&app.user("user_1"), "user.me").await, "OK");
    }
    assert_eq!([checks(&one, "local").await, checks(&two, "local").await], [0, 0]);
    let mut holder = one.connect();
    holder.run("BEGIN; LOCK TABLE rate_limits IN ACCESS EXCLUSIVE MODE");
    goes_on_alone(&two, &one, || holder.run("ROLLBACK")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(installed = "postgresql", installed = "redis")), ignore = "needs PostgreSQL and Redis")]
async fn a_redis_that_hangs_delays_no_call_and_is_used_again() {
    let store = Store::redis();
    let [one, two] = store.servers(4, 0, Duration::from_secs(3)).await;
    for app in [&one, &two, &two] {
        assert_eq!(call(&app.user("user_1"), "user.me").await, "OK");
    }
    let frozen: Frozen = store.redis.as_ref().unwrap().lock().unwrap().freeze();
    goes_on_alone(&two, &one, || drop(frozen)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(installed = "postgresql", installed = "redis")), ignore = "needs PostgreSQL and Redis")]
async fn redis_is_told_of_nobody_and_keeps_nothing() {
    let store = Store::redis();
    let [one, _two] = store.servers(4, 4, PATIENCE).await;
    call(&one.user("user_of_redis"), "user.me").await;
    call(&one.anonymous(), "user.me").await;
    call(&one.with_token(clusterdesk::auth::PlainToken::generate().expose()), "user.me").await;
    let keys = store.redis.as_ref().unwrap().lock().unwrap().keys();
    // The user, the address, and its invalid tokens.
    assert_eq!(keys.len(), 3, "{keys:?}");
    for (key, expiry) in keys {
        let digest = key.strip_prefix("clusterdesk:rate:").unwrap();
        assert_eq!(digest.len(), 43, "{key}");
        // Until one call, or two of one address, have come back.
        assert!((1..=2 * 3_600_000 / 4).contains(&expiry), "{key} expires in {expiry} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn unused_limits_are_removed_from_the_table() {
    let often = |limits: &mut Limits| {
        limits.store_patience = PATIENCE;
        limits.store_sweep = Duration::from_millis(20);
    };
    let builder = limited(Builder::new(Backend::Postgres), 4, 0).flag("rate-limit-store", "postgres").limits(often);
    let app = builder.start().await;
    app.execute("INSERT INTO rate_limits (key, full_at, taken, counted_at) SELECT n::text, n, 1, 0 FROM generate_series(1, 1000) AS n");
    assert_eq!(call(&app.user("user_1"), "user.me").await, "OK");
    eventually(async || app.count("rate_limits") == 1).await;
    let key = app.lines("SELECT key AS line FROM rate_limits").remove(0);
    assert_eq!(key.len(), 43, "{key}");
}

/// Each absence is one warning and one line when it ends, however many calls come meanwhile. The log never has the password.
#[test]
#[cfg_attr(not(installed = "redis"), ignore = "needs Redis")]
fn the_absence_of_a_redis_is_logged_without_its_password() {
    let mut redis = Redis::start();
    let url = redis.url();
    let folder = tempfile::tempdir().unwrap();
    let settings = [("RATE_LIMIT_STORE", url.as_str()), ("JWT_SECRET", SECRET), ("BOOTSTRAP_ADMIN", "off")];
    let server = Process::serve(folder.path(), &settings);
    let user = server.client(&hs256(&claims("ann")));
    let lines = |text: &str| server.log().lines().filter(|line| line.contains(text)).count();
    let (away, back) = (|| lines("RATE_LIMIT_STORE does not answer"), || lines("together again"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        user.call("user.me", Value::Null).await;
        redis.kill();
        for _ in 0..20 {
            user.call("user.me", Value::Null).await;
        }
        eventually(async || away() == back() + 1).await;
        redis.launch();
        eventually(async || {
            user.message(request("user.me")).await;
            away() == back()
        })
        .await;
    });
    assert!(!server.log().contains(REDIS_PASSWORD), "{}", server.log());
}

#[test]
fn a_store_that_cannot_be_is_refused_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for (store, reason) in [
        ("postgres", "postgres needs a PostgreSQL database, and this one is a SQLite file"),
        ("rediss://:hunter2@localhost", "TLS to Redis is not supported"),
        ("redis://:hunter2@localhost:port/x", "not a URL as in redis://"),
        ("redis://:hunter2@localhost/hunter2", "not a URL as in redis://"),
        ("memcached://:hunter2@localhost", "write local, postgres, or redis://"),
        ("hunter2", "write local, postgres, or redis://"),
    ] {
        for command in ["serve", "doctor"] {
            let output = Process::run(folder.path(), &[command], &[("RATE_LIMIT_STORE", store)]);
            let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
            assert_eq!(output.status.code(), Some(1), "{store}: {text}");
            assert!(text.contains(&format!("RATE_LIMIT_STORE: {reason}")), "{store}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is created");
}
