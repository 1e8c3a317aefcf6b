//! `token.*`: a user's own API tokens.

use std::time::Duration;

use clusterdesk::{
    db::Timestamp,
    models::api_token::{MOST_LIVE, Scope},
};
use serde_json::{Value, json};

use crate::support::{Client, TestApp, all, assert_moment, both_databases, eventually, hours_ago, literal};

const NEW: &str = "token.create";

/// Makes a token by a procedure, and returns a client with it and its id.
async fn made(app: &TestApp, by: &Client, input: Value) -> (Client, i64) {
    let new = by.call(NEW, input).await;
    (app.with_token(new["token"].as_str().unwrap()), new["id"].as_i64().unwrap())
}

/// A user's token as they see it.
async fn token_of(user: &Client, id: &Value) -> Value {
    let list = user.call("token.list", Value::Null).await;
    list.as_array().unwrap().iter().find(|one| one["id"] == *id).unwrap().clone()
}

fn moment(value: &Value) -> Timestamp {
    serde_json::from_value(value.clone()).unwrap()
}

/// Names of tables with rows that contain a text.
fn holding(app: &TestApp, text: &str) -> Vec<String> {
    use crate::support::Sql;
    let mut conn = app.connect();
    let tables = conn.tables();
    tables.into_iter().filter(|table| conn.rows(table).iter().any(|row| row.to_string().contains(text))).collect()
}

