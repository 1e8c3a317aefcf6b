//! `auth.mySubscription`.

use serde_json::{Value, json};

use crate::support::{TestApp, both_databases, hours_ago, hours_ahead};

both_databases! {
    async fn subscription_of_a_user_without_a_customer_is_null(app: TestApp) {
        assert_eq!(app.user("user_1").call("auth.mySubscription", Value::Null).await, Value::Null);
    }

    async fn subscription_has_the_plan_and_its_end(app: TestApp) {
        let ends = hours_ahead(24);
        app.customer("user_1", "PRO", ends);
        let subscription = app.user("user_1").call("auth.mySubscription", Value::Null).await;
        assert_eq!(subscription, json!({"plan": "PRO", "endsAt": ends.to_string()}));
    }

    async fn subscription_of_a_free_customer_has_no_end(app: TestApp) {
        let user = app.user("user_1");
        user.call("customer.create", Value::Null).await;
        let subscription = user.call("auth.mySubscription", Value::Null).await;
        assert_eq!(subscription, json!({"plan": "FREE", "endsAt": null}));
    }

    async fn ended_subscription_keeps_its_plan_and_end(app: TestApp) {
        let ended = hours_ago(1000);
        app.customer("user_1", "BUSINESS", ended);
        let subscription = app.user("user_1").call("auth.mySubscription", Value::Null).await;
        assert_eq!(subscription, json!({"plan": "BUSINESS", "endsAt": ended.to_string()}));
    }

    async fn another_users_subscription_is_not_visible(app: TestApp) {
        app.customer("user_1", "PRO", hours_ahead(24));
        let other = app.user("user_2");
        assert_eq!(other.call("auth.mySubscription", Value::Null).await, Value::Null);
        let named = other.fail("BAD_REQUEST", "auth.mySubscription", json!({"userId": "user_1"})).await;
        assert_eq!(named.issues(), ["userId: unknown_field"]);
        app.anonymous().fail("UNAUTHORIZED", "auth.mySubscription", Value::Null).await;
    }
}
