//! Pages that are not the explorer of this very server can't use the cookie.

use clusterdesk::models::user::Role;
use serde_json::json;

use super::{Browser, link, origin, press, told, with};
use crate::support::{Builder, Socket, TestApp, both_databases};

const APP: &str = "https://app.example.com";

/// What browsers send with requests of other pages, or programs that do not say who they are.
const FOREIGN: [&[(&str, &str)]; 8] = [
    &[("origin", "https://evil.com")],
    &[("origin", "https://evil.com"), ("sec-fetch-site", "same-origin")],
    &[("origin", "null")],
    &[("origin", "null"), ("sec-fetch-site", "none")],
    &[],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "")],
];

fn refused(answer: &serde_json::Value) -> bool {
    answer == "FORBIDDEN" || answer == "UNAUTHORIZED"
}

both_databases! {
    async fn another_page_neither_writes_nor_opens_sockets(app: TestApp) {
        app.provision("victim", Role::User);
        let browser = Browser::sign_in(&app, "victim").await;
        let create = json!({"name": "web", "location": "eu"});
        for headers in FOREIGN {
            let headers = [&[("cookie", browser.cookie.as_str())], headers].concat();
            let answer = browser.call_with("k8s.create", create.clone(), &headers).await;
            assert_eq!(answer, "FORBIDDEN", "{headers:?}");
            let refused = Socket::try_open(&app.url, &headers).await.err().unwrap();
            assert!(refused.to_string().contains("403"), "{headers:?}: {refused}");
            assert_eq!(told(browser.sign_out(&headers).await).await, (403, json!("FORBIDDEN")), "{headers:?}");
        }
        let other_site = [("cookie", browser.cookie.as_str()), ("origin", origin(&app)), ("sec-fetch-site", "same-site")];
        assert!(refused(&browser.call_with("k8s.create", create, &other_site).await));
        assert_eq!(app.count("k8s_cluster_configs"), 0);
        assert_eq!(browser.who().await, "victim");
    }

    async fn without_an_origin_the_browser_says_whose_page_it_is(app: TestApp) {
        app.provision("ann", Role::User);
        let browser = Browser::sign_in(&app, "ann").await;
        for (name, site) in [("Ann", "same-origin"), ("Anna", "none")] {
            let headers = [("cookie", browser.cookie.as_str()), ("sec-fetch-site", site)];
            assert_eq!(browser.call_with("user.updateName", json!({"name": name}), &headers).await, json!({"success": true}), "{site}");
            drop(Socket::try_open(&app.url, &headers).await.unwrap());
        }
        // A read changes nothing, so it needs no proof. A browser that names another site has no session.
        for (headers, status) in [(&[][..], 200), (&[("sec-fetch-site", "none")][..], 200), (&[("sec-fetch-site", "cross-site")][..], 401)] {
            let headers = [&[("cookie", browser.cookie.as_str())], headers].concat();
            let read = browser.http.get(format!("{}trpc-plain/user.me", app.url));
            assert_eq!(with(read, &headers).send().await.unwrap().status(), status, "{headers:?}");
        }
        let headers = [("cookie", browser.cookie.as_str()), ("sec-fetch-site", "same-origin")];
        assert_eq!(told(browser.sign_out(&headers).await).await.0, 200);
    }

    async fn a_page_of_a_listed_origin_does_not_get_the_session(builder: Builder) {
        let app = builder.flag("app-url", APP).flag("session-cookies", "__session").start().await;
        app.admin();
        let browser = Browser::sign_in(&app, "root").await;
        for site in ["same-site", "cross-site", "same-origin"] {
            let headers = [("cookie", browser.cookie.as_str()), ("origin", APP), ("sec-fetch-site", site)];
            assert_eq!(browser.call_with("admin.getStats", json!({}), &headers).await, "UNAUTHORIZED", "{site}");
            let get = browser.http.get(format!("{}trpc-plain/admin.getStats", app.url));
            assert_eq!(with(get, &headers).send().await.unwrap().status(), 401, "{site}");
            assert_eq!(told(browser.sign_out(&headers).await).await.0, 403, "{site}");
            assert_eq!(told(press(&app, &link(&app, "root"), &headers).await).await.0, 403, "{site}");
        }
        // The session of the application comes first, so that the explorer changes nothing for its pages.
        let cookies = format!("{}; __session={}", browser.cookie, app.user("user_1").token.unwrap());
        let me = browser.call_with("user.me", json!({}), &[("cookie", &cookies), ("origin", APP)]).await;
        assert_eq!(me["id"], "user_1");
        assert_eq!(browser.who().await, "root");
    }

    async fn another_site_signs_nobody_in(app: TestApp) {
        app.admin();
        let link = link(&app, "root");
        for headers in FOREIGN.into_iter().chain([&[("sec-fetch-site", "same-origin")][..]]) {
            let refused = press(&app, &link, headers).await;
            assert!(!refused.headers().contains_key("set-cookie"));
            assert_eq!(told(refused).await, (403, json!("FORBIDDEN")), "{headers:?}");
        }
        assert_eq!((app.count("sessions"), app.count("sign_in_links")), (0, 1));
    }

    async fn with_tls_the_cookie_is_bound_to_the_host(app: TestApp) {
        app.admin();
        let page = [("host", "console.example.com"), ("origin", "https://console.example.com")];
        let response = press(&app, &link(&app, "root"), &page).await;
        let set = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        let (cookie, attributes) = set.split_once("; ").unwrap();
        assert!(cookie.starts_with("__Host-clusterdesk-session=cdc_"), "{set}");
        assert_eq!(attributes, "Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure");
        let browser = Browser { http: app.anonymous().http, url: app.url.clone(), cookie: cookie.to_owned() };
        let who = async |cookie: &str| {
            let headers = [&page[..], &[("cookie", cookie)]].concat();
            let me = browser.call_with("user.me", json!({}), &headers).await;
            me.get("id").unwrap_or(&me).clone()
        };
        assert_eq!(who(cookie).await, "root");
        // A page without TLS, on this host or a subdomain, can plant a cookie with the other name.
        let planted = cookie.replace("__Host-", "");
        assert_eq!(who(&planted).await, "UNAUTHORIZED");
        assert_eq!(who(&format!("clusterdesk-session=cdc_{}; {cookie}", "0".repeat(30))).await, "root");
        let headers = [&page[..], &[("cookie", cookie)]].concat();
        let cleared = browser.sign_out(&headers).await.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert_eq!(cleared, "__Host-clusterdesk-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure");
    }
}
