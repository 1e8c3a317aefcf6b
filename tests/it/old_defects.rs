//! Regression tests for the numbered defects of the server that this one replaces.

use clusterdesk::models::{api_token::Scope, user::Role};
use futures_util::future::join;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{
    BUSINESS, Builder, PRO, StripeStandIn, Subscription, TestApp, TestDatabase, all, both_databases, event, fixed_now,
    now,
};

/// A Stripe subscription of `user_1`.
fn subscription<'a>(price: &'a str, status: &'a str) -> Subscription<'a> {
    Subscription {
        id: "sub_1",
        user: "user_1",
        status,
        price,
        start: fixed_now() - 60,
        end: fixed_now() + 3600,
        cancel: false,
    }
}

fn cluster(plan: &str) -> Value {
    json!({"name": "web", "location": "eu", "plan": plan})
}

both_databases! {
    async fn defect_01_a_second_cluster_on_a_plan_is_a_conflict(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        let failure = user.fail("CONFLICT", "k8s.createCluster", cluster("FREE")).await;
        assert_eq!((failure.conflicting_id(), &failure.0["data"]["httpStatus"]), (id, &json!(409)));
    }

    async fn defect_02_a_cluster_gets_the_requested_plan(app: TestApp) {
        let user = app.rich("user_1");
        for plan in ["FREE", "PRO", "BUSINESS"] {
            let created = user.call("k8s.createCluster", cluster(plan)).await;
            let stored = user.call("k8s.get", json!({"id": created["id"]})).await;
            assert_eq!([&created["plan"], &stored["plan"]], [plan, plan]);
        }
    }

    async fn defect_03_a_user_who_ever_had_a_cluster_can_be_deleted(app: TestApp) {
        let user = app.user("user_1");
        user.create_deleted("old", "FREE").await;
        user.create("web", "FREE").await;
        user.call("user.delete", Value::Null).await;
        assert_eq!((app.count("users"), app.count("k8s_cluster_configs WHERE auth_user_id IS NULL")), (0, 2));
    }

    async fn defect_04_a_restore_onto_an_occupied_plan_is_a_conflict(app: TestApp) {
        let user = app.user("user_1");
        let old = user.create_deleted("old", "FREE").await;
        let new = user.create("web", "FREE").await;
        let failure = user.fail("CONFLICT", "k8s.restore", json!({"id": old})).await;
        assert_eq!((failure.conflicting_id(), failure.message()), (new, "There is an active FREE cluster already."));
    }

    async fn defect_05_a_missing_plan_does_not_bypass_uniqueness(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        for plan in [json!({}), json!({"plan": null})] {
            let mut input = json!({"name": "web", "location": "eu"});
            input.as_object_mut().unwrap().extend(plan.as_object().unwrap().clone());
            assert_eq!(user.fail("CONFLICT", "k8s.create", input).await.conflicting_id(), id);
        }
        assert!(app.try_execute("UPDATE k8s_cluster_configs SET plan = NULL").is_err());
    }

    async fn defect_06_an_update_never_writes_to_a_cluster_deleted_meanwhile(app: TestApp) {
        let user = app.user("user_1");
        for _ in 0..10 {
            let id = user.create("before", "FREE").await;
            let update = user.try_call("k8s.updateCluster", json!({"id": id, "name": "after"}));
            let (updated, _) = join(update, user.call("k8s.deleteCluster", json!({"id": id}))).await;
            let name = app.lines(&format!("SELECT name AS line FROM k8s_cluster_configs WHERE id = {id}"));
            assert_eq!(name, [if updated.is_ok() { "after" } else { "before" }]);
            let last = app.lines("SELECT procedure AS line FROM audit_log ORDER BY id DESC LIMIT 1");
            assert_eq!(last, ["k8s.delete"], "the update came after the deletion");
        }
    }

    async fn defect_07_a_call_that_affects_no_row_is_not_found(app: TestApp) {
        let user = app.user("user_1");
        for id in [999, user.create_deleted("old", "FREE").await] {
            user.fail("NOT_FOUND", "k8s.updateCluster", json!({"id": id, "name": "new"})).await;
            user.fail("NOT_FOUND", "k8s.deleteCluster", json!({"id": id})).await;
        }
        user.fail("NOT_FOUND", "k8s.restore", json!({"id": 999})).await;
    }

    async fn defect_08_query_customer_returns_the_customer(app: TestApp) {
        let user = app.user("user_1");
        assert_eq!(user.call("customer.queryCustomer", json!({"userId": "user_1"})).await, Value::Null);
        user.call("customer.insertCustomer", json!({"userId": "user_1"})).await;
        let customer = user.call("customer.queryCustomer", json!({"userId": "user_1"})).await;
        assert_eq!((&customer["authUserId"], &customer["plan"]), (&json!("user_1"), &json!("FREE")));
    }

    async fn defect_09_a_second_customer_is_a_conflict(app: TestApp) {
        let user = app.user("user_1");
        user.call("customer.insertCustomer", json!({"userId": "user_1"})).await;
        let failure = user.fail("CONFLICT", "customer.insertCustomer", json!({"userId": "user_1"})).await;
        assert_eq!(failure.conflicting_id(), 1);
    }

    async fn defect_10_identity_provider_ids_are_accepted_and_their_users_created(app: TestApp) {
        let uuid = "0b7a5e5e-9d1d-4f0c-8a55-3f5f2a3c7f10";
        for id in ["user_2NNEqL2nrIRdJ194ndJqAHwEfxC", "auth0|507f1f77bcf86cd799439011", uuid] {
            let user = app.user(id);
            user.create("web", "FREE").await;
            let me = user.call("user.me", Value::Null).await;
            assert_eq!((&me["id"], &me["name"]), (&json!(id), &json!(format!("Name of {id}"))));
        }
        assert_eq!(app.count("users"), 3);
    }

    async fn defect_11_a_stripe_event_is_registered_only_with_its_effect(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let user = app.user("user_1");
        user.call("user.me", Value::Null).await;
        let created = |price| event("evt_1", "customer.subscription.created", now(), subscription(price, "active").object());
        // A failed event is not acknowledged, nor is its duplicate; a later delivery is processed.
        for _ in 0..2 {
            assert_eq!(user.tell(&created("price_unknown")).await, 500);
        }
        assert_eq!(app.count("stripe_events WHERE processed_at IS NOT NULL"), 0);
        assert_eq!(user.tell(&created(PRO)).await, 200);
        assert_eq!(user.call("customer.get", Value::Null).await["plan"], "PRO");
    }

    async fn defect_12_a_cancelled_subscription_returns_the_customer_to_free(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let user = app.user("user_1");
        user.call("user.me", Value::Null).await;
        for (at, kind, price, status, plan) in [
            (1, "created", BUSINESS, "active", "BUSINESS"),
            (2, "updated", PRO, "active", "PRO"),
            (3, "deleted", PRO, "canceled", "FREE"),
        ] {
            let kind = format!("customer.subscription.{kind}");
            let event = event(&format!("evt_{at}"), &kind, now() + at, subscription(price, status).object());
            assert_eq!(user.tell(&event).await, 200);
            assert_eq!(user.call("customer.get", Value::Null).await["plan"], plan);
        }
    }

    async fn defect_13_only_configured_prices_are_accepted(builder: Builder) {
        let app = builder.with_billing(&StripeStandIn::start().await).start().await;
        let failure = app.user("user_1").fail("BAD_REQUEST", "stripe.createSession", json!({"planId": "price_any"})).await;
        assert_eq!(failure.issues(), ["planId: invalid_value"]);
    }

    async fn defect_14_any_changed_parameter_changes_the_idempotency_key(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        for price in [PRO, BUSINESS] {
            // The stand-in refuses a known key with other parameters, as Stripe does.
            let session = app.user("user_1").call("stripe.createSession", json!({"planId": price})).await;
            assert_eq!(session["success"], true);
        }
    }

    async fn defect_15_rate_limits_are_in_the_headers_and_apply_to_anonymous_callers(builder: Builder) {
        let app = builder.flag("rate-limit-read-max-requests", "2").start().await;
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "k8s.getClusters"}).to_string();
        for (caller, outcome) in [(app.user("user_1"), "OK"), (app.anonymous(), "UNAUTHORIZED")] {
            for remaining in ["1", "0", "0"] {
                // A forged address does not avoid the limit.
                let forwarded = format!("203.0.113.{remaining}");
                let response = caller.post().header("x-forwarded-for", forwarded).body(request.clone());
                let response = response.send().await.unwrap();
                assert_eq!(response.headers()["x-ratelimit-limit"], "2");
                assert_eq!(response.headers()["x-ratelimit-remaining"], remaining);
                assert!(response.headers().contains_key("x-ratelimit-reset"));
                let refused = response.headers().contains_key("retry-after");
                let answer: Value = response.json().await.unwrap();
                let code = answer["error"]["data"]["code"].as_str().unwrap_or("OK");
                assert_eq!(code, if refused { "TOO_MANY_REQUESTS" } else { outcome });
            }
            caller.fail("TOO_MANY_REQUESTS", "k8s.getClusters", Value::Null).await;
        }
    }

    async fn defect_16_the_admin_check_fails_closed_without_the_database(app: TestApp) {
        let admin = app.admin();
        admin.call("admin.getStats", Value::Null).await;
        app.execute("ALTER TABLE users RENAME TO users_out_of_reach");
        for procedure in ["admin.getStats", "admin.listClusters", "admin.auditLog"] {
            admin.fail("INTERNAL_SERVER_ERROR", procedure, Value::Null).await;
        }
        app.execute("ALTER TABLE users_out_of_reach RENAME TO users; UPDATE users SET role = 'USER'");
        admin.fail("FORBIDDEN", "admin.getStats", Value::Null).await;

        let url = app.database.url.replace(app.database.folder.path().to_str().unwrap(), "/nowhere");
        let url = if url == app.database.url { "postgres:///test?host=/nowhere".to_owned() } else { url };
        let database = TestDatabase { backend: app.backend(), url, folder: tempdir().unwrap() };
        let away = Builder::with_database(database).start().await;
        away.user("root").fail("SERVICE_UNAVAILABLE", "admin.getStats", Value::Null).await;
    }

    async fn defect_17_curl_needs_no_origin_in_production(builder: Builder) {
        let app = builder.flag("app-url", "https://app.example.com").start().await;
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "k8s.createCluster", "params": cluster("FREE")});
        let curl = app.user("user_1").post().header("user-agent", "curl/8.0").body(request.to_string());
        let answer: Value = curl.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["result"]["success"], true);
    }

    async fn defect_18_a_soft_deleted_user_keeps_no_name_image_or_token(app: TestApp) {
        let user = app.user("user_1");
        let script = app.scripted("user_1", Scope::Write);
        app.execute("UPDATE users SET name = 'Ada', image = 'https://i', email = 'ada@example.com'");
        script.call("user.softDelete", Value::Null).await;
        let admin = app.admin();
        let users = admin.call("admin.listUsers", json!({"includeDeleted": true, "search": "user_1"})).await;
        let left = &users["items"][0];
        assert_eq!((&left["name"], &left["image"]), (&Value::Null, &Value::Null));
        assert_eq!(left["email"], "deleted_user_1@example.com");
        for caller in [user, script] {
            caller.fail("UNAUTHORIZED", "user.me", Value::Null).await;
        }
    }

    async fn defect_19_a_completed_checkout_session_is_processed(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        let user = app.user("user_1");
        user.call("stripe.createSession", json!({"planId": PRO})).await;
        let customer = user.call("customer.get", Value::Null).await["stripeCustomerId"].take();
        let session = json!({"id": "cs_1", "metadata": {"userId": "user_1"}, "customer": customer, "subscription": "sub_1"});
        assert_eq!(user.tell(&event("evt_1", "checkout.session.completed", now(), session)).await, 200);
        assert_eq!(app.count("stripe_events WHERE processed_at IS NOT NULL AND error IS NULL"), 1);
        assert_eq!(app.count("stripe_subscriptions WHERE id = 'sub_1' AND auth_user_id = 'user_1'"), 1);
    }

    async fn defect_20_an_underscore_in_a_search_is_not_a_wildcard(app: TestApp) {
        let admin = app.admin();
        for id in ["deleted_1", "deletedX1", "deleted-1"] {
            app.provision(id, Role::User);
            app.execute(&format!("UPDATE users SET email = '{id}@example.com' WHERE id = '{id}'"));
        }
        let found = admin.call("admin.listUsers", json!({"search": "deleted_"})).await;
        assert_eq!(all(&found["items"], "id"), ["deleted_1"]);
        // An address of this form does not mark a user as deleted.
        assert_eq!(app.user("deleted_1").call("user.me", Value::Null).await["email"], "deleted_1@example.com");
        assert_eq!(admin.call("admin.getStats", Value::Null).await["totalUsers"], 4);
    }
}
