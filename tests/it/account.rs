//! Hard and soft deletion of users, row by row (docs/API.md, "Deleting a user").

use clusterdesk::models::api_token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, all, both_databases, claims, hours_ago, hours_ahead, hs256, literal};

const BOTH: [&str; 2] = ["user.delete", "user.softDelete"];

/// Creates a user with two live clusters, a deleted cluster, a customer whose subscription has ended, and an API token.
/// Returns the user's client and a client with the API token.
async fn populate(app: &TestApp, id: &str) -> (Client, Client) {
    let user = app.rich(id);
    user.create("web", "FREE").await;
    user.create("shop", "PRO").await;
    user.create_deleted("old", "BUSINESS").await;
    user.call("user.updateName", json!({"name": "Ada"})).await;
    app.execute(&format!("UPDATE users SET email = '{id}@example.com', image = 'https://i' WHERE id = '{id}'"));
    app.customer(id, "PRO", hours_ago(1000));
    (user, app.scripted(id, Scope::Admin))
}

fn clusters(app: &TestApp) -> Vec<String> {
    app.lines(
        "SELECT name || ' ' || coalesce(auth_user_id, '-') || ' ' || status || CASE WHEN deleted_at IS NULL THEN '' \
         ELSE ' deleted' END AS line FROM k8s_cluster_configs ORDER BY id",
    )
}

fn users(app: &TestApp) -> Vec<String> {
    app.lines(
        "SELECT id || ' ' || coalesce(name, '-') || ' ' || coalesce(email, '-') || ' ' || coalesce(image, '-') || \
         CASE WHEN deleted_at IS NULL THEN '' ELSE ' deleted' END AS line FROM users ORDER BY id",
    )
}

const OTHERS: [&str; 3] = ["web other PENDING", "shop other PENDING", "old other DELETED deleted"];

