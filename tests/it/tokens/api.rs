//! API tokens and their scopes.

use clusterdesk::{
    auth,
    db::Timestamp,
    models::api_token::{ApiToken, Scope},
};
use serde_json::{Value, json};

use super::{assert_accepted_as, assert_refused};
use crate::support::{TestApp, both_databases};

const UNKNOWN: &str = "unknown, expired or revoked";

both_databases! {
    async fn an_api_token_authenticates_its_user_within_its_scope(app: TestApp) {
        app.admin().call("user.me", json!({})).await;
        let calls = [("user.me", json!({})), ("user.updateName", json!({"name": "Root"})), ("admin.getStats", json!({}))];
        let allowed = [(Scope::Read, 1), (Scope::Write, 2), (Scope::Admin, 3)];
        for (scope, allowed) in allowed {
            let client = app.with_token(app.api_token("root", scope).0);
            for (number, (method, input)) in calls.iter().enumerate() {
                if number < allowed {
                    client.call(method, input.clone()).await;
                } else {
                    let failure = client.fail("FORBIDDEN", method, input.clone()).await;
                    assert_eq!(failure.message(), "The scope of this API token does not allow this.");
                }
            }
        }
        // A mutation for admins needs the scope admin.
        let writer = app.with_token(app.api_token("root", Scope::Write).0);
        writer.fail("FORBIDDEN", "admin.setRole", json!({"userId": "root", "role": "ADMIN"})).await;
    }

    async fn the_scope_admin_does_not_make_its_user_an_admin(app: TestApp) {
        app.user("user_1").call("user.me", json!({})).await;
        let client = app.with_token(app.api_token("user_1", Scope::Admin).0);
        assert_eq!(client.call("user.me", json!({})).await["id"], "user_1");
        let failure = client.fail("FORBIDDEN", "admin.getStats", json!({})).await;
        assert_eq!(failure.message(), "Only admins may do this.");
    }

    async fn unknown_expired_and_revoked_tokens_are_refused(app: TestApp) {
        app.user("user_1").call("user.me", json!({})).await;
        assert_refused(&app, auth::PlainToken::generate().expose(), UNKNOWN).await;

        let (revoked, id) = app.api_token("user_1", Scope::Admin);
        assert_accepted_as(&app, &revoked, "user_1").await;
        ApiToken::revoke(&mut app.connect(), id, Timestamp::now()).unwrap();
        assert_refused(&app, &revoked, UNKNOWN).await;

        let (expired, id) = app.api_token("user_1", Scope::Admin);
        app.sql(&format!("UPDATE api_tokens SET expires_at = '2020-01-01 00:00:00' WHERE id = {id}"));
        assert_refused(&app, &expired, UNKNOWN).await;
        app.sql(&format!("UPDATE api_tokens SET expires_at = '2999-01-01 00:00:00' WHERE id = {id}"));
        assert_accepted_as(&app, &expired, "user_1").await;
    }

    async fn an_incomplete_token_is_distinguished_from_an_unknown_one(app: TestApp) {
        app.user("user_1").call("user.me", json!({})).await;
        let (token, _) = app.api_token("user_1", Scope::Admin);
        let other_end = if token.ends_with('a') { "b" } else { "a" };
        let broken = [
            token[..39].to_owned(),
            format!("{token}0"),
            format!("{}{other_end}", &token[..39]),
            token.replace("cdk_", "cdk_0"),
            "cdk_".to_owned(),
        ];
        for token in broken {
            assert_refused(&app, &token, "not well-formed").await;
        }
        // Without the prefix it is treated as a JWT.
        assert_refused(&app, &token[4..], "not a well-formed JWT").await;
    }

    async fn tokens_of_deleted_users_are_refused(app: TestApp) {
        let admin = app.admin();
        for (id, ending) in [("soft", "user.softDelete"), ("hard", "user.delete")] {
            app.user(id).call("user.me", json!({})).await;
            let (token, _) = app.api_token(id, Scope::Admin);
            assert_accepted_as(&app, &token, id).await;
            admin.call(ending, json!({"userId": id})).await;
            assert_refused(&app, &token, UNKNOWN).await;
        }
    }

    async fn only_the_hash_of_a_token_is_stored(app: TestApp) {
        app.user("user_1").call("user.me", json!({})).await;
        let (token, id) = app.api_token("user_1", Scope::Read);
        let rows = ApiToken::list(&mut app.connect(), Some("user_1")).unwrap();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
        assert!(!format!("{rows:?}").contains(&token[4..34]));
        let answers: Value = app.with_token(&token).call("user.summary", json!({})).await;
        assert!(!answers.to_string().contains(&token[4..34]));
    }
}
