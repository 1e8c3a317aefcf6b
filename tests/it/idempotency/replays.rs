//! What is stored, for whom, and for how long.

use std::time::Duration;

use clusterdesk::models::api_token::Scope;
use serde_json::{Value, json};

use super::{call, cluster, code};
use crate::support::{Builder, TestApp, both_databases, eventually, hours_ago, literal};

both_databases! {
    async fn a_repeated_call_gets_the_first_answer_and_changes_nothing(app: TestApp) {
        let user = app.user("user_1");
        let (first, replayed) = call(&user, "a", "k8s.create", &cluster("web")).await;
        assert!(first["result"]["success"] == true && !replayed, "{first}");
        // The same input, written in another way, and the procedure under its other name.
        let same = [
            ("k8s.create", cluster("web")),
            ("k8s.create", cluster("  web ")),
            ("k8s.create", json!([{"location": "eu", "name": "web"}])),
            ("k8s.createCluster", cluster("web")),
        ];
        for (method, params) in same {
            assert_eq!(call(&user, "a", method, &params).await, (first.clone(), true), "{method} {params}");
        }
        assert_eq!((app.count("k8s_cluster_configs"), app.count("audit_log")), (1, 1));
        let id = &first["result"]["id"];
        let (renamed, _) = call(&user, "b", "k8s.update", &json!({"id": id, "name": "db"})).await;
        let written: Value = format!("{id}.0").parse().unwrap();
        assert_eq!(call(&user, "b", "k8s.update", &json!({"name": "db", "id": written})).await, (renamed, true));
        assert_eq!(app.count("audit_log"), 2);
    }

    async fn a_key_with_another_input_or_procedure_is_a_conflict(app: TestApp) {
        let user = app.user("user_1");
        call(&user, "a", "k8s.create", &cluster("web")).await;
        let id = user.call("k8s.list", Value::Null).await[0]["id"].clone();
        for (method, params) in [
            ("k8s.create", cluster("db")),
            ("k8s.create", json!({"name": "web", "location": "eu", "plan": "FREE"})),
            ("k8s.delete", json!({"id": id})),
            ("customer.create", json!({})),
            ("user.updateName", json!({"name": "web"})),
        ] {
            let (answer, replayed) = call(&user, "a", method, &params).await;
            assert_eq!((code(&answer), replayed), ("CONFLICT", false), "{answer}");
            assert_eq!(answer["error"]["data"].get("conflictingId"), None);
            assert_eq!(answer["error"]["data"].get("retryAfterMs"), None);
        }
        assert_eq!((app.count("k8s_cluster_configs WHERE deleted_at IS NULL"), app.count("audit_log")), (1, 1));
        // An input that is not valid is refused as ever.
        assert_eq!(code(&call(&user, "a", "k8s.create", &json!({})).await.0), "BAD_REQUEST");
    }

    async fn each_user_has_keys_of_their_own(app: TestApp) {
        let (ann, bob) = (app.user("ann"), app.user("bob"));
        let (of_ann, _) = call(&ann, "a", "k8s.create", &cluster("web")).await;
        let (of_bob, replayed) = call(&bob, "a", "k8s.create", &cluster("web")).await;
        assert!(of_ann["result"]["id"] != of_bob["result"]["id"] && !replayed);
        // With an API token it is the same user.
        let script = app.scripted("ann", Scope::Write);
        assert_eq!(call(&script, "a", "k8s.create", &cluster("web")).await, (of_ann, true));
        // The rights are checked before a stored answer is given.
        let reader = app.scripted("ann", Scope::Read);
        assert_eq!(code(&call(&reader, "a", "k8s.create", &cluster("web")).await.0), "FORBIDDEN");
        assert_eq!(code(&call(&app.anonymous(), "a", "k8s.create", &cluster("web")).await.0), "UNAUTHORIZED");
        assert_eq!(app.count("stored_answers"), 2);
    }

    async fn a_failed_call_can_be_repeated_with_its_key(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        let (refused, _) = call(&user, "a", "k8s.create", &cluster("db")).await;
        assert_eq!((code(&refused), &refused["error"]["data"]["conflictingId"]), ("CONFLICT", &json!(id)));
        assert_eq!(app.count("stored_answers"), 0);
        user.call("k8s.delete", json!({"id": id})).await;
        let (created, replayed) = call(&user, "a", "k8s.create", &cluster("db")).await;
        assert!(created["result"]["success"] == true && !replayed, "{created}");
        assert_eq!(call(&user, "a", "k8s.create", &cluster("db")).await, (created, true));
    }

    async fn a_mutation_that_changed_nothing_is_answered_again_too(app: TestApp) {
        app.provision("ann", clusterdesk::models::user::Role::Admin);
        let admin = app.user("ann");
        app.member("bob");
        let input = json!({"userId": "bob", "role": "USER"});
        let (first, _) = call(&admin, "a", "admin.setRole", &input).await;
        admin.call("admin.setRole", json!({"userId": "bob", "role": "ADMIN"})).await;
        assert_eq!(call(&admin, "a", "admin.setRole", &input).await, (first, true));
        assert_eq!(app.count("users WHERE id = 'bob' AND role = 'ADMIN'"), 1);
    }

    async fn queries_ignore_the_key(app: TestApp) {
        let user = app.user("user_1");
        for name in ["Ada", "Grace"] {
            user.call("user.updateName", json!({"name": name})).await;
            let (me, replayed) = call(&user, "a", "user.me", &json!({})).await;
            assert!(me["result"]["name"] == name && !replayed, "{me}");
        }
        assert_eq!(app.count("stored_answers"), 0);
    }

    async fn the_first_call_of_a_new_user_may_have_a_key(app: TestApp) {
        let input = json!({"name": "Ada"});
        let (first, _) = call(&app.user("user_1"), "a", "user.updateName", &input).await;
        assert_eq!(call(&app.user("user_1"), "a", "user.updateName", &input).await, (first, true));
        assert_eq!(app.count("audit_log"), 1);
    }

    async fn a_key_is_free_again_after_a_day(app: TestApp) {
        let user = app.user("user_1");
        let (first, _) = call(&user, "a", "k8s.create", &cluster("web")).await;
        user.call("k8s.delete", json!({"id": first["result"]["id"]})).await;
        app.execute(&format!("UPDATE stored_answers SET created_at = {}", literal(hours_ago(23))));
        assert_eq!(call(&user, "a", "k8s.create", &cluster("web")).await, (first.clone(), true));
        app.execute(&format!("UPDATE stored_answers SET created_at = {}", literal(hours_ago(25))));
        let (second, replayed) = call(&user, "a", "k8s.create", &cluster("web")).await;
        assert!(second["result"]["id"] != first["result"]["id"] && !replayed, "{second}");
        assert_eq!(call(&user, "a", "k8s.create", &cluster("web")).await, (second, true));
        assert_eq!(app.count("stored_answers"), 1);
    }

    async fn the_server_deletes_answers_that_are_older_than_a_day(builder: Builder) {
        let app = builder.limits(|limits| limits.purge_interval = Duration::from_millis(20)).start().await;
        let user = app.user("user_1");
        for key in ["new", "old"] {
            call(&user, key, "user.updateName", &json!({"name": key})).await;
        }
        let age = literal(hours_ago(25));
        app.execute(&format!("UPDATE stored_answers SET created_at = {age} WHERE idempotency_key = 'old'"));
        eventually(async || app.count("stored_answers") == 1).await;
        assert_eq!(app.lines("SELECT idempotency_key AS line FROM stored_answers"), ["new"]);
    }

    async fn a_deleted_users_answers_are_gone(app: TestApp) {
        let (admin, user) = (app.admin(), app.member("user_1"));
        call(&user, "a", "user.updateName", &json!({"name": "Ada"})).await;
        // The answer to the deletion of oneself is not kept, because nobody can ask for it.
        let (deleted, _) = call(&user, "b", "user.delete", &json!({})).await;
        assert_eq!(deleted["result"], json!({"success": true}));
        assert_eq!(app.count("stored_answers"), 0);
        assert_eq!(code(&call(&user, "b", "user.delete", &json!({})).await.0), "UNAUTHORIZED");
        let victim = json!({"userId": "user_2"});
        app.member("user_2");
        let (first, _) = call(&admin, "c", "user.delete", &victim).await;
        assert_eq!(call(&admin, "c", "user.delete", &victim).await, (first, true));
        app.member("user_3");
        let (first, _) = call(&admin, "d", "user.softDelete", &json!({"userId": "user_3"})).await;
        assert_eq!(call(&admin, "d", "user.softDelete", &json!({"userId": "user_3"})).await, (first, true));
    }
}
