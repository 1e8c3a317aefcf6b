//! Requests that a page of another site makes the browser of a signed-in user send.

use reqwest::StatusCode;
use serde_json::json;

use super::{APP, App, OLD, builder, cookie, told, with};
use crate::support::{Backend, Raw, Socket, both_databases};

/// What browsers send beside the cookie when a page that may call made the request.
const OWN: [&[(&str, &str)]; 5] = [
    &[("origin", APP)],
    &[("origin", APP), ("sec-fetch-site", "same-site")],
    &[("origin", APP), ("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-origin")],
    &[("sec-fetch-site", "none")],
];

/// What they send when another page did, or a program that does not say who it is.
const FOREIGN: [&[(&str, &str)]; 12] = [
    &[("origin", "https://evil.com")],
    &[("origin", "https://evil.com"), ("sec-fetch-site", "same-origin")],
    &[("origin", "null")],
    &[("origin", "null"), ("sec-fetch-site", "none")],
    // A page on a subdomain, on the parent domain, and without TLS.
    &[("origin", "https://old.app.example.com")],
    &[("origin", "https://example.com")],
    &[("origin", "http://app.example.com")],
    &[],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "Same-Origin")],
    &[("sec-fetch-site", "")],
];

fn and_cookie<'h>(cookie: &'h str, headers: &[(&'h str, &'h str)]) -> Vec<(&'h str, &'h str)> {
    [&[("cookie", cookie)], headers].concat()
}

both_databases! {
    async fn only_pages_that_may_call_write_by_cookie(app: App) {
        for (at, headers) in OWN.into_iter().enumerate() {
            let cookie = cookie(&format!("own_{at}"));
            assert_eq!(app.create(&and_cookie(&cookie, headers)).await.status(), 200, "{headers:?}");
        }
        let cookie = cookie("victim");
        for headers in FOREIGN {
            let headers = and_cookie(&cookie, headers);
            assert_eq!(told(app.create(&headers).await).await, (403, json!("FORBIDDEN")), "{headers:?}");
            assert_eq!(app.post(&headers).await, (403, json!("FORBIDDEN")), "{headers:?}");
        }
        assert_eq!(app.0.user("victim").call("k8s.count", json!({})).await, json!({"active": 0, "deleted": 0}));
    }
}

#[tokio::test]
async fn only_pages_that_may_call_open_sockets_by_cookie() {
    let app = App(builder(Backend::Sqlite).start().await);
    let cookie = cookie("user_1");
    for path in ["", OLD, "api/trpc/edge?connectionParams=1"] {
        for headers in OWN {
            let headers = and_cookie(&cookie, headers);
            assert!(Socket::try_open_at(&app.0.url, path, &headers).await.is_ok(), "{path} {headers:?}");
        }
        for headers in FOREIGN {
            let headers = and_cookie(&cookie, headers);
            let refused = Socket::try_open_at(&app.0.url, path, &headers).await.err().unwrap();
            assert!(refused.to_string().contains("403"), "{path} {headers:?}: {refused}");
        }
    }
    // Without the cookie the socket is a stranger's.
    assert!(Socket::try_open(&app.0.url, &[]).await.is_ok());
}

