//! Refusals before a call has begun are in tRPC's shape too, so that its client can read them.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{FORKED, OLD, PLAIN, SUPERJSON, Trpc};
use crate::support::{Backend, Builder, Raw, TestApp};

/// The error of a refusal, with its status and request id checked.
async fn error_of(response: Response, mount: &str) -> Value {
    let (status, id) = (response.status().as_u16(), response.headers()["x-request-id"].clone());
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let error = if mount == PLAIN { body["error"].clone() } else { body["error"]["json"].clone() };
    assert!(error["code"].is_i64() && error["message"].is_string(), "{body}");
    assert_eq!(
        (&error["data"]["httpStatus"], &error["data"]["requestId"]),
        (&json!(status), &json!(id.to_str().unwrap()))
    );
    error
}

#[tokio::test]
async fn oversized_and_non_json_bodies_are_refused_in_trpcs_shape() {
    let app = TestApp::on_sqlite().await;
    for mount in [SUPERJSON, OLD, FORKED, PLAIN] {
        let caller = Trpc::new(app.user("user_1"), mount);
        let large = caller.post("user.updateName", &[], vec![b' '; 1024 * 1024 + 1]).send().await.unwrap();
        assert_eq!(error_of(large, mount).await["data"]["code"], "PAYLOAD_TOO_LARGE");
        let form = caller.client.http.post(caller.url("user.updateName", &[])).header("content-type", "text/plain");
        assert_eq!(error_of(form.body("{}").send().await.unwrap(), mount).await["code"], -32015);
        let binary = caller.post("user.updateName", &[], vec![0xff]).send().await.unwrap();
        assert_eq!(error_of(binary, mount).await["data"]["code"], "BAD_REQUEST");
    }
}

#[tokio::test]
async fn wrong_methods_foreign_origins_and_invalid_tokens_are_refused_in_trpcs_shape() {
    let app = TestApp::on_sqlite().await;
    for mount in [SUPERJSON, PLAIN] {
        let caller = Trpc::new(app.user("user_1"), mount);
        for (method, path, allow) in
            [("PUT", "user.me", "GET, POST"), ("DELETE", "k8s.create", "POST"), ("TRACE", "user.me", "GET, POST")]
        {
            let method: Method = method.parse().unwrap();
            let refused = caller.client.http.request(method, caller.url(path, &[])).send().await.unwrap();
            assert_eq!(refused.headers()["allow"], allow);
            assert_eq!(error_of(refused, mount).await["code"], -32005);
        }
        let foreign = caller.get("user.me", &[]).header("origin", "https://evil.example.com").send().await.unwrap();
        assert_eq!(error_of(foreign, mount).await["data"]["code"], "FORBIDDEN");
        let forged = Trpc::new(app.with_token("nonsense"), mount).get("user.me", &[]).send().await.unwrap();
        assert_eq!(error_of(forged, mount).await["data"]["code"], "UNAUTHORIZED");
        let nothing = caller.get("", &[]).send().await.unwrap();
        assert_eq!(error_of(nothing, mount).await["data"]["code"], "NOT_FOUND");
    }
}

#[tokio::test]
async fn trpc_and_json_rpc_share_a_rate_limit() {
    let limited = Builder::new(Backend::Sqlite).flag("rate-limit-read-max-requests", "2");
    let app = limited.flag("rate-limit-read-window-ms", "3600000").start().await;
    let user = app.user("user_1");
    user.call("user.me", Value::Null).await;
    let caller = Trpc::new(user, SUPERJSON);
    let last = caller.get("user.me", &[]).send().await.unwrap();
    assert_eq!((last.status().as_u16(), &last.headers()["x-ratelimit-remaining"]), (200, &"0".parse().unwrap()));
    let refused = caller.get("k8s.getClusters", &[]).send().await.unwrap();
    assert_eq!(refused.headers()["x-ratelimit-limit"], "2");
    assert!(refused.headers().contains_key("retry-after") && refused.headers().contains_key("x-ratelimit-reset"));
    let error = error_of(refused, SUPERJSON).await;
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(-32029), &json!("TOO_MANY_REQUESTS")));
    assert!(error["data"]["retryAfterMs"].as_u64().unwrap() > 1_000_000);
    // Each call of a batch counts.
    let batch = caller.get("user.me,user.me", &[("batch", "1")]).send().await.unwrap();
    assert_eq!(batch.status(), 429);
}

#[tokio::test]
async fn a_full_server_refuses_in_trpcs_shape() {
    let app = Builder::new(Backend::Sqlite).limits(|limits| limits.connections = 1).start().await;
    let mut first = Raw::open(&app.url).await;
    first.send("GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(first.response().await.unwrap().status, 200);
    let refused = Trpc::new(app.anonymous(), SUPERJSON).get("user.me", &[]).send().await.unwrap();
    let error = error_of(refused, SUPERJSON).await;
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(-32603), &json!("SERVICE_UNAVAILABLE")));
}
