//! How subscriptions end: the caller loses a right, or the server stops.

use std::time::Duration;

use clusterdesk::{
    db::Timestamp,
    models::api_token::{ApiToken, Scope},
};
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::create_and_delete;
use crate::support::{Backend, Builder, Sql, TestApp, Watcher, both_databases, eventually};

/// A server that checks the rights of watchers every 50 ms.
async fn rechecking(builder: Builder) -> TestApp {
    builder.limits(|limits| limits.recheck_interval = Duration::from_millis(50)).start().await
}

both_databases! {
    async fn revoking_the_token_ends_the_subscription(builder: Builder) {
        let app = rechecking(builder).await;
        app.member("ann");
        let (token, id) = app.api_token("ann", Scope::Read);
        let mut watcher = Watcher::open(&app.with_token(token), json!({})).await;
        ApiToken::revoke(&mut app.connect(), id, Timestamp::now()).unwrap();
        assert_eq!(watcher.end().await.code(), "UNAUTHORIZED");
        // The socket stays open.
        assert!(watcher.socket.call("rpc.unsubscribe", json!({"subscription": watcher.id})).await["result"] == false);
    }

    async fn no_event_is_sent_after_the_token_is_revoked(app: TestApp) {
        let ann = app.member("ann");
        let (token, id) = app.api_token("ann", Scope::Read);
        let mut watcher = Watcher::open(&app.with_token(token), json!({})).await;
        ann.create("before", "FREE").await;
        assert_eq!(watcher.told(1).await, ["created before"]);
        ApiToken::revoke(&mut app.connect(), id, Timestamp::now()).unwrap();
        ann.call("k8s.delete", json!({"id": 1})).await;
        assert_eq!(watcher.end().await.code(), "UNAUTHORIZED");
    }

    async fn deleting_the_user_ends_the_subscription(builder: Builder) {
        let app = rechecking(builder).await;
        let admin = app.admin();
        for (user, call) in [("ann", "user.softDelete"), ("bob", "user.delete")] {
            let client = app.member(user);
            let mut watcher = Watcher::open(&client, json!({})).await;
            admin.call(call, json!({"userId": user})).await;
            assert_eq!(watcher.end().await.code(), "UNAUTHORIZED");
        }
    }

    async fn demoting_an_admin_ends_the_subscriptions_to_other_users(builder: Builder) {
        let app = rechecking(builder).await;
        let admin = app.admin();
        app.member("ann");
        let boss = app.member("boss");
        let role = async |role: &str| drop(admin.call("admin.setRole", json!({"userId": "boss", "role": role})).await);
        role("ADMIN").await;
        let (mut all, mut anns) = (Watcher::open(&boss, json!({})).await, Watcher::open(&boss, json!({"userId": "ann"})).await);
        let mut own = Watcher::open(&boss, json!({"userId": "boss"})).await;
        role("USER").await;
        for watcher in [&mut all, &mut anns] {
            let end = watcher.end().await;
            assert_eq!((end.code(), &end.0["data"]["path"]), ("FORBIDDEN", &json!("k8s.watch")));
        }
        boss.create("web", "FREE").await;
        assert_eq!(own.told(1).await, ["created web"]);
    }

    async fn a_stopping_server_closes_the_sockets_of_watchers(app: TestApp) {
        let mut app = app;
        app.member("ann");
        let mut busy = Watcher::open(&app.user("ann"), json!({})).await;
        let mut idle = Watcher::open(&app.admin(), json!({"clusterId": 77})).await;
        create_and_delete(&app, "ann", 50);
        busy.next().await;
        app.stop();
        let frame = loop {
            match busy.socket.receive().await {
                Ok(_event) => {}
                Err(frame) => break frame,
            }
        };
        assert_eq!(frame.unwrap().code, CloseCode::Away);
        assert_eq!(idle.socket.receive().await.unwrap_err().unwrap().code, CloseCode::Away);
        app.stopped().await;
    }

    async fn a_subscription_waits_while_the_database_is_away(builder: Builder) {
        let app = rechecking(builder).await;
        let ann = app.member("ann");
        let mut watcher = Watcher::open(&ann, json!({})).await;
        app.database.take_away();
        if app.backend() == Backend::Postgres {
            eventually(async || ann.try_call("user.me", json!({})).await.is_err()).await;
        }
        app.database.bring_back();
        eventually(async || ann.try_call("user.me", json!({})).await.is_ok()).await;
        ann.create("web", "FREE").await;
        assert_eq!(watcher.told(1).await, ["created web"]);
    }
}

/// On SQLite nothing keeps a read waiting.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_check_that_is_not_answered_in_time_is_repeated_once() {
    let builder = Builder::new(Backend::Postgres).limits(|limits| limits.call_timeout = Duration::from_secs(3));
    let app = rechecking(builder).await;
    let (ann, mut holder) = (app.member("ann"), app.connect());
    let mut watcher = Watcher::open(&ann, json!({})).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    holder.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    eventually(async || app.connect().number(waiting) == 1).await;
    // This call starts after the check, so the check has timed out too.
    assert_eq!(ann.try_call("user.me", json!({})).await.unwrap_err().code(), "TIMEOUT");
    holder.run("ROLLBACK");
    ann.create("web", "FREE").await;
    assert_eq!(watcher.told(1).await, ["created web"]);
    holder.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    assert_eq!(watcher.end().await.code(), "TIMEOUT");
    holder.run("ROLLBACK");
}
