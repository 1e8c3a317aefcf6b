//! `session.*`, and what the audit log says of sessions.

use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use super::{Browser, link, origin, press};
use crate::support::{TestApp, all, assert_moment, both_databases};

both_databases! {
    async fn a_user_sees_and_ends_their_own_sessions(app: TestApp) {
        let user = app.member("user_1");
        assert_eq!(user.call("session.list", Value::Null).await, json!([]));
        let (one, two) = (Browser::sign_in(&app, "user_1").await, Browser::sign_in(&app, "user_1").await);
        let list = two.call("session.list", json!({})).await;
        assert_eq!((all(&list, "id"), all(&list, "current")), (vec![&json!(2), &json!(1)], vec![&json!(true), &json!(false)]));
        let newest = &list[0];
        for moment in ["createdAt", "expiresAt", "lastUsedAt"] {
            assert_moment(&newest[moment]);
        }
        assert_eq!((&newest["userId"], &newest["lastUsedAddress"]), (&json!("user_1"), &json!("127.0.0.1")));
        assert_eq!(newest.as_object().unwrap().len(), 7, "and nothing else: {newest}");

        assert_eq!(two.call("session.revoke", json!({"id": 1})).await, json!({"success": true}));
        assert_eq!((one.who().await, two.who().await), (json!("UNAUTHORIZED"), json!("user_1")));
        user.fail("NOT_FOUND", "session.revoke", json!({"id": 1})).await;
        let pending = link(&app, "user_1");
        assert_eq!(user.call("session.revokeAll", Value::Null).await, json!({"success": true}));
        assert_eq!(two.who().await, "UNAUTHORIZED");
        assert_eq!(press(&app, &pending, &[("origin", origin(&app))]).await.status(), 401);
        assert_eq!(user.call("session.revokeAll", Value::Null).await, json!({"success": true}));
    }

    async fn the_sessions_of_others_are_for_admins(app: TestApp) {
        let (admin, other) = (app.admin(), app.member("user_2"));
        app.provision("user_1", Role::User);
        let browser = Browser::sign_in(&app, "user_1").await;
        other.fail("NOT_FOUND", "session.revoke", json!({"id": 1})).await;
        for procedure in ["session.list", "session.revokeAll"] {
            other.fail("FORBIDDEN", procedure, json!({"userId": "user_1"})).await;
        }
        other.fail("FORBIDDEN", "session.revoke", json!({"id": 1, "userId": "user_1"})).await;
        admin.fail("NOT_FOUND", "session.revoke", json!({"id": 1})).await;
        assert_eq!(browser.who().await, "user_1");
        let list = admin.call("session.list", json!({"userId": "user_1"})).await;
        assert_eq!(all(&list, "current"), [&json!(false)]);
        admin.call("session.revoke", json!({"id": 1, "userId": "user_1"})).await;
        assert_eq!(browser.who().await, "UNAUTHORIZED");
        let again = Browser::sign_in(&app, "user_1").await;
        admin.call("session.revokeAll", json!({"userId": "user_1"})).await;
        assert_eq!(again.who().await, "UNAUTHORIZED");
    }

    async fn every_sign_in_and_every_end_is_audited(app: TestApp) {
        let admin = app.admin();
        app.provision("user_1", Role::User);
        let (one, _two) = (Browser::sign_in(&app, "user_1").await, Browser::sign_in(&app, "user_1").await);
        one.sign_out(&one.own()).await;
        one.sign_out(&one.own()).await;
        admin.call("session.revoke", json!({"id": 2, "userId": "user_1"})).await;
        let three = Browser::sign_in(&app, "user_1").await;
        three.call("session.revokeAll", json!({})).await;
        app.user("user_1").call("session.revokeAll", Value::Null).await;
        let owner = json!({"owner": "user_1"});
        assert_eq!(admin.audited().await, [
            json!(["user_1", "session.open", "session", "1", owner]),
            json!(["user_1", "session.open", "session", "2", owner]),
            json!(["user_1", "session.close", "session", "1", owner]),
            json!(["root", "session.revoke", "session", "2", owner]),
            json!(["user_1", "session.open", "session", "3", owner]),
            json!(["user_1", "session.revokeAll", "user", "user_1", {"sessions": 1, "links": 0}]),
        ]);
        assert_eq!(app.count("audit_log WHERE client_address = '127.0.0.1' AND door = 'jsonrpc'"), 6);
    }
}
