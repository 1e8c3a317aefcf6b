use serde_json::json;

use super::{record, running};
use crate::support::{Backend, Builder, TestApp, WEBHOOK_SECRET, event, now, signature};

fn payload(user: &str) -> String {
    event("evt_1", "customer.subscription.created", now(), running(user).object()).to_string()
}

async fn app() -> TestApp {
    let app = Builder::new(Backend::Sqlite).with_stripe().start().await;
    app.user("user_1").call("user.me", json!({})).await;
    app
}

#[tokio::test]
async fn only_recent_valid_signatures_are_accepted() {
    let app = app().await;
    let (client, payload) = (app.anonymous(), payload("user_1"));
    let good = signature(&payload, WEBHOOK_SECRET, now());
    for (signature, what) in [
        (String::new(), "no signature"),
        ("nonsense".to_owned(), "not a signature"),
        (signature(&payload, "whsec_of_somebody", now()), "another secret"),
        (signature("{}", WEBHOOK_SECRET, now()), "another body"),
        (signature(&payload, WEBHOOK_SECRET, now() - 301), "an old signature"),
        (signature(&payload, WEBHOOK_SECRET, now() + 310), "a future signature"),
        (good.replace("v1=", "v0="), "another scheme"),
        (good.replace("t=", "t=1"), "another time"),
        (good[..good.len() - 1].to_owned(), "half a digit"),
        (format!("t={},v1=", now()), "an empty signature"),
    ] {
        assert_eq!(client.webhook(&payload, &signature).await, 400, "{what}");
    }
    assert_eq!(app.count("stripe_events"), 0);
    let rotated = format!("{good},v1={}", "ab".repeat(32));
    assert_eq!(client.webhook(&payload, &rotated).await, 200, "one of several signatures is enough");
    assert_eq!(record(&app.user("user_1")).await[0], "PRO");
}

#[tokio::test]
async fn a_byte_order_mark_is_signed_and_skipped() {
    let app = app().await;
    let (plain, marked) = (payload("user_1"), format!("\u{feff}{}", payload("user_1")));
    assert_eq!(app.anonymous().webhook(&marked, &signature(&plain, WEBHOOK_SECRET, now())).await, 400);
    assert_eq!(app.anonymous().webhook(&marked, &signature(&marked, WEBHOOK_SECRET, now())).await, 200);
    assert_eq!(record(&app.user("user_1")).await[0], "PRO");
}

#[tokio::test]
async fn any_of_several_secrets_is_accepted() {
    let builder = Builder::new(Backend::Sqlite).with_stripe();
    let app = builder.flag("stripe-webhook-secret", &format!("whsec_new, {WEBHOOK_SECRET},")).start().await;
    app.user("user_1").call("user.me", json!({})).await;
    for (secret, expected) in [("whsec_new", 200), (WEBHOOK_SECRET, 200), ("whsec_other", 400)] {
        let payload = payload("user_1");
        assert_eq!(app.anonymous().webhook(&payload, &signature(&payload, secret, now())).await, expected);
    }
}

#[tokio::test]
async fn without_a_secret_only_the_webhook_is_unavailable() {
    let app = TestApp::on_sqlite().await;
    let payload = payload("user_1");
    assert_eq!(app.anonymous().webhook(&payload, &signature(&payload, "", now())).await, 503);
    app.user("user_1").call("user.me", json!({})).await;
}

#[tokio::test]
async fn a_signed_payload_must_be_an_event_within_the_size_limit() {
    let app = app().await;
    let client = app.anonymous();
    let large = format!("{{\"padding\": \"{}\"}}", "x".repeat(1024 * 1024));
    for (payload, expected) in [("{}", 400), ("[]", 400), ("nonsense", 400), (r#"{"id": "evt_1"}"#, 400), (&large, 413)]
    {
        assert_eq!(client.webhook(payload, &signature(payload, WEBHOOK_SECRET, now())).await, expected);
    }
    let get = client.http.get(format!("{}webhooks/stripe", client.url)).send().await.unwrap();
    assert_eq!((get.status().as_u16(), &get.headers()["allow"]), (405, &"POST".parse().unwrap()));
}

#[tokio::test]
async fn events_may_be_sent_to_the_address_of_the_old_server() {
    let app = app().await;
    let message = event("evt_1", "product.created", now(), json!({})).to_string();
    let request = app.anonymous().http.post(format!("{}api/webhooks/stripe", app.url));
    let request = request.header("stripe-signature", signature(&message, WEBHOOK_SECRET, now()));
    assert_eq!(request.body(message).send().await.unwrap().status(), 200);
    assert_eq!(app.count("stripe_events WHERE id = 'evt_1'"), 1);
}

#[tokio::test]
async fn webhooks_are_not_rate_limited() {
    let limited = Builder::new(Backend::Sqlite).with_stripe().flag("rate-limit-stripe-max-requests", "1");
    let app =
        limited.flag("rate-limit-write-max-requests", "1").flag("rate-limit-read-max-requests", "1").start().await;
    for number in 0..20 {
        let message = event(&format!("evt_{number}"), "product.created", now(), json!({}));
        assert_eq!(app.anonymous().tell(&message).await, 200);
    }
    assert_eq!(app.count("stripe_events"), 20);
}
