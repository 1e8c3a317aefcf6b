//! `admin.getUser` and `admin.names`.

use serde_json::{Value, json};

use crate::support::{
    Builder, PRO, StripeStandIn, Subscription, TestApp, all, assert_moment, both_databases, event, fixed_now,
    hours_ago, now,
};

const MONTH: u64 = 30 * 24 * 3600;

async fn detail(app: &TestApp, id: &str) -> Value {
    app.user("root").call("admin.getUser", json!({"userId": id})).await
}

both_databases! {
    async fn admin_sees_a_user_with_clusters_and_plan(app: TestApp) {
        app.admin();
        let user = app.rich("user_1");
        let web = user.create("web", "PRO").await;
        user.create_deleted("old", "FREE").await;
        let found = detail(&app, "user_1").await;
        assert_moment(&found["createdAt"]);
        assert_eq!(found["clusters"], user.call("k8s.list", Value::Null).await);
        assert_eq!(all(&found["clusters"], "id"), [web]);
        assert_eq!(found["customer"], user.call("customer.get", Value::Null).await);
        let rest = ["id", "name", "role", "deletedAt", "allowance", "isPaying", "isCanceled", "subscriptions", "stripeTestMode"];
        assert_eq!(
            json!(rest.map(|field| &found[field])),
            json!(["user_1", "Name of user_1", "USER", null, "BUSINESS", true, false, [], null])
        );
        app.customer("user_1", "PRO", hours_ago(25));
        let ended = detail(&app, "user_1").await;
        assert_eq!((&ended["allowance"], &ended["isPaying"], &ended["customer"]["plan"]), (&json!("FREE"), &json!(false), &json!("PRO")));
    }

    async fn admin_sees_what_stripe_has_told_of_a_user(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        app.admin();
        app.member("user_1");
        let (start, end) = (fixed_now() - 60, fixed_now() + MONTH);
        let running = Subscription { id: "sub_1", user: "user_1", status: "active", price: PRO, start, end, cancel: true };
        let client = app.anonymous();
        assert_eq!(client.tell(&event("evt_1", "customer.subscription.created", now(), running.object())).await, 200);
        assert_eq!(client.tell(&event("evt_2", "invoice.paid", now(), running.invoice())).await, 200);
        let other = Subscription { id: "sub_2", status: "canceled", price: "price_old", ..running };
        assert_eq!(client.tell(&event("evt_3", "customer.subscription.deleted", now(), other.object())).await, 200);
        let found = detail(&app, "user_1").await;
        assert_eq!((&found["isPaying"], &found["isCanceled"], &found["stripeTestMode"]), (&json!(true), &json!(true), &json!(true)));
        let subscriptions = found["subscriptions"].as_array().unwrap();
        let fields = ["id", "stripeCustomerId", "status", "plan", "interval", "priceId", "cancelAtPeriodEnd"];
        let told: Vec<_> = subscriptions.iter().map(|one| json!(fields.map(|field| &one[field]))).collect();
        assert_eq!(told, [
            json!(["sub_1", "cus_user_1", "active", "PRO", "month", PRO, true]),
            json!(["sub_2", "cus_user_1", "canceled", null, null, "price_old", true]),
        ]);
        assert_eq!(subscriptions[0]["paidUntil"], subscriptions[0]["periodEnd"]);
        assert_eq!(subscriptions[1]["paidUntil"], Value::Null);
    }

    async fn a_soft_deleted_user_is_found_and_an_erased_one_is_not(app: TestApp) {
        let admin = app.admin();
        app.member("soft").call("user.softDelete", Value::Null).await;
        app.member("hard").call("user.delete", Value::Null).await;
        let soft = detail(&app, "soft").await;
        assert_moment(&soft["deletedAt"]);
        assert_eq!((&soft["name"], &soft["email"]), (&Value::Null, &json!("deleted_soft@example.com")));
        let gone = admin.fail("NOT_FOUND", "admin.getUser", json!({"userId": "hard"})).await.anonymous();
        assert_eq!(admin.fail("NOT_FOUND", "admin.getUser", json!({"userId": "nobody"})).await.anonymous(), gone);
    }

    async fn names_are_those_of_the_users_that_have_a_row(app: TestApp) {
        let admin = app.admin();
        let strange = "\u{202e}<b>&\"' 𝔄da";
        app.member("user_1").call("user.updateName", json!({"name": strange})).await;
        app.member("soft").call("user.softDelete", Value::Null).await;
        app.member("hard").call("user.delete", Value::Null).await;
        let ids = json!({"userIds": ["hard", "user_1", "soft", "root", "user_1", "nobody"]});
        let mut names = admin.call("admin.names", ids).await;
        names.as_array_mut().unwrap().sort_by_key(|one| one["id"].as_str().unwrap().to_owned());
        assert_moment(&names[1]["deletedAt"]);
        assert_eq!(names, json!([
            {"id": "root", "name": null, "deletedAt": null},
            {"id": "soft", "name": null, "deletedAt": names[1]["deletedAt"]},
            {"id": "user_1", "name": strange, "deletedAt": null},
        ]));
    }

    async fn ids_that_can_not_be_are_refused(app: TestApp) {
        let admin = app.admin();
        let many: Vec<String> = (0..101).map(|number| format!("user_{number}")).collect();
        for (procedure, input, issues) in [
            ("admin.getUser", json!({"userId": ""}), "userId: too_short"),
            ("admin.getUser", json!({"userId": "x".repeat(256)}), "userId: too_long"),
            ("admin.getUser", json!({}), "userId: required"),
            ("admin.names", json!({"userIds": []}), "userIds: too_short"),
            ("admin.names", json!({"userIds": many}), "userIds: too_long"),
            ("admin.names", json!({"userIds": ["a", "x".repeat(256)]}), "userIds.1: too_long"),
        ] {
            assert_eq!(admin.fail("BAD_REQUEST", procedure, input).await.issues().join(", "), issues);
        }
    }
}
