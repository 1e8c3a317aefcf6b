//! Messages that run no procedure: they count against the caller too, so that nobody can send any number of them.

use clusterdesk::models::api_token::Scope;
use serde_json::{Value, json};

use crate::{
    rate_limits::{call, header, limited},
    support::{Backend, Builder, Client, Socket, TestApp, Watcher},
};

/// Reads an hour.
const LIMIT: usize = 3;
/// A batch of so many entries is too large.
const TOO_MANY: usize = 51;

/// A server behind a proxy that names the client address, so that each message has its own.
async fn app(limit: u32) -> TestApp {
    limited(Builder::new(Backend::Sqlite), limit, 0).flag("trusted-proxies", "127.0.0.1").start().await
}

/// The codes of an answer: several for a batch, and none where nothing is answered.
fn codes(answer: &Value) -> Vec<String> {
    let one = |answer: &Value| {
        let error = &answer["error"];
        let data = error.get("json").unwrap_or(error)["data"].clone();
        data["code"].as_str().unwrap_or("OK").to_owned()
    };
    answer.as_array().map_or_else(|| vec![one(answer)], |answers| answers.iter().map(one).collect())
}

/// Posts a body from this address, or gets the page without one.
async fn ask(client: &Client, address: &str, path: &str, body: Option<&str>) -> Vec<String> {
    let url = format!("{}{path}", client.url);
    let request = match body {
        Some(body) => client.http.post(url).header("content-type", "application/json").body(body.to_owned()),
        None => client.http.get(url),
    };
    let request = match &client.token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let text = request.header("x-forwarded-for", address).send().await.unwrap().text().await.unwrap();
    if text.is_empty() { Vec::new() } else { codes(&serde_json::from_str(&text).unwrap()) }
}

/// A made-up method, bytes that are not JSON, and envelopes with mistakes: each with its code on JSON-RPC.
fn messages() -> Vec<(String, Vec<&'static str>)> {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"made.up"}"#;
    vec![
        (call.to_owned(), vec!["NOT_FOUND"]),
        (format!("[{call}]"), vec!["NOT_FOUND"]),
        ("{".to_owned(), vec!["PARSE_ERROR"]),
        ("[1,".to_owned(), vec!["PARSE_ERROR"]),
        ("[]".to_owned(), vec!["BAD_REQUEST"]),
        ("1".to_owned(), vec!["BAD_REQUEST"]),
        ("[1]".to_owned(), vec!["BAD_REQUEST"]),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"user.me"}"#.to_owned(), vec!["BAD_REQUEST"]),
        (format!("[{}1]", "1,".repeat(TOO_MANY - 1)), vec!["BAD_REQUEST"]),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"rpc.unsubscribe","params":{"subscription":1}}"#.to_owned(),
            vec!["BAD_REQUEST"],
        ),
    ]
}

#[tokio::test]
async fn messages_that_are_no_calls_count_on_json_rpc() {
    let app = app(3).await;
    let (anonymous, mut number) = (app.anonymous(), 0);
    for (message, expected) in messages() {
        number += 1;
        let address = format!("192.0.2.{number}");
        for _ in 0..LIMIT {
            assert_eq!(ask(&anonymous, &address, "", Some(&message)).await, expected, "{message}");
        }
        assert_eq!(ask(&anonymous, &address, "", Some(&message)).await, ["TOO_MANY_REQUESTS"], "{message}");
        // The same on a socket of the same address, and the other way round.
        let mut socket = Socket::try_open(&app.url, &[("x-forwarded-for", &address)]).await.unwrap();
        socket.send(message.clone()).await;
        assert_eq!(codes(&socket.receive().await.unwrap()), ["TOO_MANY_REQUESTS"], "{message}");
        let address = format!("198.51.100.{number}");
        let mut socket = Socket::try_open(&app.url, &[("x-forwarded-for", &address)]).await.unwrap();
        for expected in [expected.clone(), expected.clone(), expected, vec!["TOO_MANY_REQUESTS"]] {
            socket.send(message.clone()).await;
            assert_eq!(codes(&socket.receive().await.unwrap()), expected, "{message}");
        }
    }
}

#[tokio::test]
async fn each_entry_of_a_batch_that_is_no_call_counts() {
    let app = app(3).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"made.up"}"#;
    let notification = r#"{"jsonrpc":"2.0","method":"user.me"}"#;
    let batch = format!("[1,{notification},{call},2,{call}]");
    // What is no call is counted first: calls run concurrently.
    let expected = ["BAD_REQUEST", "TOO_MANY_REQUESTS", "BAD_REQUEST", "TOO_MANY_REQUESTS"];
    assert_eq!(ask(&app.anonymous(), "192.0.2.1", "", Some(&batch)).await, expected);
    // A notification alone counts too, and is never answered.
    for _ in 0..LIMIT + 1 {
        assert_eq!(ask(&app.anonymous(), "192.0.2.2", "", Some(notification)).await, Vec::<String>::new());
    }
    assert_eq!(ask(&app.anonymous(), "192.0.2.2", "", Some(call)).await, ["TOO_MANY_REQUESTS"]);
}

