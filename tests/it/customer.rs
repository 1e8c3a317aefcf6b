//! The `customer.*` procedures and `user.updateName`.

use serde_json::{Value, json};

use crate::support::{TestApp, assert_moment, both_databases, hours_ahead};

/// Every self-service procedure that takes a `userId`, with valid input.
const SELF_SERVICE: [(&str, &str); 6] = [
    ("customer.get", "{}"),
    ("customer.queryCustomer", "{}"),
    ("customer.create", "{}"),
    ("customer.insertCustomer", "{}"),
    ("user.updateName", r#"{"name": "New"}"#),
    ("customer.updateUserName", r#"{"name": "New"}"#),
];

both_databases! {
    async fn customer_of_a_user_without_one_is_null(app: TestApp) {
        let user = app.user("user_1");
        for name in ["customer.get", "customer.queryCustomer"] {
            assert_eq!(user.call(name, Value::Null).await, Value::Null, "{name}");
            assert_eq!(user.call(name, json!({"userId": "user_1"})).await, Value::Null, "{name}");
        }
    }

    async fn new_customer_has_the_free_plan(app: TestApp) {
        let user = app.user("user_1");
        assert_eq!(user.call("customer.create", Value::Null).await, json!({"success": true}));
        let customer = user.call("customer.get", Value::Null).await;
        let moment = customer["createdAt"].clone();
        assert_moment(&moment);
        let expected = json!({
            "id": 1, "authUserId": "user_1", "name": null, "plan": "FREE", "stripeCustomerId": null,
            "stripeSubscriptionId": null, "stripePriceId": null, "stripeCurrentPeriodEnd": null,
            "createdAt": moment, "updatedAt": moment,
        });
        assert_eq!(customer, expected);
    }

    async fn paying_customer_has_a_period_end(app: TestApp) {
        let ends = hours_ahead(24);
        app.customer("user_1", "PRO", ends);
        let customer = app.user("user_1").call("customer.get", Value::Null).await;
        assert_eq!((&customer["plan"], &customer["stripeCurrentPeriodEnd"]), (&json!("PRO"), &json!(ends.to_string())));
    }

    async fn old_names_of_customer_procedures_work(app: TestApp) {
        let user = app.user("user_1");
        assert_eq!(user.call("customer.insertCustomer", json!({"userId": "user_1"})).await, json!({"success": true}));
        let customer = user.call("customer.queryCustomer", json!({"userId": "user_1"})).await;
        assert_eq!(customer["authUserId"], "user_1");
        assert_eq!(customer, user.call("customer.get", Value::Null).await);
    }

    async fn second_customer_for_a_user_conflicts(app: TestApp) {
        let user = app.user("user_1");
        app.user("user_0").call("customer.create", Value::Null).await;
        user.call("customer.create", Value::Null).await;
        let id = user.call("customer.get", Value::Null).await["id"].as_i64().unwrap();
        for name in ["customer.create", "customer.insertCustomer"] {
            let failure = user.fail("CONFLICT", name, Value::Null).await;
            assert_eq!((failure.conflicting_id(), failure.message()), (id, "This user is a customer already."));
        }
        assert_eq!(app.count("customers"), 2);
    }

    async fn naming_another_user_is_forbidden_even_for_admins(app: TestApp) {
        app.member("user_2");
        for caller in [app.user("user_1"), app.admin()] {
            for (name, input) in SELF_SERVICE {
                let mut input: Value = serde_json::from_str(input).unwrap();
                input["userId"] = json!("user_2");
                let there = caller.fail("FORBIDDEN", name, input.clone()).await.anonymous();
                input["userId"] = json!("nobody");
                assert_eq!(caller.fail("FORBIDDEN", name, input).await.anonymous(), there);
            }
        }
        assert_eq!(app.count("customers"), 0);
        assert_eq!(app.count("audit_log"), 0);
    }

    async fn invalid_user_ids_are_reported_by_customer_procedures(app: TestApp) {
        let user = app.user("user_1");
        for name in ["customer.get", "customer.create"] {
            let long = "x".repeat(256);
            for (id, code) in [(json!(""), "too_short"), (json!(long), "too_long"), (json!(7), "invalid_type")] {
                let failure = user.fail("BAD_REQUEST", name, json!({"userId": id})).await;
                assert_eq!(failure.issues(), [format!("userId: {code}")]);
            }
            let failure = user.fail("BAD_REQUEST", name, json!({"user_id": "user_1"})).await;
            assert_eq!(failure.issues(), ["user_id: unknown_field"]);
        }
    }

    async fn customer_procedures_require_a_token(app: TestApp) {
        for (name, input) in SELF_SERVICE {
            app.anonymous().fail("UNAUTHORIZED", name, serde_json::from_str(input).unwrap()).await;
        }
    }
}
