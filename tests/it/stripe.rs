//! `stripe.createSession` and `stripe.userPlans`.

mod answers;
mod customers;
mod open_subscriptions;

use clusterdesk::db::Timestamp;
use serde_json::{Value, json};

use crate::support::{
    BUSINESS, Backend, Builder, Client, Fault, PRO, StripeRequest, StripeStandIn, TestApp, both_databases, hours_ago,
    hours_ahead, hs256, nameless,
};

async fn with_billing(builder: Builder) -> (TestApp, StripeStandIn) {
    let stripe = StripeStandIn::start().await;
    (builder.with_billing(&stripe).start().await, stripe)
}

async fn buy(client: &Client) -> Value {
    client.call("stripe.createSession", json!({"planId": PRO})).await
}

/// A field of a request's form, empty if it is absent.
fn field<'a>(request: &'a StripeRequest, name: &str) -> &'a str {
    request.form.get(name).map_or("", String::as_str)
}

/// Creates a customer with a subscription at Stripe.
fn customer(app: &TestApp, user: &str, plan: &str, price: &str, ends: Timestamp) {
    app.customer(user, plan, ends);
    app.execute(&format!(
        "UPDATE customers SET stripe_customer_id = 'cus_{user}', stripe_subscription_id = 'sub_{user}',
             stripe_price_id = '{price}' WHERE auth_user_id = '{user}'"
    ));
}

