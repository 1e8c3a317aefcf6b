//! When a session ends.

use clusterdesk::models::{session::MOST, user::Role};
use serde_json::json;

use super::{Browser, with};
use crate::support::{Builder, EventStream, Socket, TestApp, both_databases, hours_ago, literal};

both_databases! {
    async fn signing_out_ends_the_session_and_takes_the_cookie_away(app: TestApp) {
        app.provision("user_1", Role::User);
        let (one, two) = (Browser::sign_in(&app, "user_1").await, Browser::sign_in(&app, "user_1").await);
        let response = one.sign_out(&one.own()).await;
        assert_eq!(response.status(), 200);
        let cleared = response.headers()["set-cookie"].to_str().unwrap();
        assert_eq!(cleared, "clusterdesk-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
        assert_eq!((one.who().await, two.who().await), (json!("UNAUTHORIZED"), json!("user_1")));
        // Once more, and without a cookie, there is nothing to do.
        for headers in [&one.own()[..], &one.own()[1..]] {
            assert_eq!(one.sign_out(headers).await.status(), 200);
        }
        assert_eq!(app.count("sessions"), 1);
    }

    async fn a_deleted_user_s_sessions_end_at_once(app: TestApp) {
        let admin = app.admin();
        for (user, ending) in [("soft", "user.softDelete"), ("hard", "user.delete")] {
            app.provision(user, Role::User);
            let browser = Browser::sign_in(&app, user).await;
            let mut socket = Socket::try_open(&app.url, &browser.own()).await.unwrap();
            assert_eq!(socket.call("user.me", json!({})).await["result"]["id"], user);
            admin.call(ending, json!({"userId": user})).await;
            assert_eq!(browser.who().await, "UNAUTHORIZED");
            assert_eq!(socket.call("user.me", json!({})).await["error"]["data"]["code"], "UNAUTHORIZED");
            assert_eq!(app.count("sessions"), 0);
        }
    }

    async fn a_session_ends_when_it_is_idle_or_old(app: TestApp) {
        app.provision("user_1", Role::User);
        for (column, hours, expected) in [
            ("last_used_at", 11, "user_1"),
            ("last_used_at", 12, "UNAUTHORIZED"),
            ("created_at", 100, "user_1"),
            ("expires_at", 0, "UNAUTHORIZED"),
        ] {
            let (browser, at) = (Browser::sign_in(&app, "user_1").await, literal(hours_ago(hours)));
            app.execute(&format!("UPDATE sessions SET {column} = {at} WHERE id = (SELECT max(id) FROM sessions)"));
            assert_eq!(browser.who().await, expected, "{column} {hours} hours ago");
        }
        assert_eq!(app.user("user_1").call("session.list", json!({})).await.as_array().unwrap().len(), 2);
        // The next one takes the place of those that have ended.
        Browser::sign_in(&app, "user_1").await;
        assert_eq!(app.count("sessions"), 3);
        let lifetime = app.user("user_1").call("session.list", json!({})).await[0].clone();
        let day = |field: &str| chrono::DateTime::parse_from_rfc3339(lifetime[field].as_str().unwrap()).unwrap();
        assert_eq!((day("expiresAt") - day("createdAt")).num_hours(), 7 * 24);
    }

    async fn a_user_has_a_limited_number_of_sessions(app: TestApp) {
        app.provision("user_1", Role::User);
        let first = Browser::sign_in(&app, "user_1").await;
        for _ in 1..MOST {
            Browser::sign_in(&app, "user_1").await;
        }
        assert_eq!(first.who().await, "user_1");
        let last = Browser::sign_in(&app, "user_1").await;
        assert_eq!((first.who().await, last.who().await), (json!("UNAUTHORIZED"), json!("user_1")));
        assert_eq!(app.count("sessions"), MOST);
    }

    async fn a_subscription_ends_with_its_session(builder: Builder) {
        let app = builder.limits(|limits| limits.recheck_interval = std::time::Duration::from_millis(20)).start().await;
        app.provision("user_1", Role::User);
        let browser = Browser::sign_in(&app, "user_1").await;
        let watch = browser.http.get(format!("{}trpc-plain/k8s.watch?input={{}}", app.url));
        let mut events = EventStream::open_by_cookie(with(watch, &browser.own())).await;
        assert_eq!(events.data().await.1["type"], "ready");
        app.user("user_1").call("session.revokeAll", json!({})).await;
        let end = events.answer().await.json();
        assert_eq!(end.pointer("/data/code").or(end.pointer("/error/data/code")), Some(&json!("UNAUTHORIZED")), "{end}");
    }
}
