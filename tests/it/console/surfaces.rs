//! What a session is worth: on every surface the same as any other credential of its user.

use clusterdesk::models::{api_token::Scope, user::Role};
use serde_json::{Value, json};

use super::{Browser, with};
use crate::support::{EventStream, Process, Signal, Socket, TestApp, both_databases, eventually, hours_ago, literal};

both_databases! {
    async fn a_session_counts_on_every_surface(app: TestApp) {
        app.provision("user_1", Role::User);
        let browser = Browser::sign_in(&app, "user_1").await;
        assert_eq!(browser.call("k8s.create", json!({"name": "web", "location": "eu"})).await["success"], true);
        let get = browser.http.get(format!("{}trpc-plain/user.me", app.url));
        let response = with(get, &[("cookie", &browser.cookie)]).send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "private, no-store");
        assert!(response.headers().get_all("vary").iter().any(|value| value == "cookie"));
        assert_eq!(response.json::<Value>().await.unwrap()["result"]["data"]["id"], "user_1");

        let mut socket = Socket::try_open(&app.url, &browser.own()).await.unwrap();
        assert_eq!(socket.call("user.me", json!({})).await["result"]["id"], "user_1");
        let mut socket = Socket::try_open_at(&app.url, "trpc", &browser.own()).await.unwrap();
        socket.send(json!({"id": 7, "method": "query", "params": {"path": "user.me"}}).to_string()).await;
        assert_eq!(socket.receive().await.unwrap()["result"]["data"]["json"]["id"], "user_1");
        let watch = browser.http.get(format!("{}trpc-plain/k8s.watch?input={{}}", app.url));
        let mut events = EventStream::open_by_cookie(with(watch, &browser.own())).await;
        assert_eq!(events.data().await.1["type"], "ready");
    }

    async fn a_token_in_the_header_takes_precedence(app: TestApp) {
        app.provision("user_1", Role::User);
        let browser = Browser::sign_in(&app, "user_1").await;
        let token = app.scripted("user_2", Scope::Read).token.unwrap();
        for (authorization, expected) in [(format!("Bearer {token}"), "user_2"), ("Bearer nonsense".to_owned(), "UNAUTHORIZED")] {
            let headers = [&browser.own()[..], &[("authorization", &authorization)]].concat();
            let me = browser.call_with("user.me", json!({}), &headers).await;
            assert_eq!(me.get("id").unwrap_or(&me), expected);
        }
    }

    async fn the_role_is_read_at_each_call(app: TestApp) {
        let admin = app.admin();
        app.provision("user_1", Role::User);
        let browser = Browser::sign_in(&app, "user_1").await;
        let mut socket = Socket::try_open(&app.url, &browser.own()).await.unwrap();
        for (role, expected) in [("USER", "FORBIDDEN"), ("ADMIN", "null"), ("USER", "FORBIDDEN")] {
            admin.call("admin.setRole", json!({"userId": "user_1", "role": role})).await;
            let answer = socket.call("admin.getStats", json!({})).await;
            let code = answer.pointer("/error/data/code").cloned().unwrap_or_default();
            assert_eq!(code.as_str().unwrap_or("null"), expected);
            let stats = browser.call("admin.getStats", json!({})).await;
            assert_eq!(stats == "FORBIDDEN", expected == "FORBIDDEN");
        }
    }

    async fn a_session_makes_tokens_as_its_user(app: TestApp) {
        app.admin();
        let browser = Browser::sign_in(&app, "root").await;
        let new = browser.call("token.create", json!({"name": "deploy", "scope": "admin"})).await;
        assert_eq!(new["expiresAt"], Value::Null);
        app.with_token(new["token"].as_str().unwrap()).call("admin.getStats", json!({})).await;
    }

    async fn its_use_is_noted(app: TestApp) {
        app.provision("user_1", Role::User);
        let browser = Browser::sign_in(&app, "user_1").await;
        let earlier = literal(hours_ago(2));
        app.execute(&format!("UPDATE sessions SET last_used_at = {earlier}, last_used_address = NULL"));
        let beside = app.beside().start().await;
        let there = browser.at(&beside);
        assert_eq!(there.who().await, "user_1");
        eventually(async || app.count("sessions WHERE last_used_address = '127.0.0.1'") == 1).await;
        let moment = app.lines("SELECT last_used_at || '' AS line FROM sessions").remove(0);
        assert!(moment.contains("0:00"), "{moment}");
    }

    /// A page that is left open must not keep its session alive.
    async fn what_an_unattended_page_calls_is_no_use_of_its_session(app: TestApp) {
        app.provision("left", Role::User);
        app.provision("used", Role::User);
        let (left, used) = (Browser::sign_in(&app, "left").await, Browser::sign_in(&app, "used").await);
        let earlier = literal(hours_ago(2));
        app.execute(&format!("UPDATE sessions SET last_used_at = {earlier}, last_used_address = NULL"));
        let beside = app.beside().start().await;
        let (left, used) = (left.at(&beside), used.at(&beside));
        let headers = [&left.own()[..], &[("x-unattended", "1")]].concat();
        assert_eq!(left.call_with("user.me", json!({}), &headers).await["id"], "left");
        // It connects again by itself, and a browser can't send headers with that.
        let mut socket = Socket::try_open(&beside.url, &left.own()).await.unwrap();
        assert_eq!(socket.call("user.me", json!({})).await["result"]["id"], "left");
        assert_eq!(used.who().await, "used");
        eventually(async || app.count("sessions WHERE last_used_address IS NOT NULL") > 0).await;
        assert_eq!(app.lines("SELECT user_id AS line FROM sessions WHERE last_used_address IS NOT NULL"), ["used"]);
        assert_eq!(left.who().await, "left");
        eventually(async || app.count("sessions WHERE last_used_address IS NOT NULL") == 2).await;
    }

    /// Whoever has stolen a cookie could write unseen otherwise.
    async fn a_mutation_is_always_a_use_of_its_session(app: TestApp) {
        app.provision("user_1", Role::User);
        let browser = Browser::sign_in(&app, "user_1").await;
        let earlier = literal(hours_ago(2));
        app.execute(&format!("UPDATE sessions SET last_used_at = {earlier}, last_used_address = NULL"));
        let beside = app.beside().start().await;
        let there = browser.at(&beside);
        let headers = [&there.own()[..], &[("x-unattended", "1")]].concat();
        there.call_with("user.updateName", json!({"name": "Ann"}), &headers).await;
        eventually(async || app.count("sessions WHERE last_used_address = '127.0.0.1'") == 1).await;
    }
}

#[tokio::test]
async fn secrets_of_sessions_are_not_logged_at_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &[("RUST_LOG", "trace")]);
    let link = server.banner.split_once("/sign-in#").unwrap().1.split_whitespace().next().unwrap().to_owned();
    let http = server.client("").http;
    let origin = server.url.trim_end_matches('/').to_owned();
    let headers = [("origin", origin.as_str()), ("content-type", "application/json")];
    let press = || with(http.post(format!("{}sign-in", server.url)), &headers).body(json!({"link": link}).to_string());
    let response = press().send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(press().send().await.unwrap().status(), 401);
    let browser = Browser { http: http.clone(), url: server.url.clone(), cookie };
    assert_eq!(browser.call("user.me", json!({})).await["role"], "ADMIN");
    browser.call("no.such", json!({})).await;
    assert_eq!(browser.sign_out(&browser.own()).await.status(), 200);
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let log = server.log();
    assert!(log.contains("user.me") && log.contains("sign-in"), "this is not a log:\n{log}");
    for secret in [&link[4..], &browser.secret()[4..]] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