#[tokio::test]
async fn requests_that_are_no_calls_count_on_trpc() {
    let app = app(3).await;
    let client = app.anonymous();
    let many = ["user.me"; TOO_MANY].join(",");
    let cases = [
        ("made.up".to_owned(), None, "NOT_FOUND"),
        ("made.up?batch=1".to_owned(), None, "NOT_FOUND"),
        ("user.me%zz".to_owned(), None, "BAD_REQUEST"),
        (format!("{many}?batch=1"), None, "BAD_REQUEST"),
        ("user.me,user.updateName?batch=1".to_owned(), None, "BAD_REQUEST"),
        ("user.updateName".to_owned(), None, "METHOD_NOT_SUPPORTED"),
        ("k8s.watch?batch=1".to_owned(), Some("{}"), "BAD_REQUEST"),
        ("k8s.watch?connectionParams=1".to_owned(), None, "PARSE_ERROR"),
        (format!("k8s.watch?connectionParams={}", "1".repeat(17_000)), None, "BAD_REQUEST"),
    ];
    for mount in ["trpc", "trpc-plain"] {
        for (number, (path, body, expected)) in cases.iter().enumerate() {
            let address = format!("{}.{number}", if mount == "trpc" { "192.0.2" } else { "198.51.100" });
            for expected in [expected, expected, expected, &"TOO_MANY_REQUESTS"] {
                assert_eq!(ask(&client, &address, &format!("{mount}/{path}"), *body).await, [*expected], "{path}");
            }
        }
    }
}

#[tokio::test]
async fn messages_that_are_no_calls_count_on_trpc_sockets() {
    let app = app(3).await;
    let params = |path: &str| json!({"path": path});
    let call = |method: &str, path: &str| json!({"id": 1, "method": method, "params": params(path)}).to_string();
    let cases = [
        ("{".to_owned(), "PARSE_ERROR"),
        ("1".to_owned(), "PARSE_ERROR"),
        (format!("[{}1]", "1,".repeat(TOO_MANY - 1)), "BAD_REQUEST"),
        (call("query", "made.up"), "NOT_FOUND"),
        (call("mutation", "user.me"), "NOT_FOUND"),
    ];
    for (number, (message, expected)) in cases.into_iter().enumerate() {
        let address = format!("192.0.2.{number}");
        let headers = [("x-forwarded-for", address.as_str())];
        let mut socket = Socket::try_open_at(&app.url, "trpc-plain", &headers).await.unwrap();
        for expected in [expected, expected, expected, "TOO_MANY_REQUESTS"] {
            socket.send(message.clone()).await;
            assert_eq!(codes(&socket.receive().await.unwrap()), [expected], "{message}");
        }
    }
}

#[tokio::test]
async fn a_known_user_is_counted_instead_of_the_address() {
    let app = app(3).await;
    let (user, script) = (app.user("user_1"), app.scripted("user_2", Scope::Read));
    assert_eq!(call(&script, "user.me").await, "OK");
    for (client, left) in [(&user, 3), (&script, 2)] {
        for _ in 0..left {
            assert_eq!(ask(client, "192.0.2.1", "", Some("{")).await, ["PARSE_ERROR"]);
        }
        assert_eq!(ask(client, "192.0.2.2", "", Some("{")).await, ["TOO_MANY_REQUESTS"]);
        assert_eq!(call(client, "user.me").await, "TOO_MANY_REQUESTS");
    }
    let response = app.anonymous().send("{").await;
    assert_eq!((header(&response, "x-ratelimit-limit"), header(&response, "x-ratelimit-remaining")), (3, 2));
}

#[tokio::test]
async fn pings_and_the_end_of_a_subscription_are_free() {
    let app = app(2).await;
    let user = app.user("user_1");
    let mut watcher = Watcher::open(&user, json!({})).await;
    for _ in 0..LIMIT {
        assert_eq!(watcher.socket.call("rpc.ping", json!({})).await["result"], "pong");
    }
    let unsubscribe = json!({"subscription": watcher.id});
    assert_eq!(watcher.socket.call("rpc.unsubscribe", unsubscribe.clone()).await["result"], true);
    assert_eq!(watcher.socket.call("rpc.unsubscribe", unsubscribe.clone()).await["result"], false);
    assert_eq!(codes(&watcher.socket.call("rpc.unsubscribe", unsubscribe).await), ["TOO_MANY_REQUESTS"]);
    // Over HTTP neither has a use.
    for (method, codes) in [("rpc.ping", ["METHOD_NOT_SUPPORTED"; 2]), ("rpc.unsubscribe", ["BAD_REQUEST"; 2])] {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
        for code in codes.into_iter().chain(["TOO_MANY_REQUESTS"]) {
            assert_eq!(ask(&app.anonymous(), method_address(method), "", Some(&message)).await, [code]);
        }
    }
}

fn method_address(method: &str) -> &'static str {
    if method == "rpc.ping" { "192.0.2.1" } else { "192.0.2.2" }
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted() {
    let app = app(0).await;
    for _ in 0..LIMIT + 1 {
        assert_eq!(ask(&app.anonymous(), "192.0.2.1", "", Some("{")).await, ["PARSE_ERROR"]);
    }
}
