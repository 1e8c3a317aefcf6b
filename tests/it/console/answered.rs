//! The page with the answers to its first calls.

use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use super::{Browser, with};
use crate::support::{Backend, Builder, Sql, TestApp, both_databases, eventually};

/// What the page finds in itself, and the headers that it came with. Null if it finds nothing.
async fn page(browser: &Browser, path: &str, headers: &[(&str, &str)]) -> (Value, reqwest::header::HeaderMap) {
    let response = with(browser.http.get(format!("{}{path}", browser.url)), headers).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (found, text) = (response.headers().clone(), response.text().await.unwrap());
    let (_, rest) = text.split_once(r#"<script type="application/json" id="answers">"#).unwrap();
    let (answers, rest) = rest.split_once("</script>").unwrap();
    assert!(rest.trim_start().starts_with("<script type=\"module\" src=\"docs/prelude-"), "{rest}");
    (serde_json::from_str(answers).unwrap_or_default(), found)
}

/// The same once there are answers: a server that is busy sends the page without them.
async fn answered(browser: &Browser, path: &str, headers: &[(&str, &str)]) -> (Value, reqwest::header::HeaderMap) {
    let mut found = page(browser, path, headers).await;
    eventually(async || {
        if found.0.is_null() {
            found = page(browser, path, headers).await;
        }
        !found.0.is_null()
    })
    .await;
    found
}

both_databases! {
    async fn the_page_says_who_is_signed_in_and_what_the_tab_shows_first(app: TestApp) {
        let admin = app.admin();
        admin.call("user.updateName", json!({"name": "</script><script>alert(1)</script><!--"})).await;
        let browser = Browser::sign_in(&app, "root").await;
        let me = browser.call("user.me", json!({})).await;
        let plain = with(browser.http.get(&browser.url), &[]).send().await.unwrap();
        for path in ["", "docs"] {
            let (answers, headers) = answered(&browser, path, &[("cookie", &browser.cookie)]).await;
            assert_eq!(answers["calls"], json!([["user.me", null]]));
            assert_eq!(answers["answers"], json!([{"jsonrpc": "2.0", "id": 0, "result": me}]));
            assert_eq!(answers["bound"], false);
            assert_eq!(headers["cache-control"], "private, no-store");
            assert_eq!(headers["content-security-policy"], plain.headers()["content-security-policy"]);
            let varies: Vec<_> = headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
            assert!(varies.contains(&"cookie") && !headers.contains_key("etag"), "{varies:?}");
        }
        for (tab, procedure) in [
            ("users", "admin.listUsers"),
            ("clusters", "admin.listClusters"),
            ("audit", "admin.auditLog"),
            ("stripe", "admin.webhookEvents"),
        ] {
            let cookies = format!("{}; clusterdesk-place=dashboard/{tab}", browser.cookie);
            let (answers, _) = answered(&browser, "", &[("cookie", &cookies)]).await;
            let [method, input] = [&answers["calls"][1][0], &answers["calls"][1][1]];
            assert_eq!(method, procedure);
            assert_eq!(answers["answers"][1]["result"], browser.call(procedure, input.clone()).await, "{tab}");
        }
    }

    async fn a_tab_is_answered_as_its_user_may_see_it(app: TestApp) {
        app.provision("user_1", Role::User);
        let browser = Browser::sign_in(&app, "user_1").await;
        let cookies = format!("{}; clusterdesk-place=dashboard/users", browser.cookie);
        let (answers, _) = answered(&browser, "", &[("cookie", &cookies)]).await;
        assert_eq!(answers["answers"][0]["result"]["id"], "user_1");
        assert_eq!(answers["answers"][1]["error"]["data"]["code"], "FORBIDDEN");
        // Only the tabs that the server knows: a cookie does not say what is called.
        for place in ["", "user.delete", "dashboard/stats", "[\"user.me\",{}]"] {
            let cookies = format!("{}; clusterdesk-place={place}", browser.cookie);
            let (answers, _) = answered(&browser, "", &[("cookie", &cookies)]).await;
            assert_eq!(answers["answers"].as_array().unwrap().len(), 1, "{place}");
        }
    }

    async fn whoever_is_not_signed_in_gets_the_page_without_answers(app: TestApp) {
        app.admin();
        let browser = Browser::sign_in(&app, "root").await;
        let (cookie, token) = (browser.cookie.clone(), app.admin().token.unwrap());
        let bearer = format!("Bearer {token}");
        for headers in [
            &[][..],
            &[("cookie", "clusterdesk-session=cdc_0")][..],
            &[("cookie", &cookie), ("sec-fetch-site", "cross-site")],
            &[("cookie", &cookie), ("sec-fetch-site", "same-site")],
            &[("cookie", &cookie), ("origin", "https://evil.com")],
            &[("cookie", &cookie), ("authorization", &bearer)],
        ] {
            // A page that is late has no answers either, so one is not enough.
            answered(&browser, "", &[("cookie", &cookie)]).await;
            for _ in 0..3 {
                let (answers, found) = page(&browser, "", headers).await;
                assert_eq!(answers, Value::Null, "{headers:?}");
                assert_eq!(found["cache-control"], "no-cache", "{headers:?}");
            }
        }
        answered(&browser, "", &[("cookie", &cookie), ("sec-fetch-site", "none")]).await;
        browser.sign_out(&browser.own()).await;
        let (answers, _) = answered(&browser, "", &[("cookie", &cookie)]).await;
        assert_eq!(answers["answers"][0]["error"]["data"]["code"], "UNAUTHORIZED");
    }

    async fn the_page_says_whether_another_page_can_have_planted_the_cookie(app: TestApp) {
        app.admin();
        let browser = Browser::sign_in(&app, "root").await;
        let bound = format!("{}; __Host-{}", browser.cookie.replace("cdc_", "cdc_0"), browser.cookie);
        let (answers, _) = answered(&browser, "", &[("cookie", &bound)]).await;
        assert_eq!((&answers["bound"], &answers["answers"][0]["result"]["id"]), (&json!(true), &json!("root")));
    }
}

/// It asks by itself, and shows what that answers.
#[tokio::test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn the_page_comes_without_answers_while_the_database_hangs() {
    let app = Builder::new(Backend::Postgres).start().await;
    app.admin();
    let browser = Browser::sign_in(&app, "root").await;
    assert_eq!(browser.who().await, "root");
    let mut blocker = app.connect();
    blocker.run("BEGIN; LOCK TABLE users, sessions IN ACCESS EXCLUSIVE MODE");
    assert_eq!(page(&browser, "", &[("cookie", &browser.cookie)]).await.0, Value::Null);
    blocker.run("ROLLBACK");
}
