//! A subscription that is called like a query: the caller is verified and counted before the call is refused.

use clusterdesk::{
    auth,
    db::Timestamp,
    models::api_token::{ApiToken, Scope},
};
use serde_json::{Value, json};

use super::{call, header, json_of, limited, outcome, request};
use crate::support::{Builder, TestApp, both_databases};

both_databases! {
    async fn an_unknown_api_token_is_unauthorized_and_counts_against_the_address(builder: Builder) {
        let app = limited(builder, 2, 0).start().await;
        for expected in ["UNAUTHORIZED", "UNAUTHORIZED", "TOO_MANY_REQUESTS"] {
            let guess = app.with_token(auth::PlainToken::generate().expose());
            assert_eq!(call(&guess, "k8s.watch").await, expected);
        }
        assert_eq!(call(&app.anonymous(), "user.me").await, "TOO_MANY_REQUESTS");
        assert_eq!(call(&app.user("user_1"), "user.me").await, "OK");
    }

    async fn a_valid_api_token_is_refused_by_kind_and_counts_against_the_user(builder: Builder) {
        let app = limited(builder, 2, 0).start().await;
        let user = app.member("user_1");
        let script = app.with_token(app.api_token("user_1", Scope::Read).0);
        for remaining in [1, 0] {
            let response = script.send(request("k8s.watch").to_string()).await;
            assert_eq!(header(&response, "x-ratelimit-remaining"), remaining);
            assert_eq!(outcome(&json_of(response).await), "METHOD_NOT_SUPPORTED");
        }
        assert_eq!(call(&script, "k8s.watch").await, "TOO_MANY_REQUESTS");
        assert_eq!(call(&user, "user.me").await, "TOO_MANY_REQUESTS");
        assert_eq!(call(&app.anonymous(), "user.me").await, "UNAUTHORIZED");
    }

    async fn a_jwt_is_counted_once_for_a_call_of_the_wrong_kind(builder: Builder) {
        let app = limited(builder, 2, 0).start().await;
        let user = app.user("user_1");
        for expected in ["METHOD_NOT_SUPPORTED", "METHOD_NOT_SUPPORTED", "TOO_MANY_REQUESTS"] {
            assert_eq!(call(&user, "k8s.watch").await, expected);
        }
        assert_eq!(app.count("users"), 1, "the first valid token creates the user");
    }

    async fn a_revoked_token_and_a_deleted_user_are_unauthorized(app: TestApp) {
        let user = app.member("user_1");
        let (token, id) = app.api_token("user_1", Scope::Admin);
        let script = app.with_token(token);
        script.fail("METHOD_NOT_SUPPORTED", "k8s.watch", json!({})).await;
        ApiToken::revoke(&mut app.connect(), id, Timestamp::now()).unwrap();
        script.fail("UNAUTHORIZED", "k8s.watch", json!({})).await;
        user.call("user.delete", Value::Null).await;
        user.fail("UNAUTHORIZED", "k8s.watch", json!({})).await;
    }
}
