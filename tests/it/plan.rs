//! The plans on which a user may create and restore clusters.

use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_databases, hours_ago, hours_ahead};

const PLANS: [&str; 3] = ["FREE", "PRO", "BUSINESS"];

/// Asserts that a user may create clusters on the first `allowed` plans and must pay for the others.
async fn assert_allowed_plans(user: &Client, allowed: usize) {
    for (at, plan) in PLANS.into_iter().enumerate() {
        let input = json!({"name": "web", "location": "eu", "plan": plan});
        if at < allowed {
            let created = user.call("k8s.create", input).await;
            assert_eq!(created["plan"], plan);
            user.call("k8s.delete", json!({"id": created["id"]})).await;
        } else {
            let failure = user.fail("PAYMENT_REQUIRED", "k8s.create", input).await;
            let expected = format!("Your subscription covers plans up to {}, not {plan}.", PLANS[allowed - 1]);
            assert_eq!(failure.message(), expected);
        }
    }
}

both_databases! {
    async fn a_user_without_a_customer_is_on_the_free_plan(app: TestApp) {
        assert_allowed_plans(&app.user("user_1"), 1).await;
    }

    async fn a_free_customer_is_on_the_free_plan(app: TestApp) {
        let user = app.user("user_1");
        user.call("customer.create", Value::Null).await;
        assert_allowed_plans(&user, 1).await;
    }

    async fn a_customer_may_use_plans_up_to_the_paid_one(app: TestApp) {
        for (at, plan) in PLANS.into_iter().enumerate() {
            app.customer("user_1", plan, hours_ahead(1));
            assert_allowed_plans(&app.user("user_1"), at + 1).await;
        }
    }

    async fn a_plan_stays_valid_for_one_day_after_its_period_ends(app: TestApp) {
        app.customer("user_1", "BUSINESS", hours_ago(23));
        assert_allowed_plans(&app.user("user_1"), 3).await;
        app.customer("user_1", "BUSINESS", hours_ago(25));
        assert_allowed_plans(&app.user("user_1"), 1).await;
    }

    async fn a_plan_without_a_paid_period_counts_as_free(app: TestApp) {
        app.customer("user_1", "PRO", hours_ahead(1));
        app.execute("UPDATE customers SET stripe_current_period_end = NULL");
        assert_allowed_plans(&app.user("user_1"), 1).await;
    }

    async fn a_downgrade_keeps_existing_clusters(app: TestApp) {
        let user = app.rich("user_1");
        let id = user.create("web", "BUSINESS").await;
        app.customer("user_1", "FREE", hours_ahead(1));
        assert_eq!(user.call("k8s.get", json!({"id": id})).await["plan"], "BUSINESS");
        user.call("k8s.update", json!({"id": id, "name": "db"})).await;
        user.call("k8s.delete", json!({"id": id})).await;
    }

    async fn a_restore_requires_that_the_plan_is_still_paid_for(app: TestApp) {
        let user = app.rich("user_1");
        let id = user.create_deleted("web", "PRO").await;
        app.customer("user_1", "PRO", hours_ago(25));
        user.fail("PAYMENT_REQUIRED", "k8s.restore", json!({"id": id})).await;
        app.customer("user_1", "PRO", hours_ago(23));
        user.call("k8s.restore", json!({"id": id})).await;
        assert_eq!(user.call("k8s.get", json!({"id": id})).await["plan"], "PRO");
    }

    async fn payment_is_checked_before_the_slot_of_the_plan(app: TestApp) {
        let user = app.rich("user_1");
        user.create("web", "PRO").await;
        app.customer("user_1", "FREE", hours_ahead(1));
        let input = json!({"name": "web", "location": "eu", "plan": "PRO"});
        user.fail("PAYMENT_REQUIRED", "k8s.create", input).await;
    }

    async fn only_the_three_plan_names_are_accepted(app: TestApp) {
        let user = app.user("user_1");
        for plan in [json!("free"), json!("GOLD"), json!("")] {
            let input = json!({"name": "web", "location": "eu", "plan": plan});
            assert_eq!(user.fail("BAD_REQUEST", "k8s.create", input).await.issues(), ["plan: invalid_value"]);
        }
        let created = user.call("k8s.create", json!({"name": "web", "location": "eu", "plan": null})).await;
        assert_eq!(created["plan"], "FREE");
    }
}
