//! CORS and the check of the `Origin` header.

use http::Method;
use reqwest::{RequestBuilder, Response};

use super::{ME, assert_refused, read};
use crate::support::{Backend, Builder, Client, Process, SECRET, Signal, Socket, TestApp};

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
        let exposed = [
            "idempotency-replayed",
            "retry-after",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-request-id",
        ];
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
async fn origins_of_apps_extensions_and_patterns_are_allowed() {
    let origins = "tauri://localhost,capacitor://localhost,chrome-extension://abcdefghijklmnop,moz-extension://a-b,\
                   https://*.vercel.app,https://pr.*.example.com:8443,http://*.localhost:3000,http://[0:0::1]:80";
    let builder =
        Builder::new(Backend::Sqlite).flag("app-url", "capacitor://localhost/x").flag("allowed-origins", origins);
    let app = builder.start().await;
    for (origin, is_allowed) in [
        ("tauri://localhost", true),
        ("capacitor://localhost", true),
        ("chrome-extension://abcdefghijklmnop", true),
        ("moz-extension://a-b", true),
        ("https://shop-git-main.vercel.app", true),
        ("https://pr.7.example.com:8443", true),
        ("http://tenant.localhost:3000", true),
        ("http://[::1]", true),
        ("https://vercel.app", false),
        ("https://.vercel.app", false),
        ("https://a.b.vercel.app", false),
        ("http://a.vercel.app", false),
        ("https://a.vercel.app:8443", false),
        ("https://a.vercel.app.evil.com", false),
        ("https://evil.com#.vercel.app", false),
        ("https://evil.com/.vercel.app", false),
        ("https://evil.com:1.vercel.app", false),
        ("https://user@a.vercel.app", false),
        ("https://pr.7.8.example.com:8443", false),
        ("tauri://localhost.evil", false),
        ("chrome-extension://ponmlkjihgfedcba", false),
    ] {
        let response = preflight(&app, origin).send().await.unwrap();
        let allowed = response.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(allowed, is_allowed.then_some(origin), "{origin}");
        let posted = app.user("user_1").post().header("origin", origin).body(ME).send().await.unwrap();
        assert_eq!(posted.status(), if is_allowed { 200 } else { 403 }, "{origin}");
        let bearer = format!("Bearer {}", app.user("user_1").token.unwrap());
        let socket = Socket::try_open_at(&app.url, "", &[("origin", origin), ("authorization", &bearer)]).await;
        assert_eq!(socket.is_ok(), is_allowed, "{origin}");
    }
}

#[test]
fn a_pattern_that_would_never_match_or_match_nearly_everything_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for pattern in [
        "*",
        "https://*",
        "https://*.com",
        "https://*:3000",
        "https://shop-*.vercel.app",
        "https://*.*.vercel.app",
        "https://app.*",
        "https://example.com:*",
        "*://example.com",
        "https://**.example.com",
        "https://m\u{fc}ller.example",
        "null",
        "example.com",
        "https://",
        "https://exa mple.com",
        "https://a.example.com:99999",
        "1app://localhost",
        "https://a,",
    ] {
        let output = Process::run(folder.path(), &["doctor"], &[("ALLOWED_ORIGINS", pattern)]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && text.contains("--allowed-origins"), "{pattern}: {text}");
    }
    let output = Process::run(folder.path(), &["doctor"], &[("APP_URL", "https://*.example.com")]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && text.contains("ALLOWED_ORIGINS may have a *"), "{text}");
}

#[tokio::test]
async fn a_refused_origin_is_named_with_the_host_and_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &[("JWT_SECRET", SECRET)]);
    let request = Client::new(&server.url, None).post().header("origin", "https://evil.example.com").body(ME);
    let refused = read(request.header("host", "api.internal:81").send().await.unwrap()).await;
    let (message, log) = (refused.json()["error"]["message"].as_str().unwrap().to_owned(), {
        server.signal(Signal::TERM);
        server.wait();
        server.log()
    });
    for part in ["https://evil.example.com", "api.internal:81", "APP_URL", "ALLOWED_ORIGINS"] {
        assert!(message.contains(part), "{part}: {message}");
        assert!(log.lines().any(|line| line.contains("origin refused") && line.contains(part)), "{part}: {log}");
    }
    // What is repeated has a limit.
    let app = app().await;
    let request = app.anonymous().post().header("origin", format!("https://{}", "a".repeat(5000)));
    let refused = read(request.body(ME).send().await.unwrap()).await;
    assert!(refused.body.len() < 1000, "{}", refused.body.len());
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