both_databases! {
    async fn a_user_without_subscription_gets_a_checkout_url(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        user.call("user.me", Value::Null).await;
        app.execute("UPDATE users SET email = 'one@example.com'");
        let session = buy(&user).await;
        assert_eq!(session, json!({"success": true, "url": format!("{}/pay/1", stripe.url)}));
        let requests = stripe.requests();
        assert_eq!(requests[0].path, "/v1/customers");
        assert_eq!((field(&requests[0], "email"), field(&requests[0], "metadata[userId]")), ("one@example.com", "user_1"));
        assert_eq!(requests[0].form.len(), 2, "the name is not sent, because it may change: {:?}", requests[0].form);
        assert_eq!(requests[1].path, "/v1/checkout/sessions");
        for (name, value) in [
            ("mode", "subscription"),
            ("line_items[0][price]", PRO),
            ("line_items[0][quantity]", "1"),
            ("customer", "cus_0"),
            ("client_reference_id", "user_1"),
            ("metadata[userId]", "user_1"),
            ("subscription_data[metadata][userId]", "user_1"),
            ("success_url", "https://app.example.com/dashboard"),
            ("cancel_url", "https://app.example.com/dashboard"),
        ] {
            assert_eq!(field(&requests[1], name), value, "{name}");
        }
        let audited = app.lines("SELECT procedure || ' ' || entity || ' ' || entity_id || ' ' || detail AS line FROM audit_log ORDER BY id");
        assert_eq!(audited, [
            "stripe.createSession customer 1 {\"stripeCustomerId\":\"cus_0\"}".to_owned(),
            format!("stripe.createSession stripe_session cs_1 {{\"planId\":\"{PRO}\",\"portal\":false}}"),
        ]);
        // The second session uses the known Stripe customer.
        user.call("stripe.createSession", json!({"planId": BUSINESS})).await;
        let again = &stripe.requests()[2..];
        let paths: Vec<_> = again.iter().map(|request| (request.path.as_str(), field(request, "customer"))).collect();
        assert_eq!(paths, [("/v1/subscriptions", "cus_0"), ("/v1/checkout/sessions", "cus_0")]);
    }

    async fn an_email_that_the_call_brings_is_sent_to_stripe(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let mut claims = nameless("user_1");
        app.with_token(hs256(&claims)).call("user.me", Value::Null).await;
        claims["email"] = json!("one@example.com");
        assert_eq!(buy(&app.with_token(hs256(&claims))).await["success"], true);
        assert_eq!(field(&stripe.requests()[0], "email"), "one@example.com");
    }

    async fn a_paying_customer_gets_a_portal_url_and_a_former_one_a_checkout_url(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        customer(&app, "user_1", "PRO", PRO, hours_ahead(1));
        customer(&app, "user_2", "PRO", PRO, hours_ago(25));
        let session = buy(&app.user("user_1")).await;
        assert_eq!(session["url"], "https://billing.stripe.com/p/session/example");
        buy(&app.user("user_2")).await;
        let requests = stripe.requests();
        assert_eq!((requests[0].path.as_str(), field(&requests[0], "customer")), ("/v1/billing_portal/sessions", "cus_user_1"));
        assert_eq!(field(&requests[0], "return_url"), "https://app.example.com/dashboard");
        // No event told whether the former subscription is over.
        assert_eq!(requests[1].path, "/v1/subscriptions/sub_user_2");
        assert_eq!((requests[3].path.as_str(), field(&requests[3], "customer")), ("/v1/checkout/sessions", "cus_user_2"));
    }

    async fn the_stripe_customer_is_kept_when_creating_the_session_fails(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        stripe.inject([Fault::None, Fault::Status(400), Fault::None, Fault::NoUrl]);
        user.fail("BAD_GATEWAY", "stripe.createSession", json!({"planId": PRO})).await;
        assert_eq!(user.call("customer.get", Value::Null).await["stripeCustomerId"], "cus_0");
        user.call("user.updateName", json!({"name": "Ada"})).await;
        assert_eq!(buy(&user).await, json!({"success": false}));
        assert_eq!(buy(&user).await["success"], true);
        let requests = stripe.requests();
        let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
        let [asked, checkout] = ["/v1/subscriptions", "/v1/checkout/sessions"];
        assert_eq!(paths, ["/v1/customers", checkout, asked, checkout, asked, checkout]);
        assert!(requests[1..].iter().all(|request| field(request, "customer") == "cus_0"));
    }

    async fn a_double_click_creates_one_session_and_another_price_another_one(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let (user, other) = (app.user("user_1"), app.user("user_2"));
        let (one, two) = tokio::join!(buy(&user), buy(&user));
        let requests = |path: &str| stripe.requests().into_iter().filter(|request| request.path == path).collect::<Vec<_>>();
        let keys = |path: &str| requests(path).into_iter().map(|request| request.idempotency_key).collect::<Vec<_>>();
        // Both requests create the same Stripe customer.
        let customers = keys("/v1/customers");
        assert!(customers.iter().all(|key| *key == customers[0]), "{customers:?}");
        assert_eq!(field(&requests("/v1/checkout/sessions")[0], "customer"), field(&requests("/v1/checkout/sessions")[1], "customer"));
        // The requests may be in two different minutes.
        let sessions = keys("/v1/checkout/sessions");
        assert_eq!(one["url"] == two["url"], sessions[0] == sessions[1]);
        let business = user.call("stripe.createSession", json!({"planId": BUSINESS})).await;
        assert!(business["url"] != one["url"] && buy(&other).await["url"] != one["url"]);
        assert!(sessions.iter().all(|key| key.len() == 64));
        assert_eq!(app.count("audit_log WHERE entity = 'customer' AND actor_id = 'user_1'"), 1);
    }

    async fn only_configured_prices_can_be_bought(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        for price in ["price_of_nobody", "prod_1", "price_", ""] {
            let failure = app.user("user_1").fail("BAD_REQUEST", "stripe.createSession", json!({"planId": price})).await;
            assert!(failure.issues()[0].starts_with("planId: "), "{failure:?}");
        }
        assert!(stripe.requests().is_empty());
    }

    async fn failures_of_stripe_are_reported_without_its_messages(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        for (faults, code, number, status) in [
            (vec![Fault::Status(400)], "BAD_GATEWAY", -32603, 502),
            (vec![Fault::Status(401)], "BAD_GATEWAY", -32603, 502),
            (vec![Fault::Busy(600)], "SERVICE_UNAVAILABLE", -32603, 503),
        ] {
            stripe.inject(faults);
            let failure = user.fail(code, "stripe.createSession", json!({"planId": PRO})).await;
            assert_eq!((&failure.0["code"], &failure.0["data"]["httpStatus"]), (&json!(number), &json!(status)));
            assert!(!failure.0.to_string().contains("stand"), "{failure:?}");
            assert_eq!(failure.0["data"]["retryAfterMs"].as_u64(), (status == 503).then_some(600_000));
        }
        assert_eq!((stripe.requests().len(), app.count("audit_log")), (3, 0));
        customer(&app, "known", "FREE", PRO, hours_ago(25));
        // The first requests ask for the subscription.
        stripe.inject([Fault::None, Fault::None, Fault::NoUrl]);
        assert_eq!(buy(&app.user("known")).await, json!({"success": false}));
        assert_eq!(app.count("audit_log"), 0);
    }

    async fn temporary_failures_are_retried_with_the_same_key(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        stripe.inject([Fault::Status(500), Fault::Status(409), Fault::Busy(0)]);
        assert_eq!(buy(&app.user("user_1")).await["success"], true);
        let requests = stripe.requests();
        assert_eq!(requests.len(), 5);
        assert!(requests[..4].iter().all(|retry| retry.idempotency_key == requests[0].idempotency_key && retry.form == requests[0].form));
        assert_eq!(app.count("audit_log WHERE entity = 'stripe_session'"), 1);
        stripe.inject([Fault::Disconnect]);
        assert_eq!(buy(&app.user("user_2")).await["success"], true);
    }

    async fn user_plans_shows_plan_interval_and_payment(builder: Builder) {
        let (app, _stripe) = with_billing(builder).await;
        assert_eq!(app.user("nobody").call("stripe.userPlans", Value::Null).await, Value::Null);
        for (user, plan, price, ends, expected) in [
            ("month", "PRO", PRO, hours_ahead(1), json!(["Pro", true, "month", PRO])),
            ("year", "BUSINESS", BUSINESS, hours_ahead(1), json!(["Business", true, "year", BUSINESS])),
            ("grace", "PRO", PRO, hours_ago(23), json!(["Pro", true, "month", PRO])),
            ("expired", "PRO", PRO, hours_ago(25), json!(["Free", false, null, PRO])),
            ("unknown", "PRO", "price_old", hours_ahead(1), json!(["Pro", true, null, "price_old"])),
        ] {
            customer(&app, user, plan, price, ends);
            let card = app.user(user).call("stripe.userPlans", Value::Null).await;
            assert_eq!(json!([card["title"], card["isPaid"], card["interval"], card["stripePriceId"]]), expected, "{user}");
            assert_eq!(card["stripeCurrentPeriodEnd"], ends.millis());
            assert_eq!((&card["stripeCustomerId"], &card["isCanceled"]), (&json!(format!("cus_{user}")), &json!(false)));
        }
        let free = app.user("free");
        free.call("customer.create", Value::Null).await;
        let card = free.call("stripe.userPlans", Value::Null).await;
        assert_eq!(json!([card["title"], card["isPaid"], card["stripeCurrentPeriodEnd"]]), json!(["Free", false, 0]));
        app.execute("UPDATE customers SET stripe_cancel_at_period_end = TRUE");
        let cancelled = app.user("month").call("stripe.userPlans", Value::Null).await;
        assert_eq!(json!([cancelled["isPaid"], cancelled["isCanceled"]]), json!([true, true]));
        let over = app.user("expired").call("stripe.userPlans", Value::Null).await;
        assert_eq!(json!([over["isPaid"], over["isCanceled"]]), json!([false, false]), "an ended subscription is not shown as cancelled");
        assert_eq!(cancelled["stripeIds"], json!({"monthly": PRO, "yearly": null}));
    }

    async fn no_database_connection_is_held_during_a_stripe_request(builder: Builder) {
        let (app, stripe) = with_billing(builder.limits(|limits| limits.call_timeout = std::time::Duration::from_secs(3))).await;
        let user = app.user("user_1");
        user.call("user.me", Value::Null).await;
        stripe.inject([Fault::NoResponse, Fault::NoResponse, Fault::NoResponse, Fault::NoResponse]);
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let user = user.clone();
                tokio::spawn(async move { user.fail("GATEWAY_TIMEOUT", "stripe.createSession", json!({"planId": PRO})).await })
            })
            .collect();
        crate::support::eventually(async || stripe.requests().len() == 4).await;
        // As many calls wait for Stripe as there are connections. Other calls do not wait for them.
        user.call("k8s.create", json!({"name": "web", "location": "eu"})).await;
        user.call("k8s.list", Value::Null).await;
        for one in waiting {
            one.await.unwrap();
        }
    }
}