#[tokio::test]
async fn reading_needs_no_proof_and_can_do_no_harm() {
    let app = App(builder(Backend::Sqlite).start().await);
    let cookie = cookie("user_1");
    let client = app.0.anonymous();
    // An image, a script or a link: no `Origin`.
    for site in ["cross-site", "same-site", "same-origin", "none"] {
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", site)];
        assert_eq!(app.get(&headers).await, (200, json!("user_1")));
        let read = with(client.http.get(format!("{}{OLD}/user.me", app.0.url)), &headers).send().await.unwrap();
        // What the browser of a page of another site needs to know, so that it does not hand the answer over.
        assert_eq!(read.headers()["cross-origin-resource-policy"], "same-origin");
        assert_eq!(read.headers()["x-content-type-options"], "nosniff");
        // A mutation can't be called so.
        let input = r#"?input={"json":{"name":"web","location":"eu"}}"#;
        let url = format!("{}{OLD}/k8s.createCluster{input}", app.0.url);
        assert_eq!(told(with(client.http.get(url), &headers).send().await.unwrap()).await.0, 405);
    }
    // A server component that forwards the cookie, and nothing else.
    assert_eq!(app.get(&[("cookie", &cookie)]).await, (200, json!("user_1")));
    assert_eq!(app.get(&[("cookie", &cookie), ("origin", "https://evil.com")]).await, (403, json!("FORBIDDEN")));
    assert_eq!(app.0.user("user_1").call("k8s.count", json!({})).await["active"], 0);
}

#[tokio::test]
async fn a_pattern_vouches_for_its_pages_as_a_listed_origin_does() {
    let app = App(builder(Backend::Sqlite).flag("allowed-origins", "https://*.vercel.app").start().await);
    let cookie = cookie("user_1");
    for (origin, status) in [("https://shop.vercel.app", 200), ("https://a.shop.vercel.app", 403)] {
        let response = app.create(&and_cookie(&cookie, &[("origin", origin)])).await;
        assert_eq!(response.status(), status, "{origin}");
        let credentials = response.headers().get("access-control-allow-credentials");
        assert_eq!(credentials.map(|value| value.as_bytes()), (status == 200).then_some(&b"true"[..]), "{origin}");
    }
}

#[tokio::test]
async fn forms_of_any_page_are_refused() {
    let app = App(builder(Backend::Sqlite).start().await);
    let cookie = cookie("user_1");
    let body = r#"{"json":{"name":"web","location":"eu"}}"#;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        for (path, body) in [("", super::ME), ("api/trpc/edge/k8s.createCluster", body)] {
            let post = app.0.anonymous().http.post(format!("{}{path}", app.0.url));
            let post = post.header("content-type", content_type).header("cookie", &cookie).header("origin", APP);
            let response = post.body(body).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path} {content_type}");
        }
    }
}

#[tokio::test]
async fn the_refusal_says_what_to_do() {
    let app = App(builder(Backend::Sqlite).start().await);
    let response = app.create(&[("cookie", &cookie("user_1"))]).await;
    let body: serde_json::Value = response.json().await.unwrap();
    let message = body["error"]["json"]["message"].as_str().unwrap();
    for part in ["Origin", "APP_URL", "ALLOWED_ORIGINS", "Authorization: Bearer"] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn a_page_without_tls_on_the_host_of_the_application_is_foreign() {
    let app = App(builder(Backend::Sqlite).start().await);
    let cookie = cookie("user_1");
    let on_host = |origin: &'static str| [("cookie", cookie.as_str()), ("host", "app.example.com"), ("origin", origin)];
    assert_eq!(app.create(&on_host(APP)).await.status(), 200);
    assert_eq!(told(app.create(&on_host("http://app.example.com")).await).await, (403, json!("FORBIDDEN")));
    let own = app.0.url.trim_end_matches('/').to_owned();
    for (site, expected) in [("same-origin", 200), ("same-site", 403), ("cross-site", 403)] {
        let headers = [("cookie", cookie.as_str()), ("origin", own.as_str()), ("sec-fetch-site", site)];
        assert_eq!(app.post(&headers).await.0, expected, "{site}");
    }
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (origin, expected) in [(APP, 101), ("http://app.example.com", 403)] {
        let mut raw = Raw::open(&app.0.url).await;
        let head = format!("GET / HTTP/1.1\r\nhost: app.example.com\r\norigin: {origin}\r\ncookie: {cookie}\r\n");
        raw.send(format!("{head}{upgrade}\r\n")).await;
        assert_eq!(raw.head_response().await.unwrap().status, expected, "{origin}");
    }
}
