//! Links that sign a browser in.

use std::time::Duration;

use clusterdesk::{auth::make_link, db::Timestamp, models::user::Role};
use futures_util::future::join_all;
use serde_json::json;

use super::{Browser, link, origin, press, told, with};
use crate::{
    rate_limits::limited,
    support::{Builder, Sql, TestApp, both_databases, hours_ago, literal},
};

/// A well-formed secret that nobody has.
const UNKNOWN: &str = "cdc_000000000000000000000000000000";

both_databases! {
    async fn a_link_signs_a_browser_in_once(app: TestApp) {
        app.admin();
        let link = link(&app, "root");
        // Whoever looks at a link, such as a chat that shows previews, does not use it up.
        for path in ["sign-in".to_owned(), format!("sign-in?{link}"), "sign-in".to_owned()] {
            let page = app.anonymous().http.get(format!("{}{path}", app.url)).send().await.unwrap();
            assert_eq!(page.status(), 200);
            assert_eq!(page.headers()["referrer-policy"], "no-referrer");
            assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
            assert!(!page.headers().contains_key("set-cookie"));
        }
        let response = press(&app, &link, &[("origin", origin(&app))]).await;
        assert_eq!((response.status().as_u16(), &response.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        let secret = cookie.strip_prefix("clusterdesk-session=").unwrap().split(';').next().unwrap();
        assert_eq!(cookie, format!("clusterdesk-session={secret}; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"));
        assert_eq!(response.text().await.unwrap(), r#"{"success":true}"#);

        let browser = Browser { http: app.anonymous().http, url: app.url.clone(), cookie: cookie.split(';').next().unwrap().to_owned() };
        assert_eq!(browser.who().await, "root");
        assert_eq!(browser.call("admin.getStats", json!({})).await["totalUsers"], 1);
        assert_eq!(told(press(&app, &link, &[("origin", origin(&app))]).await).await, (401, json!("UNAUTHORIZED")));
        let mut conn = app.connect();
        for table in conn.tables() {
            let rows = format!("{:?}", conn.rows(&table));
            assert!(!rows.contains(&secret[4..]) && !rows.contains(&link[4..]), "{table} has a secret");
        }
    }

    async fn a_link_works_for_five_minutes(app: TestApp) {
        app.admin();
        for (seconds, status) in [(4 * 60 + 50, 200), (5 * 60, 401)] {
            let made = Timestamp::now().minus(Duration::from_secs(seconds));
            let link = make_link(&mut app.connect(), "root", made).unwrap();
            assert_eq!(link.expires_at, made.plus(Duration::from_secs(5 * 60)));
            let pressed = press(&app, link.secret.expose(), &[("origin", origin(&app))]).await;
            assert_eq!(pressed.status(), status, "after {seconds} seconds");
        }
    }

    async fn of_several_who_press_the_button_one_is_signed_in(app: TestApp) {
        app.admin();
        let link = link(&app, "root");
        let headers = [("origin", origin(&app))];
        let presses = join_all((0..8).map(|_| press(&app, &link, &headers))).await;
        let mut statuses: Vec<u16> = presses.iter().map(|response| response.status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
        assert_eq!(app.count("sessions"), 1);
    }

    async fn a_link_that_does_not_work_signs_nobody_in(app: TestApp) {
        app.admin();
        for user in ["soft", "hard", "late"] {
            app.provision(user, Role::User);
        }
        let [soft, hard, late] = ["soft", "hard", "late"].map(|user| link(&app, user));
        app.admin().call("user.softDelete", json!({"userId": "soft"})).await;
        app.admin().call("user.delete", json!({"userId": "hard"})).await;
        app.execute(&format!("UPDATE sign_in_links SET expires_at = {}", literal(hours_ago(0))));
        let token = app.api_token("root", clusterdesk::models::api_token::Scope::Admin).0;
        for wrong in [&soft, &hard, &late, UNKNOWN, &token, "", "cdc_"] {
            assert_eq!(told(press(&app, wrong, &[("origin", origin(&app))]).await).await, (401, json!("UNAUTHORIZED")), "{wrong}");
        }
        assert_eq!(app.count("sessions"), 0);
        // A new link takes the place of those that have expired.
        link(&app, "late");
        assert_eq!(app.count("sign_in_links"), 1);
    }

    async fn the_secret_of_a_link_or_a_session_is_no_token(app: TestApp) {
        app.admin();
        let browser = Browser::sign_in(&app, "root").await;
        for secret in [link(&app, "root"), browser.secret().to_owned()] {
            app.with_token(&secret).fail("UNAUTHORIZED", "user.me", json!({})).await;
        }
        // Nor is the link's the session's, or a token one of them.
        let token = app.api_token("root", clusterdesk::models::api_token::Scope::Admin).0;
        for secret in [link(&app, "root"), token] {
            let cookie = format!("clusterdesk-session={secret}");
            let headers = [("cookie", cookie.as_str()), ("origin", browser.origin())];
            assert_eq!(browser.call_with("user.me", json!({}), &headers).await, "UNAUTHORIZED");
        }
    }

    async fn guesses_are_counted_by_address(builder: Builder) {
        let app = limited(builder, 0, 3).start().await;
        app.admin();
        let headers = [("origin", origin(&app))];
        for expected in ["UNAUTHORIZED", "UNAUTHORIZED", "UNAUTHORIZED", "TOO_MANY_REQUESTS"] {
            assert_eq!(told(press(&app, UNKNOWN, &headers).await).await.1, expected);
        }
        let refused = press(&app, &link(&app, "root"), &headers).await;
        assert!(refused.headers().contains_key("retry-after"));
        assert_eq!(app.count("sign_in_links"), 1, "nothing was looked up");
    }

    async fn made_up_sessions_that_sign_out_are_counted_by_address(builder: Builder) {
        let app = limited(builder, 0, 3).start().await;
        let cookie = format!("clusterdesk-session={UNKNOWN}");
        let headers = [("origin", origin(&app)), ("cookie", cookie.as_str())];
        for expected in [200, 200, 200, 429] {
            let request = app.anonymous().http.post(format!("{}sign-out", app.url));
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            assert_eq!(request.send().await.unwrap().status(), expected);
        }
    }

    async fn bodies_and_methods_other_than_the_page_s_are_refused(app: TestApp) {
        let http = app.anonymous().http;
        let url = format!("{}sign-in", app.url);
        let post = || http.post(&url).header("origin", origin(&app));
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let refused = post().header("content-type", kind).body(r#"{"link":"x"}"#).send().await.unwrap();
            assert_eq!(told(refused).await, (415, json!("UNSUPPORTED_MEDIA_TYPE")), "{kind}");
        }
        for body in ["", "{", "[]", r#"{"link":7}"#, r#"{"link":"x","more":1}"#] {
            let refused = post().header("content-type", "application/json").body(body).send().await.unwrap();
            assert_eq!(told(refused).await, (400, json!("BAD_REQUEST")), "{body}");
        }
        for (method, path, allow) in [("PUT", "sign-in", "GET, HEAD, POST"), ("GET", "sign-out", "POST"), ("DELETE", "sign-out", "POST")] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let refused = with(http.request(method, format!("{}{path}", app.url)), &[]).send().await.unwrap();
            assert_eq!(refused.headers()["allow"], allow);
            assert_eq!(told(refused).await, (405, json!("METHOD_NOT_SUPPORTED")));
        }
    }
}
