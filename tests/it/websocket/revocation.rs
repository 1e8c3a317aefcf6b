//! A lost right takes effect at once, also on open sockets.

use clusterdesk::{
    db::Timestamp,
    models::api_token::{ApiToken, Scope},
};
use serde_json::{Value, json};

use super::code;
use crate::support::{Socket, TestApp, both_databases};

/// The answer to `user.me`.
async fn me(socket: &mut Socket) -> Value {
    socket.call("user.me", json!({})).await
}

/// A user with two sockets: one opened with a JWT, one with an API token.
async fn sockets(app: &TestApp) -> (Socket, Socket) {
    let mut jwt = Socket::open(&app.user("user_1")).await;
    assert_eq!(code(&me(&mut jwt).await), "OK");
    let (token, _) = app.api_token("user_1", Scope::Admin);
    let mut api = Socket::open(&app.with_token(token)).await;
    assert_eq!(code(&me(&mut api).await), "OK");
    (jwt, api)
}

both_databases! {
    async fn a_revoked_api_token_is_refused_on_an_open_socket(app: TestApp) {
        app.user("user_1").call("user.me", json!({})).await;
        let (token, id) = app.api_token("user_1", Scope::Read);
        let mut socket = Socket::open(&app.with_token(token)).await;
        assert_eq!(code(&me(&mut socket).await), "OK");
        assert!(ApiToken::revoke(&mut app.connect(), id, Timestamp::now()).unwrap());
        assert_eq!(code(&me(&mut socket).await), "UNAUTHORIZED");
    }

    async fn an_expired_api_token_is_refused_on_an_open_socket(app: TestApp) {
        app.user("user_1").call("user.me", json!({})).await;
        let (token, id) = app.api_token("user_1", Scope::Read);
        let mut socket = Socket::open(&app.with_token(token)).await;
        assert_eq!(code(&me(&mut socket).await), "OK");
        app.sql(&format!("UPDATE api_tokens SET expires_at = '2020-01-01 00:00:00' WHERE id = {id}"));
        assert_eq!(code(&me(&mut socket).await), "UNAUTHORIZED");
    }

    async fn a_soft_deleted_user_is_refused_on_open_sockets(app: TestApp) {
        let (mut jwt, mut api) = sockets(&app).await;
        app.admin().call("user.softDelete", json!({"userId": "user_1"})).await;
        assert_eq!([code(&me(&mut jwt).await), code(&me(&mut api).await)], ["UNAUTHORIZED"; 2]);
    }

    async fn a_deleted_user_is_refused_on_open_sockets(app: TestApp) {
        let (mut jwt, mut api) = sockets(&app).await;
        app.admin().call("user.delete", json!({"userId": "user_1"})).await;
        assert_eq!([code(&me(&mut jwt).await), code(&me(&mut api).await)], ["UNAUTHORIZED"; 2]);
    }

    async fn a_demoted_admin_is_forbidden_on_an_open_socket(app: TestApp) {
        let admin = app.admin();
        app.user("user_1").call("user.me", json!({})).await;
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "ADMIN"})).await;
        let mut socket = Socket::open(&app.user("user_1")).await;
        assert_eq!(code(&socket.call("admin.getStats", json!({})).await), "OK");
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "USER"})).await;
        assert_eq!(code(&socket.call("admin.getStats", json!({})).await), "FORBIDDEN");
    }
}
