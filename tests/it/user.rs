//! Users: the row that the first token creates, names, summaries, and accounts.

use serde_json::{Value, json};

use crate::support::{TestApp, all, assert_moment, both_databases, claims, hours_ahead, hs256};

both_databases! {
    async fn the_first_valid_token_creates_the_user(app: TestApp) {
        let mut claims = claims("user_1");
        claims["email"] = json!("ada@example.com");
        claims["picture"] = json!("https://example.com/ada.png");
        let me = app.with_token(hs256(&claims)).call("user.me", Value::Null).await;
        assert_moment(&me["createdAt"]);
        let expected = json!({
            "id": "user_1", "name": "Name of user_1", "email": "ada@example.com", "role": "USER",
            "image": "https://example.com/ada.png", "createdAt": me["createdAt"],
        });
        assert_eq!(me, expected);
    }

    async fn missing_claims_become_null(app: TestApp) {
        let token = hs256(&json!({"sub": "user_1", "exp": claims("")["exp"]}));
        let me = app.with_token(token).call("user.me", Value::Null).await;
        assert_eq!((&me["name"], &me["email"], &me["image"]), (&Value::Null, &Value::Null, &Value::Null));
        assert_eq!(me.as_object().unwrap().len(), 6);
    }

    async fn a_mutation_creates_the_user_too_and_a_later_token_overwrites_nothing(app: TestApp) {
        let user = app.user("user_1");
        user.create("web", "FREE").await;
        let created = user.call("user.me", Value::Null).await;
        let mut later = claims("user_1");
        later["name"] = json!("Another name");
        assert_eq!(app.with_token(hs256(&later)).call("user.me", Value::Null).await, created);
        assert_eq!(app.count("users"), 1);
    }

    async fn an_email_address_that_another_user_has_is_left_null(app: TestApp) {
        for id in ["user_1", "user_2"] {
            let mut claims = claims(id);
            claims["email"] = json!("shared@example.com");
            let me = app.with_token(hs256(&claims)).call("user.me", Value::Null).await;
            let expected = if id == "user_1" { json!("shared@example.com") } else { Value::Null };
            assert_eq!(me["email"], expected);
        }
    }

    async fn both_names_of_the_procedure_rename_the_user(app: TestApp) {
        let user = app.user("user_1");
        let mut expected = user.call("user.me", Value::Null).await;
        for (procedure, name) in [("user.updateName", " Ada "), ("customer.updateUserName", "Grace")] {
            let before = app.user_updated_at("user_1");
            let answer = user.call(procedure, json!({"name": name, "userId": "user_1"})).await;
            assert_eq!(answer, json!({"success": true}));
            expected["name"] = json!(name.trim());
            assert_eq!(user.call("user.me", Value::Null).await, expected);
            assert!(app.user_updated_at("user_1") > before);
        }
    }

    async fn a_name_must_have_1_to_100_characters(app: TestApp) {
        let user = app.user("user_1");
        let updated_at = { user.call("user.me", Value::Null).await; app.user_updated_at("user_1") };
        for (input, issue) in [
            (json!({}), "name: required"),
            (json!({"name": "  "}), "name: too_short"),
            (json!({"name": "é".repeat(101)}), "name: too_long"),
            (json!({"name": null}), "name: invalid_type"),
        ] {
            assert_eq!(user.fail("BAD_REQUEST", "user.updateName", input).await.issues(), [issue]);
        }
        assert_eq!(app.user_updated_at("user_1"), updated_at);
        user.call("user.updateName", json!({"name": "é".repeat(100)})).await;
    }

    async fn a_summary_contains_the_user_the_customer_and_the_live_clusters(app: TestApp) {
        let user = app.rich("user_1");
        user.create("web", "FREE").await;
        user.create("shop", "PRO").await;
        user.create_deleted("old", "BUSINESS").await;
        let summary = user.call("user.summary", Value::Null).await;
        let expected = json!({
            "user": user.call("user.me", Value::Null).await,
            "customer": user.call("customer.get", Value::Null).await,
            "activeClusters": 2,
            "clusters": user.call("k8s.list", Value::Null).await,
            "confirmToken": summary["confirmToken"],
        });
        assert_eq!(summary, expected);
        assert_eq!(all(&summary["clusters"], "name"), ["web", "shop"]);
        assert_eq!(app.admin().call("user.summary", json!({"userId": "user_1"})).await, summary);
        assert_eq!(user.call("user.summary", json!({"userId": "user_1"})).await, summary);
    }

    async fn the_summary_of_a_new_user_is_empty(app: TestApp) {
        let summary = app.user("user_1").call("user.summary", Value::Null).await;
        let rest = (&summary["customer"], &summary["activeClusters"], &summary["clusters"]);
        assert_eq!(rest, (&Value::Null, &json!(0), &json!([])));
    }

    async fn another_users_account_is_forbidden_except_to_admins(app: TestApp) {
        app.member("other");
        let user = app.user("user_1");
        let admin = app.admin();
        for name in ["user.summary", "user.delete", "user.softDelete"] {
            let existing = user.fail("FORBIDDEN", name, json!({"userId": "other"})).await.anonymous();
            assert_eq!(user.fail("FORBIDDEN", name, json!({"userId": "nobody"})).await.anonymous(), existing);
            let missing = admin.fail("NOT_FOUND", name, json!({"userId": "nobody"})).await;
            assert_eq!(missing.message(), "No such user.");
            app.anonymous().fail("UNAUTHORIZED", name, Value::Null).await;
        }
        admin.call("user.summary", json!({"userId": "other"})).await;
        assert_eq!(app.count("users WHERE deleted_at IS NULL"), 3);
    }

    async fn a_deleted_user_is_not_found_even_for_admins(app: TestApp) {
        let admin = app.admin();
        app.member("soft").call("user.softDelete", Value::Null).await;
        app.member("hard").call("user.delete", Value::Null).await;
        for name in ["user.summary", "user.delete", "user.softDelete"] {
            let missing = admin.fail("NOT_FOUND", name, json!({"userId": "nobody"})).await.anonymous();
            // A soft-deleted user can be erased.
            for id in ["soft", "hard"].into_iter().filter(|id| (name, *id) != ("user.delete", "soft")) {
                assert_eq!(admin.fail("NOT_FOUND", name, json!({"userId": id})).await.anonymous(), missing);
            }
        }
    }

    async fn account_procedures_report_every_input_issue(app: TestApp) {
        let admin = app.admin();
        for name in ["user.summary", "user.delete", "user.softDelete"] {
            let failure = admin.fail("BAD_REQUEST", name, json!({"userId": "", "id": 1})).await;
            assert_eq!(failure.issues(), ["id: unknown_field", "userId: too_short"]);
        }
        let failure = admin.fail("BAD_REQUEST", "user.delete", json!({"force": "yes"})).await;
        assert_eq!(failure.issues(), ["force: invalid_type"]);
        assert_eq!(app.count("users"), 1);
    }

    async fn user_ids_of_any_identity_provider_are_accepted(app: TestApp) {
        let long = "x".repeat(255);
        let uuid = "0b7a5e5e-9d1d-4f0c-8a55-3f5f2a3c7f10";
        let ids = ["user_2abcDEF", "auth0|5f7c8ec7c33c6c004bbafe82", uuid, "1", &long, "Zoë 🦀"];
        for id in ids {
            let user = app.user(id);
            assert_eq!(user.call("user.me", Value::Null).await["id"], id);
            user.call("customer.create", json!({"userId": id})).await;
            user.create("web", "FREE").await;
            user.call("user.updateName", json!({"userId": id, "name": "Ada"})).await;
            user.call("user.softDelete", json!({"userId": id})).await;
        }
        assert_eq!(app.count("users"), 6);
    }

    async fn updated_at_stays_when_nothing_about_the_user_changes(app: TestApp) {
        let user = app.member("user_1");
        let admin = app.admin();
        let updated_at = app.user_updated_at("user_1");
        user.create_deleted("web", "FREE").await;
        user.call("customer.create", Value::Null).await;
        user.call("user.me", Value::Null).await;
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "USER"})).await;
        user.fail("FORBIDDEN", "user.delete", json!({"force": true})).await;
        app.customer("user_1", "PRO", hours_ahead(1));
        user.fail("PRECONDITION_FAILED", "user.softDelete", Value::Null).await;
        assert_eq!(app.user_updated_at("user_1"), updated_at);
    }
}