both_databases! {
    async fn a_user_makes_lists_and_revokes_their_own_tokens(app: TestApp) {
        let (user, before) = (app.member("user_1"), Timestamp::now());
        let new = user.call(NEW, json!({"name": "deploy", "scope": "write", "expiresInDays": 30})).await;
        let secret = new["token"].as_str().unwrap();
        assert_eq!((&new["scope"], secret.len()), (&json!("write"), 40));
        let (created, expires) = (moment(&token_of(&user, &new["id"]).await["createdAt"]), moment(&new["expiresAt"]));
        assert!(before <= created && created <= Timestamp::now(), "{created}");
        assert_eq!(expires, created.plus(Duration::from_secs(30 * 24 * 60 * 60)));
        let script = app.with_token(secret);
        assert_eq!(script.call("user.updateName", json!({"name": "Ada"})).await, json!({"success": true}));
        script.fail("FORBIDDEN", "admin.getStats", Value::Null).await;

        let list = user.call("token.list", Value::Null).await;
        let [token] = list.as_array().unwrap().as_slice() else { panic!("{list}") };
        let expected = json!({
            "id": new["id"], "userId": "user_1", "name": "deploy", "scope": "write", "hint": &secret[37..],
            "createdAt": token["createdAt"], "expiresAt": new["expiresAt"], "lastUsedAt": token["lastUsedAt"],
            "lastUsedAddress": token["lastUsedAddress"], "revokedAt": null,
        });
        assert_eq!(*token, expected);
        assert!(!list.to_string().contains(&secret[4..34]));

        assert_eq!(user.call("token.revoke", json!({"id": new["id"]})).await, json!({"success": true}));
        script.fail("UNAUTHORIZED", "user.me", Value::Null).await;
        user.fail("NOT_FOUND", "token.revoke", json!({"id": new["id"]})).await;
        assert_moment(&user.call("token.list", Value::Null).await[0]["revokedAt"]);
        assert_eq!(holding(&app, &secret[4..34]), Vec::<String>::new());
    }

    async fn the_tokens_of_others_are_for_admins(app: TestApp) {
        let (admin, user, other) = (app.admin(), app.member("user_1"), app.member("user_2"));
        let (_, id) = made(&app, &user, json!({"name": "a", "scope": "read"})).await;
        for procedure in ["token.revoke", "token.rotate"] {
            other.fail("NOT_FOUND", procedure, json!({"id": id})).await;
            other.fail("FORBIDDEN", procedure, json!({"id": id, "userId": "user_1"})).await;
            admin.fail("NOT_FOUND", procedure, json!({"id": id})).await;
        }
        other.fail("FORBIDDEN", "token.list", json!({"userId": "user_1"})).await;
        other.fail("FORBIDDEN", NEW, json!({"name": "a", "scope": "read", "userId": "user_1"})).await;
        app.scripted("root", Scope::Write).fail("FORBIDDEN", "token.list", json!({"userId": "user_1"})).await;

        let for_user = json!({"name": "b", "scope": "write", "userId": "user_1"});
        let (script, _) = made(&app, &admin, for_user).await;
        assert_eq!(script.call("user.me", Value::Null).await["id"], "user_1");
        let list = admin.call("token.list", json!({"userId": "user_1"})).await;
        assert_eq!(all(&list, "name"), ["b", "a"]);
        let rotated = admin.call("token.rotate", json!({"id": id, "userId": "user_1"})).await;
        let script = app.with_token(rotated["token"].as_str().unwrap());
        assert_eq!(script.call("user.me", Value::Null).await["id"], "user_1");
        admin.fail("NOT_FOUND", "token.rotate", json!({"id": id, "userId": "user_1"})).await;
        admin.call("token.revoke", json!({"id": rotated["id"], "userId": "user_1"})).await;
        script.fail("UNAUTHORIZED", "user.me", Value::Null).await;
        admin.fail("NOT_FOUND", NEW, json!({"name": "a", "scope": "read", "userId": "nobody"})).await;
    }

    async fn a_token_makes_none_that_may_do_more_or_lives_longer(app: TestApp) {
        let admin = app.admin();
        let token = |scope: &str, days: u32| json!({"name": scope, "scope": scope, "expiresInDays": days});
        let (reader, _) = made(&app, &admin, token("read", 30)).await;
        let (writer, writer_id) = made(&app, &admin, token("write", 30)).await;
        let (chief, chief_id) = made(&app, &admin, token("admin", 60)).await;

        reader.fail("FORBIDDEN", NEW, token("read", 1)).await;
        writer.fail("FORBIDDEN", NEW, token("admin", 1)).await;
        writer.fail("FORBIDDEN", NEW, token("write", 31)).await;
        // The token that may do more would come into the hands of the one that may do less.
        writer.fail("FORBIDDEN", "token.rotate", json!({"id": chief_id})).await;
        let (_, long_id) = made(&app, &admin, json!({"name": "for ever", "scope": "read"})).await;
        chief.fail("FORBIDDEN", "token.rotate", json!({"id": long_id})).await;

        let (child, _) = made(&app, &writer, token("read", 29)).await;
        child.call("user.me", Value::Null).await;
        let inherited = writer.call(NEW, json!({"name": "as long", "scope": "write"})).await;
        let list = admin.call("token.list", Value::Null).await;
        let parent = list.as_array().unwrap().iter().find(|one| one["id"] == writer_id).unwrap();
        assert_eq!(inherited["expiresAt"], parent["expiresAt"]);
        chief.call("token.rotate", json!({"id": writer_id})).await;
        writer.fail("UNAUTHORIZED", "user.me", Value::Null).await;
        // It may replace itself.
        let replaced = chief.call("token.rotate", json!({"id": chief_id})).await;
        chief.fail("UNAUTHORIZED", "user.me", Value::Null).await;
        app.with_token(replaced["token"].as_str().unwrap()).call("admin.getStats", Value::Null).await;
    }

    async fn a_user_who_is_no_admin_has_no_token_for_admins(app: TestApp) {
        let (admin, user) = (app.admin(), app.member("user_1"));
        let input = json!({"name": "a", "scope": "admin"});
        user.fail("FORBIDDEN", NEW, input.clone()).await;
        user.fail("FORBIDDEN", NEW, json!({"name": "a", "scope": "service"})).await;
        admin.fail("FORBIDDEN", NEW, json!({"name": "a", "scope": "admin", "userId": "user_1"})).await;
        let (script, _) = made(&app, &user, json!({"name": "a", "scope": "write"})).await;
        // Also after they became one.
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "ADMIN"})).await;
        script.fail("FORBIDDEN", "admin.getStats", Value::Null).await;
        let (chief, _) = made(&app, &user, input).await;
        chief.call("admin.getStats", Value::Null).await;
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "USER"})).await;
        chief.fail("FORBIDDEN", "admin.getStats", Value::Null).await;
    }

    async fn a_rotated_token_has_the_same_name_scope_and_expiry(app: TestApp) {
        let user = app.member("user_1");
        let old = user.call(NEW, json!({"name": "deploy", "scope": "read", "expiresInDays": 7})).await;
        let new = user.call("token.rotate", json!({"id": old["id"]})).await;
        assert_eq!((&new["scope"], &new["expiresAt"]), (&old["scope"], &old["expiresAt"]));
        assert_ne!((&new["id"], &new["token"]), (&old["id"], &old["token"]));
        app.with_token(old["token"].as_str().unwrap()).fail("UNAUTHORIZED", "user.me", Value::Null).await;
        app.with_token(new["token"].as_str().unwrap()).call("user.me", Value::Null).await;
        let list = user.call("token.list", Value::Null).await;
        assert_eq!(all(&list, "name"), ["deploy", "deploy"]);
        user.fail("NOT_FOUND", "token.rotate", json!({"id": old["id"]})).await;
    }

    async fn every_change_is_audited_without_the_secret_and_the_name(app: TestApp) {
        let (admin, user) = (app.admin(), app.member("user_1"));
        let (_, id) = made(&app, &user, json!({"name": "personal words", "scope": "read"})).await;
        let rotated = user.call("token.rotate", json!({"id": id})).await["id"].clone();
        admin.call("token.revoke", json!({"id": rotated, "userId": "user_1"})).await;
        user.fail("NOT_FOUND", "token.revoke", json!({"id": rotated})).await;
        let (first, second) = (id.to_string(), rotated.to_string());
        let made = json!({"owner": "user_1", "scope": "read", "expiresAt": null});
        let replaced = json!({"owner": "user_1", "scope": "read", "expiresAt": null, "replaces": id});
        assert_eq!(admin.audited().await, [
            json!(["user_1", "token.create", "apiToken", first, made]),
            json!(["user_1", "token.rotate", "apiToken", second, replaced]),
            json!(["root", "token.revoke", "apiToken", second, {"owner": "user_1"}]),
        ]);
    }

    async fn a_user_has_a_limited_number_of_tokens(app: TestApp) {
        let user = app.member("user_1");
        let input = json!({"name": "a", "scope": "read"});
        for _ in 0..MOST_LIVE {
            user.call(NEW, input.clone()).await;
        }
        let full = user.fail("PRECONDITION_FAILED", NEW, input.clone()).await;
        assert!(full.message().contains(&MOST_LIVE.to_string()), "{full:?}");
        user.call("token.rotate", json!({"id": 1})).await;
        app.execute(&format!("UPDATE api_tokens SET expires_at = {} WHERE id = 2", literal(hours_ago(1))));
        user.call(NEW, input.clone()).await;
        user.fail("PRECONDITION_FAILED", NEW, input.clone()).await;
        // Those that no longer work are not kept without end either.
        for _ in 0..3 {
            app.execute(&format!("UPDATE api_tokens SET expires_at = {}", literal(hours_ago(1))));
            for _ in 0..MOST_LIVE {
                user.call(NEW, input.clone()).await;
            }
        }
        let kept = app.count("api_tokens");
        assert!(kept <= 2 * MOST_LIVE, "{kept} are kept");
    }

    async fn a_secret_is_not_stored_as_an_answer(app: TestApp) {
        let user = app.member("user_1");
        for (at, (procedure, input)) in
            [(NEW, json!({"name": "a", "scope": "read"})), ("token.rotate", json!({"id": 1}))].into_iter().enumerate()
        {
            let message = json!({"jsonrpc": "2.0", "id": 1, "method": procedure, "params": input, "idempotencyKey": at.to_string()});
            let (first, again) = (user.message(message.clone()).await, user.message(message).await);
            let secret = first["result"]["token"].as_str().unwrap();
            app.with_token(secret).call("user.me", Value::Null).await;
            assert_eq!((&again["idempotencyReplayed"], &again["result"]["token"]), (&json!(true), &Value::Null));
            assert_eq!(again["result"]["id"], first["result"]["id"]);
            assert_eq!(holding(&app, &secret[4..34]), Vec::<String>::new(), "{procedure}");
        }
        assert_eq!(app.count("stored_answers"), 2);
    }

    async fn the_last_use_is_noted_to_ten_minutes(app: TestApp) {
        let user = app.member("user_1");
        let (script, id) = made(&app, &user, json!({"name": "a", "scope": "read"})).await;
        let token = async || user.call("token.list", Value::Null).await[0].clone();
        assert_eq!((&token().await["lastUsedAt"], &token().await["lastUsedAddress"]), (&Value::Null, &Value::Null));
        script.call("user.me", Value::Null).await;
        eventually(async || !token().await["lastUsedAt"].is_null()).await;
        let used = token().await;
        assert_eq!(used["lastUsedAddress"], "127.0.0.1");
        let moment = used["lastUsedAt"].as_str().unwrap();
        assert!(moment.ends_with("0:00.000Z"), "{moment}");
        // What was noted lately is not written again.
        app.execute(&format!("UPDATE api_tokens SET last_used_at = NULL WHERE id = {id}"));
        script.call("user.me", Value::Null).await;
        user.call("user.updateName", json!({"name": "a later write"})).await;
        let noted = token().await["lastUsedAt"].clone();
        let is_later = Timestamp::now().last_multiple(Duration::from_secs(600)).to_string() != moment;
        assert!(noted.is_null() || is_later, "{noted}");
        // Another server does not know of it.
        let beside = app.beside().start().await;
        beside.with_token(script.token.as_deref().unwrap()).call("user.me", Value::Null).await;
        eventually(async || !token().await["lastUsedAt"].is_null()).await;
        user.call("user.softDelete", Value::Null).await;
        assert_eq!(app.count("api_tokens WHERE last_used_address IS NOT NULL"), 0);
    }
}
