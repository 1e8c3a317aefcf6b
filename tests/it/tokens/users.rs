//! Users are created by their first token, authenticated by their row, and not recreated after deletion.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{assert_refused, me};
use crate::support::{Backend, Live, TestApp, Transport, both_databases, claims, eventually, hs256, nameless, now};

fn named(id: &str, email: &str) -> String {
    let mut claims = claims(id);
    claims["email"] = json!(email);
    hs256(&claims)
}

both_databases! {
    async fn the_first_token_creates_the_user_in_a_query_or_a_mutation(app: TestApp) {
        let (reader, writer) = (app.user("reader"), app.user("writer"));
        assert_eq!(reader.call("k8s.list", json!({})).await, json!([]));
        writer.call("k8s.create", json!({"name": "one", "location": "here"})).await;
        let users = app.admin().call("admin.listUsers", json!({})).await;
        let ids: BTreeSet<&str> = users["items"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap()).collect();
        assert_eq!(ids, BTreeSet::from(["reader", "writer", "root"]));
    }

    async fn concurrent_first_calls_create_one_user(app: TestApp) {
        let user = app.user("user_1");
        let calls = (0..20).map(|number| {
            let method = if number % 2 == 0 { "user.me" } else { "k8s.count" };
            user.call(method, json!({}))
        });
        join_all(calls).await;
        let found = app.admin().call("admin.listUsers", json!({"search": "user_1"})).await;
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
    }

    async fn refused_tokens_unknown_methods_and_notifications_create_no_user(app: TestApp) {
        let mut expired = claims("user_1");
        expired["exp"] = json!(1);
        app.with_token(hs256(&expired)).fail("UNAUTHORIZED", "user.me", json!({})).await;
        let user = app.user("user_1");
        user.fail("NOT_FOUND", "made.up", json!({})).await;
        let notification = json!({"jsonrpc": "2.0", "method": "user.me"}).to_string();
        assert_eq!(user.send(notification).await.status(), 204);
        let users = app.admin().call("admin.listUsers", json!({"includeDeleted": true})).await;
        assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users}");
    }

    async fn later_tokens_do_not_change_the_user(app: TestApp) {
        let first = me(&app, &named("user_1", "one@example.com")).await.unwrap();
        assert_eq!((&first["name"], &first["email"]), (&json!("Name of user_1"), &json!("one@example.com")));
        let mut other = claims("user_1");
        other["name"] = json!("Somebody Else");
        other["email"] = json!("other@example.com");
        assert_eq!(me(&app, &hs256(&other)).await.unwrap(), first);
    }

    async fn a_later_token_sets_what_the_user_lacks(app: TestApp) {
        let profile = |user: Value| (user["name"].clone(), user["email"].clone(), user["image"].clone());
        assert_eq!(profile(me(&app, &hs256(&nameless("user_1"))).await.unwrap()), (json!(null), json!(null), json!(null)));
        let mut later = nameless("user_1");
        later["user"] = json!({"email": "one@example.com", "image": "https://i/one.png"});
        // In the first answer already.
        let known = (json!(null), json!("one@example.com"), json!("https://i/one.png"));
        assert_eq!(profile(me(&app, &hs256(&later)).await.unwrap()), known);
        later["name"] = json!("One");
        later["email"] = json!("other@example.com");
        let app_of_one = app.with_token(hs256(&later));
        app_of_one.call("customer.create", json!({})).await;
        let complete = (json!("One"), json!("one@example.com"), json!("https://i/one.png"));
        assert_eq!(profile(app_of_one.call("user.me", json!({})).await), complete);
        assert_eq!(profile(me(&app, &hs256(&nameless("user_1"))).await.unwrap()), complete, "nothing is removed");
        me(&app, &hs256(&nameless("user_2"))).await.unwrap();
        let mut nested = nameless("user_2");
        nested["user"] = json!({"name": "Two"});
        assert_eq!(profile(me(&app, &hs256(&nested)).await.unwrap()).0, "Two");
    }

    async fn a_later_token_does_not_set_an_email_of_another_user(app: TestApp) {
        me(&app, &named("user_1", "one@example.com")).await.unwrap();
        for email in ["one@example.com", "deleted_user_1@example.com"] {
            let id = format!("of {email}");
            let mut claims = nameless(&id);
            me(&app, &hs256(&claims)).await.unwrap();
            claims["email"] = json!(email);
            claims["name"] = json!("Two");
            let mut changed = Vec::new();
            for number in 0..3 {
                // A token of its own each time.
                claims["jti"] = json!(number);
                let user = me(&app, &hs256(&claims)).await.unwrap();
                assert_eq!((&user["name"], &user["email"]), (&json!("Two"), &json!(null)));
                changed.push(app.user_updated_at(&id));
            }
            assert_eq!(changed[1..], [changed[0].clone(), changed[0].clone()], "nothing is written again");
        }
    }

    async fn a_subscription_goes_on_when_a_later_token_has_set_what_the_user_lacks(app: TestApp) {
        let mut claims = nameless("user_1");
        let user = app.with_token(hs256(&claims));
        user.call("user.me", json!({})).await;
        claims["name"] = json!("One");
        let named = app.with_token(hs256(&claims));
        let mut live = Live::open(Transport::JsonRpc, "k8s.watch", &named, json!({})).await;
        assert_eq!(user.call("user.me", json!({})).await["name"], "One");
        user.create("web", "FREE").await;
        assert_eq!(live.next().await["type"], "created");
    }

    async fn an_email_of_another_user_is_ignored(app: TestApp) {
        assert_eq!(me(&app, &named("user_1", "one@example.com")).await.unwrap()["email"], "one@example.com");
        let second = me(&app, &named("user_2", "one@example.com")).await.unwrap();
        assert_eq!((&second["id"], &second["email"]), (&json!("user_2"), &json!(null)));
        assert_eq!(me(&app, &named("user_1", "one@example.com")).await.unwrap()["email"], "one@example.com");
        // The same when the first call is a mutation.
        let third = app.with_token(named("user_3", "one@example.com"));
        third.call("user.updateName", json!({"name": "Three"})).await;
        assert_eq!(third.call("user.me", json!({})).await["email"], json!(null));
    }

    async fn ids_of_any_format_are_accepted(app: TestApp) {
        let long = "x".repeat(255);
        for id in ["user_2jX", "auth0|65f0", "7d0f3c1e-58d5-4f30-a2ab-0c5cf8d1f0b4", "a b", "é'\"%_\\", long.as_str()] {
            assert_eq!(app.user(id).call("user.me", json!({})).await["id"], id);
        }
        for id in [String::new(), "x".repeat(256), "a\0b".to_owned()] {
            assert_refused(&app, &hs256(&claims(&id)), "(sub) must be a string of 1 to 255 characters").await;
        }
    }

    async fn a_deleted_users_token_is_refused_and_does_not_recreate_the_user(app: TestApp) {
        let admin = app.admin();
        for (id, ending) in [("soft", "user.softDelete"), ("hard", "user.delete")] {
            let user = app.user(id);
            user.call("user.me", json!({})).await;
            user.call(ending, json!({})).await;
            for method in ["user.me", "k8s.list", "user.updateName", "user.delete"] {
                let input = if method == "user.updateName" { json!({"name": "Back"}) } else { json!({}) };
                let failure = user.fail("UNAUTHORIZED", method, input).await;
                assert_eq!(failure.message(), "This account was deleted.", "{method}");
            }
            // A newer token of the same user is refused as well.
            let mut newer = claims(id);
            newer["iat"] = json!(now());
            assert_refused(&app, &hs256(&newer), "deleted").await;
        }
        let users = admin.call("admin.listUsers", json!({})).await;
        assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users}");
    }

    async fn the_role_comes_from_the_database_and_not_from_the_token(app: TestApp) {
        let mut claiming = claims("user_1");
        for claim in ["role", "roles", "https://clusterdesk/role", "permissions", "scope", "org_role"] {
            claiming[claim] = json!("ADMIN");
        }
        claiming["app_metadata"] = json!({"role": "ADMIN", "roles": ["ADMIN"]});
        let user = app.with_token(hs256(&claiming));
        assert_eq!(user.call("user.me", json!({})).await["role"], "USER");
        user.fail("FORBIDDEN", "admin.getStats", json!({})).await;

        let admin = app.admin();
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "ADMIN"})).await;
        user.call("admin.getStats", json!({})).await;
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "USER"})).await;
        user.fail("FORBIDDEN", "admin.getStats", json!({})).await;
    }

    async fn without_the_database_no_call_for_admins_succeeds(app: TestApp) {
        let (admin, user) = (app.admin(), app.user("user_1"));
        // On PostgreSQL the server has open connections, which break; on SQLite it has none yet and can open none.
        if app.backend() == Backend::Postgres {
            admin.call("admin.getStats", json!({})).await;
        }
        app.database.take_away();
        let promote = json!({"userId": "user_1", "role": "ADMIN"});
        let failures = tokio::join!(
            admin.fail("SERVICE_UNAVAILABLE", "admin.getStats", json!({})),
            user.fail("SERVICE_UNAVAILABLE", "admin.getStats", json!({})),
            admin.fail("SERVICE_UNAVAILABLE", "admin.setRole", promote),
        );
        for failure in [failures.0, failures.1, failures.2] {
            assert_eq!((&failure.0["code"], &failure.0["data"]["httpStatus"]), (&json!(-32603), &json!(503)));
            assert!(failure.0["data"]["retryAfterMs"].is_u64());
        }
        app.database.bring_back();
        eventually(async || admin.try_call("admin.getStats", json!({})).await.is_ok()).await;
        // This call has to create the user, so writes have recovered as well.
        let refused = async || user.try_call("admin.getStats", json!({})).await.unwrap_err();
        eventually(async || refused().await.code() == "FORBIDDEN").await;
    }
}
