//! What browsers and caches are told about answers that depend on a cookie.

use reqwest::{Method, Response};

use super::{APP, App, OLD, builder, cookie, with};
use crate::support::{Backend, Builder, TestApp, claims, hs256};

/// The caching headers of `user.me` by GET: `Cache-Control`, and whether `Vary` names the cookie.
async fn caching(app: &App, headers: &[(&str, &str)]) -> (String, bool) {
    let get = app.0.anonymous().http.get(format!("{}{OLD}/user.me", app.0.url));
    let response = with(get, headers).send().await.unwrap();
    let vary = response.headers().get_all("vary").iter().any(|line| line.to_str().unwrap().contains("cookie"));
    (response.headers()["cache-control"].to_str().unwrap().to_owned(), vary)
}

#[tokio::test]
async fn an_answer_by_cookie_is_private() {
    let app = App(builder(Backend::Sqlite).start().await);
    let (cookie, bearer) = (cookie("user_1"), format!("Bearer {}", hs256(&claims("user_1"))));
    let private = || ("private, no-store".to_owned(), true);
    assert_eq!(caching(&app, &[("cookie", &cookie)]).await, private());
    assert_eq!(caching(&app, &[("cookie", "__session=nonsense")]).await, private());
    // Another answer would have come with a cookie.
    let shared = || ("no-store".to_owned(), true);
    assert_eq!(caching(&app, &[]).await, shared());
    assert_eq!(caching(&app, &[("cookie", "theme=dark")]).await, shared());
    assert_eq!(caching(&app, &[("cookie", &cookie), ("authorization", &bearer)]).await, shared());
    let document = app.0.anonymous().http.get(format!("{}openrpc.json", app.0.url)).header("cookie", &cookie);
    assert_eq!(document.send().await.unwrap().headers()["cache-control"], "no-cache");

    let without = App(Builder::new(Backend::Sqlite).start().await);
    assert_eq!(caching(&without, &[("cookie", &cookie)]).await, ("no-store".to_owned(), false));
}

async fn preflight(app: &TestApp, origin: &str) -> Response {
    let request = app.anonymous().http.request(Method::OPTIONS, &app.url).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "content-type").send().await.unwrap()
}

#[tokio::test]
async fn listed_origins_may_send_cookies() {
    let listed = builder(Backend::Sqlite).flag("allowed-origins", "https://admin.example.com").start().await;
    for origin in [APP, "https://admin.example.com"] {
        let response = preflight(&listed, origin).await;
        assert_eq!(response.headers()["access-control-allow-credentials"], "true", "{origin}");
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
    }
    let own = listed.url.trim_end_matches('/');
    for origin in ["https://evil.com", "null", own] {
        let response = preflight(&listed, origin).await;
        assert!(!response.headers().contains_key("access-control-allow-credentials"), "{origin}");
    }
    let without = Builder::new(Backend::Sqlite).flag("app-url", APP).start().await;
    assert!(!preflight(&without, APP).await.headers().contains_key("access-control-allow-credentials"));
}