both_databases! {
    async fn hard_delete_removes_the_user_and_keeps_the_clusters_as_history(app: TestApp) {
        populate(&app, "other").await;
        let (user, _) = populate(&app, "user_1").await;
        assert_eq!(user.call("user.delete", Value::Null).await, json!({"success": true}));

        assert_eq!(users(&app), ["other Ada other@example.com https://i"]);
        let history = ["web - DELETED deleted", "shop - DELETED deleted", "old - DELETED deleted"];
        assert_eq!(clusters(&app), [OTHERS, history].concat());
        assert_eq!(app.lines("SELECT auth_user_id AS line FROM customers"), ["other"]);
        assert_eq!(app.lines("SELECT user_id AS line FROM api_tokens"), ["other"]);
    }

    async fn soft_delete_clears_personal_data_and_keeps_the_customer_row(app: TestApp) {
        populate(&app, "other").await;
        let (user, _) = populate(&app, "user_1").await;
        let customer = "SELECT auth_user_id || plan || updated_at AS line FROM customers ORDER BY id";
        let (before, updated_at) = (app.lines(customer), app.user_updated_at("user_1"));
        assert_eq!(user.call("user.softDelete", Value::Null).await, json!({"success": true}));

        let expected = ["other Ada other@example.com https://i", "user_1 - deleted_user_1@example.com - deleted"];
        assert_eq!(users(&app), expected);
        assert!(app.user_updated_at("user_1") > updated_at);
        let own = ["web user_1 DELETED deleted", "shop user_1 DELETED deleted", "old user_1 DELETED deleted"];
        assert_eq!(clusters(&app), [OTHERS, own].concat());
        assert_eq!(app.lines(customer), before);
        assert_eq!(app.lines("SELECT user_id AS line FROM api_tokens WHERE revoked_at IS NOT NULL"), ["user_1"]);
    }

    async fn claiming_the_placeholder_email_in_advance_does_not_block_deletion(app: TestApp) {
        let mut squatter = claims("squatter");
        squatter["email"] = json!("deleted_user_1@example.com");
        let me = app.with_token(hs256(&squatter)).call("user.me", Value::Null).await;
        assert_eq!(me["email"], Value::Null);
        app.user("user_1").call("user.softDelete", Value::Null).await;
    }

    async fn deleting_a_user_sets_updated_at_of_their_clusters_to_deleted_at(app: TestApp) {
        for name in BOTH {
            let user = app.rich(name);
            user.create("web", "FREE").await;
            user.create_deleted("old", "PRO").await;
            app.customer(name, "FREE", hours_ago(1));
            let row = "SELECT CASE WHEN deleted_at = updated_at THEN 'same' ELSE 'other' END AS line \
                       FROM k8s_cluster_configs WHERE name = 'web'";
            user.call(name, Value::Null).await;
            assert_eq!(app.lines(row), ["same"]);
            app.execute("DELETE FROM k8s_cluster_configs");
        }
    }

    async fn removing_the_owner_of_a_deleted_cluster_sets_updated_at(app: TestApp) {
        let user = app.user("user_1");
        user.create_deleted("old", "FREE").await;
        let at = literal(hours_ago(1));
        app.execute(&format!("UPDATE k8s_cluster_configs SET deleted_at = {at}, updated_at = {at}"));
        user.call("user.delete", Value::Null).await;
        assert_eq!(app.count(&format!("k8s_cluster_configs WHERE deleted_at = {at} AND updated_at > {at}")), 1);
    }

    async fn tokens_of_a_deleted_user_are_unauthorized(app: TestApp) {
        for name in BOTH {
            let (user, script) = populate(&app, name).await;
            script.call("user.me", Value::Null).await;
            user.call(name, Value::Null).await;
            let before = users(&app);
            for caller in [&user, &script] {
                caller.fail("UNAUTHORIZED", "user.me", Value::Null).await;
                caller.fail("UNAUTHORIZED", "k8s.create", json!({"name": "web", "location": "eu"})).await;
                caller.fail("UNAUTHORIZED", name, Value::Null).await;
            }
            assert_eq!(users(&app), before);
        }
    }

    async fn admin_can_delete_another_users_account(app: TestApp) {
        let admin = app.admin();
        for name in BOTH {
            let (user, _) = populate(&app, name).await;
            assert_eq!(admin.call(name, json!({"userId": name})).await, json!({"success": true}));
            user.fail("UNAUTHORIZED", "user.me", Value::Null).await;
        }
        admin.call("user.me", Value::Null).await;
    }

    async fn an_admin_can_erase_a_soft_deleted_user(app: TestApp) {
        let admin = app.admin();
        let (user, script) = populate(&app, "user_1").await;
        user.call("user.softDelete", Value::Null).await;
        app.member("other").fail("FORBIDDEN", "user.delete", json!({"userId": "user_1"})).await;
        let ends = |at| app.execute(&format!("UPDATE customers SET stripe_current_period_end = {}", literal(at)));
        ends(hours_ahead(1));
        admin.fail("PRECONDITION_FAILED", "user.delete", json!({"userId": "user_1"})).await;
        ends(hours_ago(1000));
        assert_eq!(admin.call("user.delete", json!({"userId": "user_1"})).await, json!({"success": true}));

        assert_eq!((app.count("users WHERE id = 'user_1'"), app.count("user_tombstones WHERE id = 'user_1'")), (0, 1));
        assert_eq!((app.count("customers"), app.count("api_tokens")), (0, 0));
        assert_eq!(clusters(&app), ["web - DELETED deleted", "shop - DELETED deleted", "old - DELETED deleted"]);
        let detail = json!({"deletedClusters": [], "ownedClusters": [1, 2, 3], "owned": 3, "force": null});
        assert_eq!(admin.audited().await.pop().unwrap(), json!(["root", "user.delete", "user", "user_1", detail]));
        for client in [&user, &script] {
            client.fail("UNAUTHORIZED", "user.me", Value::Null).await;
        }
        admin.fail("NOT_FOUND", "user.delete", json!({"userId": "user_1"})).await;
        // Soft deletion of a deleted user changes nothing.
        admin.fail("NOT_FOUND", "user.softDelete", json!({"userId": "user_1"})).await;
    }

    async fn running_paid_subscription_blocks_deletion(app: TestApp) {
        let admin = app.admin();
        // The second subscription has ended but is within its day of grace.
        for (ends, plan) in [(hours_ahead(100), "PRO"), (hours_ago(23), "BUSINESS")] {
            app.customer("user_1", plan, ends);
            let user = app.user("user_1");
            let before = (users(&app), app.count("audit_log"));
            for name in BOTH {
                let failure = user.fail("PRECONDITION_FAILED", name, Value::Null).await;
                assert_eq!(failure.message(), "A paid subscription is running. Cancel it first.");
                admin.fail("PRECONDITION_FAILED", name, json!({"userId": "user_1", "force": false})).await;
            }
            assert_eq!((users(&app), app.count("audit_log")), before);
        }
        app.customer("user_1", "PRO", hours_ago(25));
        app.user("user_1").call("user.softDelete", Value::Null).await;
        app.customer("user_2", "FREE", hours_ahead(100));
        app.user("user_2").call("user.delete", Value::Null).await;
    }

    async fn admin_can_force_deletion_of_a_paying_customer(app: TestApp) {
        let admin = app.admin();
        for name in BOTH {
            let user = app.rich(name);
            user.create("web", "PRO").await;
            user.fail("FORBIDDEN", name, json!({"force": true})).await;
            admin.call(name, json!({"userId": name, "force": true})).await;
            user.fail("UNAUTHORIZED", "user.me", Value::Null).await;
        }
        assert_eq!(app.lines("SELECT auth_user_id AS line FROM customers"), ["user.softDelete"]);
    }

    async fn last_admin_cannot_be_deleted(app: TestApp) {
        let admin = app.admin();
        for name in BOTH {
            let failure = admin.fail("PRECONDITION_FAILED", name, json!({"force": true})).await;
            assert_eq!(failure.message(), "This is the last admin. Promote somebody else first.");
        }
        app.member("second");
        admin.call("admin.setRole", json!({"userId": "second", "role": "ADMIN"})).await;
        admin.call("user.delete", Value::Null).await;
        app.user("second").fail("PRECONDITION_FAILED", "user.softDelete", Value::Null).await;
    }

    async fn audit_log_records_which_clusters_the_user_owned(app: TestApp) {
        let admin = app.admin();
        let (user, _) = populate(&app, "user_1").await;
        let live = user.call("k8s.list", Value::Null).await;
        user.call("user.delete", Value::Null).await;
        let last = admin.audited().await.pop().unwrap();
        let detail = json!({"deletedClusters": all(&live, "id"), "ownedClusters": [1, 2, 3], "owned": 3, "force": null});
        assert_eq!(last, json!(["user_1", "user.delete", "user", "user_1", detail]));
    }

    async fn database_rejects_live_clusters_without_an_owner(app: TestApp) {
        app.rich("user_1").create("web", "FREE").await;
        for forbidden in [
            "UPDATE k8s_cluster_configs SET auth_user_id = NULL",
            "UPDATE k8s_cluster_configs SET auth_user_id = 'nobody'",
            "DELETE FROM users",
            "DELETE FROM customers; DELETE FROM users",
            "UPDATE k8s_cluster_configs SET status = 'DELETED'",
        ] {
            assert!(app.try_execute(forbidden).is_err(), "{forbidden}");
        }
        assert_eq!(clusters(&app), ["web user_1 PENDING"]);
    }
}
