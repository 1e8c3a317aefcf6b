//! `admin.reconcileUser`: what Stripe says of one user.

use serde_json::{Value, json};

use super::{record, running, subscribed};
use crate::support::{
    BUSINESS, Builder, Client, Fault, PRO, StripeStandIn, Subscription, TestApp, both_databases, eventually,
};

async fn with_billing(builder: Builder) -> (TestApp, StripeStandIn) {
    let stripe = StripeStandIn::start().await;
    (builder.with_billing(&stripe).start().await, stripe)
}

/// What Stripe lists for any customer.
fn list(stripe: &StripeStandIn, subscriptions: &[Subscription<'_>]) {
    stripe.list_subscriptions(subscriptions.iter().map(Subscription::object).collect());
}

async fn reconcile(admin: &Client) -> Vec<String> {
    let found = admin.call("admin.reconcileUser", json!({"userId": "user_1"})).await;
    let line = |one: &Value| {
        let detail = one["detail"].as_str().map_or_else(String::new, |detail| format!(": {detail}"));
        format!("{} {}{detail}", one["id"].as_str().unwrap(), one["outcome"].as_str().unwrap())
    };
    found["subscriptions"].as_array().unwrap().iter().map(line).collect()
}

both_databases! {
    async fn what_stripe_says_of_a_user_is_applied_once(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let (admin, client) = (app.admin(), subscribed(&app, "user_1").await);
        let upgraded = Subscription { price: BUSINESS, ..running("user_1") };
        list(&stripe, &[upgraded]);
        // Stripe's clock must be past the second of the last event.
        app.execute("UPDATE stripe_subscriptions SET event_created_at = '2026-01-01 00:00:00'");
        assert_eq!(reconcile(&admin).await, ["sub_1 changed"]);
        assert_eq!(record(&client).await, json!(["BUSINESS", "cus_user_1", "sub_1", BUSINESS]));
        assert_eq!(reconcile(&admin).await, ["sub_1 unchanged"]);
        let asked = stripe.requests().pop().unwrap();
        assert_eq!((asked.path.as_str(), asked.form["customer"].as_str(), asked.form["status"].as_str()), ("/v1/subscriptions", "cus_user_1", "all"));
        let entries = admin.call("admin.auditLog", json!({"procedure": "admin.reconcileUser"})).await;
        let entries = entries["items"].as_array().unwrap();
        assert_eq!((entries.len(), &entries[0]["entityId"], &entries[0]["actorId"]), (1, &json!("sub_1"), &json!("root")));
    }

    // The webhook missed everything after the checkout.
    async fn a_subscription_that_was_never_told_is_found_by_its_customer(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let admin = app.admin();
        app.customer("user_1", "FREE", crate::support::hours_ago(1));
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_user_1'");
        list(&stripe, &[running("user_1"), Subscription { id: "sub_0", status: "canceled", ..running("user_1") }]);
        let found = reconcile(&admin).await;
        assert_eq!(found[0], "sub_1 changed", "{found:?}");
        assert_eq!(record(&app.user("user_1")).await, json!(["PRO", "cus_user_1", "sub_1", PRO]));
    }

    async fn a_subscription_that_stripe_does_not_list_is_asked_for(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let (admin, client) = (app.admin(), subscribed(&app, "user_1").await);
        assert_eq!(reconcile(&admin).await, ["sub_1 gone"]);
        assert_eq!(record(&client).await[0], "PRO", "what is stored stays");
        stripe.store("/v1/subscriptions/sub_1", running("user_1").object());
        assert_eq!(reconcile(&admin).await, ["sub_1 unchanged"]);
        app.member("user_2");
        let nothing = admin.call("admin.reconcileUser", json!({"userId": "user_2"})).await;
        assert_eq!(nothing, json!({"subscriptions": []}));
    }

    async fn a_subscription_that_cannot_be_read_does_not_keep_others_from_being_applied(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let (admin, client) = (app.admin(), subscribed(&app, "user_1").await);
        let upgraded = Subscription { price: BUSINESS, ..running("user_1") };
        let unreadable = json!({"id": "sub_0", "object": "subscription"});
        stripe.list_subscriptions(vec![unreadable, upgraded.object()]);
        app.execute("UPDATE stripe_subscriptions SET event_created_at = '2026-01-01 00:00:00'");
        let found = reconcile(&admin).await;
        assert!(found[0].starts_with("sub_0 failed: ") && found[1] == "sub_1 changed", "{found:?}");
        assert_eq!(record(&client).await[0], "BUSINESS");
    }

    async fn an_admin_who_loses_the_role_meanwhile_changes_nothing(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let (admin, client) = (app.admin(), subscribed(&app, "user_1").await);
        list(&stripe, &[Subscription { price: BUSINESS, ..running("user_1") }]);
        app.execute("UPDATE stripe_subscriptions SET event_created_at = '2026-01-01 00:00:00'");
        // Stripe wants to be asked again after a second.
        stripe.inject([Fault::Busy(1)]);
        let asked = stripe.requests().len();
        let call = tokio::spawn(async move { admin.try_call("admin.reconcileUser", json!({"userId": "user_1"})).await });
        eventually(async || stripe.requests().len() > asked).await;
        app.execute("UPDATE users SET role = 'USER' WHERE id = 'root'");
        assert_eq!(call.await.unwrap().unwrap_err().code(), "FORBIDDEN");
        assert_eq!(record(&client).await[0], "PRO");
    }

    async fn failures_change_nothing(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let (admin, client) = (app.admin(), subscribed(&app, "user_1").await);
        let other = Subscription { price: "price_new", ..running("user_1") };
        list(&stripe, &[other]);
        app.execute("UPDATE stripe_subscriptions SET event_created_at = '2026-01-01 00:00:00'");
        let failed = reconcile(&admin).await;
        assert!(failed[0].starts_with("sub_1 failed: ") && failed[0].contains("price_new"), "{failed:?}");
        let input = json!({"userId": "user_1"});
        stripe.inject([Fault::Permanent(500)]);
        admin.fail("BAD_GATEWAY", "admin.reconcileUser", input.clone()).await;
        admin.fail("NOT_FOUND", "admin.reconcileUser", json!({"userId": "nobody"})).await;
        assert_eq!(record(&client).await[0], "PRO");
        assert_eq!(app.count("audit_log WHERE procedure = 'admin.reconcileUser'"), 0);
        let unpaid = app.beside().start().await;
        unpaid.user("root").fail("SERVICE_UNAVAILABLE", "admin.reconcileUser", input).await;
    }
}
