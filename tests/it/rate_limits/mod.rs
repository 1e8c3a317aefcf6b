//! Rate limits: what a call counts against, and how the limit is reported. The windows last an hour, so that no allowance
//! is regained during a test.

mod addresses;
mod shared;
mod wrong_kind;

use std::ops::RangeInclusive;

use clusterdesk::models::api_token::Scope;
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{Backend, Builder, Client, Socket, both_databases, hs256, now};

const HOUR_MS: &str = "3600000";

/// A server that allows `read` reads and `write` writes an hour. 0 means no limit.
pub fn limited(builder: Builder, read: u32, write: u32) -> Builder {
    let builder = builder.flag("rate-limit-read-max-requests", &read.to_string());
    let builder = builder.flag("rate-limit-write-max-requests", &write.to_string());
    builder.flag("rate-limit-read-window-ms", HOUR_MS).flag("rate-limit-write-window-ms", HOUR_MS)
}

pub fn request(method: &str) -> Value {
    let params = if method == "user.updateName" { json!({"name": "me"}) } else { json!({}) };
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// `OK`, or the code of the error.
pub fn outcome(answer: &Value) -> String {
    answer["error"]["data"]["code"].as_str().unwrap_or("OK").to_owned()
}

pub async fn call(client: &Client, method: &str) -> String {
    outcome(&client.message(request(method)).await)
}

pub fn header(response: &Response, name: &str) -> u64 {
    response.headers()[name].to_str().unwrap().parse().unwrap()
}

async fn json_of(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// Runs `work` and returns its result with the Unix seconds during which it ran.
async fn timed<T>(work: impl Future<Output = T>) -> (T, RangeInclusive<u64>) {
    let start = now();
    let result = work.await;
    (result, start..=now() + 1)
}

both_databases! {
    async fn reads_and_writes_are_counted_separately_for_each_user(builder: Builder) {
        let app = limited(builder, 3, 2).start().await;
        let (one, two) = (app.user("user_1"), app.user("user_2"));
        for method in ["user.me", "k8s.list", "k8s.count"] {
            assert_eq!(call(&one, method).await, "OK");
        }
        assert_eq!(call(&one, "user.me").await, "TOO_MANY_REQUESTS");
        assert_eq!(call(&one, "user.updateName").await, "OK");
        assert_eq!(call(&one, "customer.create").await, "OK");
        assert_eq!(call(&one, "user.updateName").await, "TOO_MANY_REQUESTS");
        // Another user at the same address has limits of their own.
        assert_eq!(call(&two, "user.me").await, "OK");
        assert_eq!(call(&two, "user.updateName").await, "OK");
    }

    async fn all_tokens_of_a_user_share_one_limit(builder: Builder) {
        let app = limited(builder, 4, 0).start().await;
        let first = app.user("user_1");
        assert_eq!(call(&first, "user.me").await, "OK");
        let api = [Scope::Read, Scope::Admin].map(|scope| app.with_token(app.api_token("user_1", scope).0));
        let second = app.with_token(hs256(&json!({"sub": "user_1", "exp": now() + 60})));
        for client in [&api[0], &api[1], &second] {
            assert_eq!(call(client, "user.me").await, "OK");
        }
        for client in [&first, &api[0], &api[1], &second] {
            assert_eq!(call(client, "user.me").await, "TOO_MANY_REQUESTS");
        }
    }

    async fn callers_without_an_account_are_counted_by_address(builder: Builder) {
        let app = limited(builder, 3, 0).start().await;
        // An unknown API token, a malformed token and no token all count against the address.
        let unknown = app.with_token(clusterdesk::auth::PlainToken::generate().expose());
        assert_eq!(call(&app.anonymous(), "user.me").await, "UNAUTHORIZED");
        assert_eq!(call(&app.with_token("nonsense"), "user.me").await, "UNAUTHORIZED");
        assert_eq!(call(&unknown, "user.me").await, "UNAUTHORIZED");
        for client in [app.anonymous(), app.with_token("nonsense"), unknown] {
            assert_eq!(call(&client, "user.me").await, "TOO_MANY_REQUESTS");
        }
        // A user at the same address is not affected.
        assert_eq!(call(&app.user("user_1"), "user.me").await, "OK");
    }

    async fn the_calls_of_a_deleted_user_are_still_counted(builder: Builder) {
        let app = limited(builder, 3, 0).start().await;
        let user = app.user("user_1");
        assert_eq!(call(&user, "user.me").await, "OK");
        assert_eq!(call(&user, "user.delete").await, "OK");
        assert_eq!(call(&user, "user.me").await, "UNAUTHORIZED");
        assert_eq!(call(&user, "user.me").await, "UNAUTHORIZED");
        assert_eq!(call(&user, "user.me").await, "TOO_MANY_REQUESTS");
    }

    async fn each_entry_of_a_batch_is_counted(builder: Builder) {
        let app = limited(builder, 4, 1).start().await;
        let user = app.user("user_1");
        assert_eq!(call(&user, "user.me").await, "OK");
        let batch = Value::from(vec![request("user.me"); 5]);
        let answers = user.message(batch).await;
        let mut outcomes: Vec<String> = answers.as_array().unwrap().iter().map(outcome).collect();
        outcomes.sort();
        assert_eq!(outcomes, ["OK", "OK", "OK", "TOO_MANY_REQUESTS", "TOO_MANY_REQUESTS"]);
        // Writes have a limit of their own.
        let mixed = user.message(json!([request("user.me"), request("user.updateName")])).await;
        assert_eq!([outcome(&mixed[0]), outcome(&mixed[1])], ["TOO_MANY_REQUESTS", "OK"]);
    }
}

#[tokio::test]
async fn a_batch_of_one_is_refused_exactly_as_a_single_request() {
    let app = limited(Builder::new(Backend::Sqlite), 1, 1).start().await;
    let user = app.user("user_1");
    assert_eq!(call(&user, "user.me").await, "OK");
    let id = "0e7e6a0e-6d3f-4d6c-9b0a-2f1f6a3c9d11";
    let send = async |message: Value| {
        let response = user.post().header("x-request-id", id).body(message.to_string()).send().await.unwrap();
        assert_eq!((header(&response, "x-ratelimit-limit"), header(&response, "x-ratelimit-remaining")), (1, 0));
        assert!(response.headers().contains_key("retry-after"));
        let mut answer = json_of(response).await;
        let error = if answer.is_array() { &mut answer[0]["error"] } else { &mut answer["error"] };
        assert!(error["data"].as_object_mut().unwrap().remove("retryAfterMs").is_some());
        answer
    };
    let alone = send(request("user.me")).await;
    assert_eq!(outcome(&alone), "TOO_MANY_REQUESTS");
    assert_eq!(send(json!([request("user.me")])).await, json!([alone]));
}

#[tokio::test]
async fn the_headers_report_the_allowance_and_the_time_to_wait() {
    let app = limited(Builder::new(Backend::Sqlite), 4, 0).start().await;
    let user = app.user("user_1");
    // One call is regained every 15 minutes.
    let each = 900;
    for used in 1..=4 {
        let (response, at) = timed(user.send(request("user.me").to_string())).await;
        assert_eq!(header(&response, "x-ratelimit-limit"), 4);
        assert_eq!(header(&response, "x-ratelimit-remaining"), 4 - used);
        let full_again = header(&response, "x-ratelimit-reset");
        assert!(at.contains(&(full_again - used * each)), "{full_again} after {used}, asked at {at:?}");
        assert!(!response.headers().contains_key("retry-after"));
        assert_eq!(outcome(&json_of(response).await), "OK");
    }
    let (response, at) = timed(user.send(request("user.me").to_string())).await;
    assert_eq!((header(&response, "x-ratelimit-limit"), header(&response, "x-ratelimit-remaining")), (4, 0));
    assert!(at.contains(&(header(&response, "x-ratelimit-reset") - 4 * each)));
    let retry_after = header(&response, "retry-after");
    assert!((1..=each).contains(&retry_after), "{retry_after}");
    let answer = json_of(response).await;
    let error = &answer["error"];
    let retry_after_ms = error["data"]["retryAfterMs"].as_u64().unwrap();
    assert_eq!(retry_after_ms.div_ceil(1000), retry_after);
    let request_id = &error["data"]["requestId"];
    let expected = json!({
        "code": -32029, "message": "Too many requests. Try again later.",
        "data": {
            "code": "TOO_MANY_REQUESTS", "httpStatus": 429, "path": "user.me", "requestId": request_id,
            "retryAfterMs": retry_after_ms,
        }
    });
    assert_eq!(*error, expected);
}

#[tokio::test]
async fn a_batch_reports_the_lowest_allowance_of_its_calls() {
    let app = limited(Builder::new(Backend::Sqlite), 10, 3).start().await;
    let batch = json!([request("user.me"), request("user.updateName"), request("user.me")]);
    let response = app.user("user_1").send(batch.to_string()).await;
    assert_eq!((header(&response, "x-ratelimit-limit"), header(&response, "x-ratelimit-remaining")), (3, 2));
}

#[tokio::test]
async fn failed_calls_and_unknown_methods_count() {
    let app = limited(Builder::new(Backend::Sqlite), 3, 0).start().await;
    let user = app.user("user_1");
    let response = user.send(request("made.up").to_string()).await;
    assert_eq!(header(&response, "x-ratelimit-remaining"), 2);
    user.fail("BAD_REQUEST", "user.me", json!({"id": 1})).await;
    user.fail("NOT_FOUND", "k8s.get", json!({"id": 1})).await;
    user.fail("TOO_MANY_REQUESTS", "user.me", json!({"id": 1})).await;
    user.fail("TOO_MANY_REQUESTS", "made.up", json!({"id": 1})).await;
}

#[tokio::test]
async fn old_and_canonical_names_share_a_limit() {
    let app = limited(Builder::new(Backend::Sqlite), 2, 0).start().await;
    let user = app.user("user_1");
    assert_eq!(call(&user, "k8s.list").await, "OK");
    assert_eq!(call(&user, "k8s.getClusters").await, "OK");
    assert_eq!(call(&user, "k8s.list").await, "TOO_MANY_REQUESTS");
    assert_eq!(call(&user, "k8s.getClusters").await, "TOO_MANY_REQUESTS");
}

#[tokio::test]
async fn zero_disables_a_limit() {
    let app = limited(Builder::new(Backend::Sqlite), 0, 1).start().await;
    let user = app.user("user_1");
    let batch = Value::from(vec![request("user.me"); 50]);
    for _ in 0..4 {
        let response = user.send(batch.to_string()).await;
        assert!(!response.headers().contains_key("x-ratelimit-limit"));
        assert!(!response.text().await.unwrap().contains("error"));
    }
    assert_eq!(call(&user, "user.updateName").await, "OK");
    assert_eq!(call(&user, "user.updateName").await, "TOO_MANY_REQUESTS");
}

#[tokio::test]
async fn a_socket_and_http_share_a_limit() {
    let app = limited(Builder::new(Backend::Sqlite), 2, 0).start().await;
    let user = app.user("user_1");
    let mut socket = Socket::open(&user).await;
    assert_eq!(outcome(&socket.call("user.me", json!({})).await), "OK");
    assert_eq!(call(&user, "user.me").await, "OK");
    let refusal = socket.call("user.me", json!({})).await;
    assert_eq!(outcome(&refusal), "TOO_MANY_REQUESTS");
    assert!(refusal["error"]["data"]["retryAfterMs"].as_u64().unwrap() > 0);
}
