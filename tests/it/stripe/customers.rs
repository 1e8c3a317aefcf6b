//! The Stripe customer that is kept for a user is gone at Stripe: deleted, or of the other mode.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{buy, customer, field, with_billing};
use crate::support::{
    BUSINESS, Builder, Client, PRO, StripeRequest, StripeStandIn, Subscription, both_databases, event, hours_ahead, now,
};

/// The requests that created Stripe customers.
fn created(stripe: &StripeStandIn) -> Vec<StripeRequest> {
    stripe.requests().into_iter().filter(|request| request.path == "/v1/customers").collect()
}

async fn stored(client: &Client) -> Value {
    client.call("customer.get", Value::Null).await["stripeCustomerId"].clone()
}

async fn buy_business(client: &Client) -> Value {
    client.call("stripe.createSession", json!({"planId": BUSINESS})).await
}

both_databases! {
    async fn a_customer_that_is_gone_is_replaced_once_with_another_key(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        buy(&user).await;
        stripe.forget("cus_0");
        // In the same minute the same request would return the session of the customer that is gone.
        assert_eq!(buy_business(&user).await["success"], true);
        let customers = created(&stripe);
        assert_eq!(customers.len(), 2);
        assert_ne!(customers[0].idempotency_key, customers[1].idempotency_key);
        assert_eq!(field(&customers[1], "metadata[replaces]"), "cus_0");
        let (last, new) = (stripe.requests().pop().unwrap(), stored(&user).await);
        assert_eq!((last.path.as_str(), json!(field(&last, "customer"))), ("/v1/checkout/sessions", new.clone()));
        assert_ne!(new, "cus_0");
        let audited = app.lines("SELECT detail AS line FROM audit_log WHERE entity = 'customer' ORDER BY id DESC");
        assert!(audited[0].contains("\"replaces\":\"cus_0\""), "{audited:?}");
        // The next purchase uses the new one.
        buy(&user).await;
        assert_eq!(created(&stripe).len(), 2);
        assert_eq!(field(&stripe.requests().pop().unwrap(), "customer"), new.as_str().unwrap());
    }

    async fn the_portal_of_a_customer_that_is_gone_becomes_a_checkout(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        customer(&app, "user_1", "PRO", PRO, hours_ahead(1));
        let (user, start) = (app.user("user_1"), now() - 60);
        let running = Subscription {
            id: "sub_user_1", user: "user_1", status: "active", price: PRO, start, end: start + 9000, cancel: false,
        };
        assert_eq!(user.tell(&event("evt_1", "customer.subscription.created", start, running.object())).await, 200);
        stripe.forget("cus_user_1");
        let session = buy(&user).await;
        assert!(session["url"].as_str().unwrap().contains("/pay/"), "{session}");
        let paths: Vec<String> = stripe.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(paths, ["/v1/billing_portal/sessions", "/v1/customers", "/v1/subscriptions", "/v1/checkout/sessions"]);
        let record = user.call("customer.get", Value::Null).await;
        assert_eq!(json!([record["plan"], record["stripeCustomerId"]]), json!(["PRO", "cus_0"]), "what was paid for stays");
        // The subscription that was bought decides, and the old one does not count as a second one.
        let mut bought = Subscription { id: "sub_new", end: start + 8000, ..running }.object();
        bought["customer"] = json!("cus_0");
        assert_eq!(user.tell(&event("evt_2", "customer.subscription.created", now() + 5, bought)).await, 200);
        assert_eq!(app.count("stripe_events WHERE error IS NOT NULL"), 0);
        let record = user.call("customer.get", Value::Null).await;
        assert_eq!(json!([record["stripeSubscriptionId"], record["stripeCustomerId"]]), json!(["sub_new", "cus_0"]));
    }

    async fn after_a_deletion_the_next_purchase_creates_another_customer(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        buy(&user).await;
        let gone = json!({"id": "cus_0", "object": "customer", "deleted": true});
        assert_eq!(user.tell(&event("evt_1", "customer.deleted", now(), gone)).await, 200);
        assert_eq!(stored(&user).await, Value::Null);
        stripe.forget("cus_0");
        assert_eq!(buy_business(&user).await["success"], true);
        let customers = created(&stripe);
        assert_eq!((customers.len(), field(&customers[1], "metadata[replaces]")), (2, "cus_0"));
    }

    async fn a_new_customer_that_is_missing_too_is_no_reason_for_a_third(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        buy(&user).await;
        for gone in ["cus_0", "cus_2"] {
            stripe.forget(gone);
        }
        user.fail("BAD_GATEWAY", "stripe.createSession", json!({"planId": BUSINESS})).await;
        assert_eq!(created(&stripe).len(), 2);
    }

    async fn a_missing_price_creates_no_customer(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        buy(&user).await;
        stripe.forget(PRO);
        let failure = user.fail("BAD_GATEWAY", "stripe.createSession", json!({"planId": PRO})).await;
        assert!(!failure.0.to_string().contains("resource_missing"), "{failure:?}");
        assert_eq!((created(&stripe).len(), stored(&user).await), (1, json!("cus_0")));
    }

    async fn concurrent_calls_replace_a_customer_by_the_same_one(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        buy(&user).await;
        stripe.forget("cus_0");
        let (one, two) = tokio::join!(buy_business(&user), buy_business(&user));
        assert_eq!((&one["success"], &two["success"]), (&json!(true), &json!(true)));
        let keys: BTreeSet<_> = created(&stripe).into_iter().map(|request| request.idempotency_key).collect();
        assert_eq!(keys.len(), 2);
        assert_eq!(app.count("gone_stripe_customers WHERE auth_user_id = 'user_1'"), 1);
        assert_eq!(app.count("audit_log WHERE entity = 'customer' AND detail LIKE '%replaces%'"), 1);
    }
}
