//! The log line of a request that is refused before any call.

use http::Method;
use serde_json::Value;

use crate::support::{Client, Process, Signal};

/// The members of the lines with these messages, separated by spaces.
fn lines(server: &mut Process, messages: &[&str], members: &[&str]) -> Vec<String> {
    server.signal(Signal::TERM);
    server.wait();
    let log = server.log();
    assert!(!log.contains("hunter2"), "{log}");
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found = lines
        .filter(|line| line["message"].as_str().is_some_and(|text| messages.iter().any(|part| text.contains(part))));
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    found.map(|line| members.iter().map(|name| text(&line, name)).collect::<Vec<_>>().join(" ")).collect()
}

fn refusals(server: &mut Process) -> Vec<String> {
    lines(server, &["request refused", "origin refused"], &["code", "method", "path"])
}

#[tokio::test]
async fn the_path_of_a_refused_request_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &[("LOG_FORMAT", "json")]);
    let client = Client::new(&server.url, None);
    for (method, path) in [
        (Method::GET, "nowhere?token=hunter2"),
        (Method::POST, "api/trpc/nothing/user.me"),
        (Method::DELETE, "metrics"),
        (Method::POST, "openrpc.json"),
        (Method::POST, ""),
    ] {
        let response = client.http.request(method, format!("{}{path}", server.url)).send().await.unwrap();
        assert!(response.status().is_client_error(), "{path}: {}", response.status());
    }
    let foreign = client.http.get(format!("{}trpc/user.me", server.url)).header("origin", "https://evil.example.com");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    assert_eq!(
        refusals(&mut server),
        [
            "NOT_FOUND GET /nowhere",
            "NOT_FOUND POST /api/trpc/nothing/user.me",
            "METHOD_NOT_SUPPORTED DELETE /metrics",
            "METHOD_NOT_SUPPORTED POST /openrpc.json",
            "UNSUPPORTED_MEDIA_TYPE POST /",
            "FORBIDDEN - /trpc/user.me",
        ]
    );
}

#[tokio::test]
async fn what_is_logged_of_a_refused_request_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &[("LOG_FORMAT", "json")]);
    let client = Client::new(&server.url, None);
    let method = Method::from_bytes("M".repeat(1000).as_bytes()).unwrap();
    let address = format!("{}{}?hunter2", server.url, "a".repeat(5000));
    assert_eq!(client.http.request(method, address).send().await.unwrap().status(), 404);
    assert_eq!(refusals(&mut server), [format!("NOT_FOUND {} /{}", "M".repeat(20), "a".repeat(199))]);
}

#[tokio::test]
async fn the_name_of_a_call_that_is_refused_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &[("LOG_FORMAT", "json")]);
    let client = Client::new(&server.url, None);
    let long = "a".repeat(250);
    for (method, path) in [(Method::GET, "trpc/user.nope?input=hunter2"), (Method::PUT, "trpc/user.me?input=hunter2")] {
        client.http.request(method, format!("{}{path}", server.url)).send().await.unwrap();
    }
    client.fail("NOT_FOUND", "user.gone", Value::Null).await;
    client.fail("NOT_FOUND", &long, Value::Null).await;
    assert_eq!(
        lines(&mut server, &["no such procedure", "invalid call"], &["code", "procedure"]),
        [
            "NOT_FOUND user.nope".to_owned(),
            "METHOD_NOT_SUPPORTED user.me".to_owned(),
            "NOT_FOUND user.gone".to_owned(),
            format!("NOT_FOUND {}", &long[..100]),
        ]
    );
}