#[tokio::test]
async fn permanent_failures_are_not_retried() {
    let (app, stripe) = with_billing(Builder::new(Backend::Sqlite)).await;
    let unlucky = app.user("user_1");
    stripe.inject([Fault::Permanent(503)]);
    unlucky.fail("BAD_GATEWAY", "stripe.createSession", json!({"planId": PRO})).await;
    assert_eq!(stripe.requests().len(), 1);
    // A stored failure of an idempotency key does not count as a new failure of Stripe.
    stripe.inject([Fault::Stored(500)]);
    for requests in 3..9 {
        unlucky.fail("BAD_GATEWAY", "stripe.createSession", json!({"planId": PRO})).await;
        assert_eq!(stripe.requests().len(), requests);
    }
    assert_eq!(buy(&app.user("user_2")).await["success"], true);
}

#[tokio::test]
async fn five_failures_open_the_circuit_breaker() {
    let (app, stripe) = with_billing(Builder::new(Backend::Sqlite)).await;
    let user = app.user("user_1");
    stripe.inject(vec![Fault::InvalidJson; 5]);
    user.fail("BAD_GATEWAY", "stripe.createSession", json!({"planId": PRO})).await;
    let refused = user.fail("SERVICE_UNAVAILABLE", "stripe.createSession", json!({"planId": PRO})).await;
    assert!((50_000..=60_000).contains(&refused.0["data"]["retryAfterMs"].as_u64().unwrap()), "{refused:?}");
    assert_eq!(stripe.requests().len(), 5, "no request is sent while the breaker is open");
    let metrics = reqwest::get(format!("{}metrics", app.url)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nclusterdesk_stripe_suspended 1\n"), "{metrics}");
    user.call("stripe.userPlans", Value::Null).await;
}

#[tokio::test]
async fn without_configuration_only_billing_is_unavailable() {
    let app = TestApp::on_sqlite().await;
    let user = app.user("user_1");
    let failure = user.fail("SERVICE_UNAVAILABLE", "stripe.createSession", json!({"planId": PRO})).await;
    assert!(failure.message().contains("STRIPE_SECRET_KEY"), "{failure:?}");
    assert_eq!(failure.0["data"].get("retryAfterMs"), None, "a retry is of no use");
    user.call("customer.create", Value::Null).await;
    assert_eq!(user.call("stripe.userPlans", Value::Null).await["title"], "Free");
    let stripe = StripeStandIn::start().await;
    let without_app_url = Builder::new(Backend::Sqlite).with_billing(&stripe).without("app-url").start().await;
    let failure = without_app_url
        .user("user_1")
        .fail("SERVICE_UNAVAILABLE", "stripe.createSession", json!({"planId": PRO}))
        .await;
    assert!(failure.message().contains("APP_URL"), "{failure:?}");
}

#[tokio::test]
async fn sessions_have_their_own_rate_limit() {
    let (app, _stripe) = with_billing(Builder::new(Backend::Sqlite).flag("rate-limit-stripe-max-requests", "2")).await;
    let user = app.user("user_1");
    buy(&user).await;
    buy(&user).await;
    user.fail("TOO_MANY_REQUESTS", "stripe.createSession", json!({"planId": PRO})).await;
    // stripe.userPlans counts as a read (docs/API.md, "Procedures").
    user.call("stripe.userPlans", Value::Null).await;
    user.call("k8s.list", Value::Null).await;
}

#[tokio::test]
async fn plan_cards_can_be_replaced_by_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plans.json");
    let card = json!({"title": "Gratis", "description": "d", "benefits": [], "limitations": [], "prices": {"monthly": 0, "yearly": 0}});
    std::fs::write(&file, json!({"FREE": card}).to_string()).unwrap();
    let stripe = StripeStandIn::start().await;
    let builder = Builder::new(Backend::Sqlite).with_billing(&stripe);
    let app = builder.flag("stripe-plans-file", file.to_str().unwrap()).start().await;
    let user = app.user("user_1");
    user.call("customer.create", Value::Null).await;
    assert_eq!(user.call("stripe.userPlans", Value::Null).await["title"], "Gratis");
}
