//! CORS and the check of the `Origin` header.

use http::Method;
use reqwest::{RequestBuilder, Response};

use super::{ME, assert_refused, read};
use crate::support::{Backend, Builder, TestApp};

const ALLOWED: [&str; 3] = ["https://app.example.com", "https://one.example.com", "http://localhost:3000"];
const FOREIGN: [&str; 6] = [
    "https://evil.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.com",
    "HTTPS://APP.EXAMPLE.COM",
    "null",
];

async fn app() -> TestApp {
    let builder = Builder::new(Backend::Sqlite).flag("app-url", "https://APP.example.com:443/dashboard?x=1");
    builder.flag("allowed-origins", "https://one.example.com, http://localhost:3000").start().await
}

fn preflight(app: &TestApp, origin: &str) -> RequestBuilder {
    let request = app.anonymous().http.request(Method::OPTIONS, &app.url).header("origin", origin);
    request
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-request-id")
}

fn list(response: &Response, name: &str) -> Vec<String> {
    let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_lowercase()).unwrap_or_default();
    let mut items: Vec<String> = value.split(',').map(|item| item.trim().to_owned()).collect();
    items.sort();
    items
}

#[tokio::test]
async fn configured_origins_are_allowed() {
    let app = app().await;
    for origin in ALLOWED {
        let response = preflight(&app, origin).send().await.unwrap();
        assert!(response.headers().contains_key("x-request-id") && response.headers().contains_key("x-frame-options"));
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        assert_eq!(list(&response, "access-control-allow-headers"), ["authorization", "content-type", "x-request-id"]);
        assert_eq!(list(&response, "access-control-allow-methods"), ["get", "post"]);
        assert_eq!(response.headers()["access-control-max-age"], "600");
        // Caches must not serve one origin's response to another.
        assert!(list(&response, "vary").contains(&"origin".to_owned()));

        let response = app.user("user_1").post().header("origin", origin).body(ME).send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        assert!(!response.headers().contains_key("access-control-allow-credentials"));
        let exposed =
            ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"];
        assert_eq!(list(&response, "access-control-expose-headers"), exposed);
        assert_eq!(read(response).await.json()["result"]["id"], "user_1");
    }
}

#[tokio::test]
async fn other_origins_are_forbidden() {
    let app = app().await;
    for origin in FOREIGN {
        let response = preflight(&app, origin).send().await.unwrap();
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{origin}");

        let response = app.user("user_1").post().header("origin", origin).body(ME).send().await.unwrap();
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{origin}");
        assert_refused(&read(response).await, 403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn own_origin_and_absent_origin_are_allowed() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let own = app.url.trim_end_matches('/').to_owned();
    for request in [app.user("user_1").post(), app.user("user_1").post().header("origin", own)] {
        assert_eq!(read(request.body(ME).send().await.unwrap()).await.json()["result"]["id"], "user_1");
    }
    let foreign = app.user("user_1").post().header("origin", ALLOWED[0]).body(ME);
    assert_refused(&read(foreign.send().await.unwrap()).await, 403, "FORBIDDEN");
}

#[tokio::test]
async fn refusals_carry_cors_headers() {
    let app = app().await;
    let request = app.anonymous().http.post(&app.url).header("origin", ALLOWED[0]).body(ME);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], ALLOWED[0]);
    assert_refused(&read(response).await, 415, "UNSUPPORTED_MEDIA_TYPE");
}
