//! `Stripe-Signature`: the header is limited before anything is hashed.

use serde_json::{Value, json};

use crate::support::{Backend, Builder, Client, TestApp, WEBHOOK_SECRET, event, now, signature};

async fn app() -> TestApp {
    Builder::new(Backend::Sqlite).with_stripe().start().await
}

/// The status and the body of the answer to an event with this header.
async fn answer(client: &Client, payload: &str, signature: &str) -> (u16, Value) {
    let request = client.http.post(format!("{}webhooks/stripe", client.url)).header("stripe-signature", signature);
    let response = request.header("content-type", "application/json").body(payload.to_owned()).send().await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_signature_header_with_too_many_entries_is_refused_even_if_one_is_valid() {
    let app = app().await;
    let payload = event("evt_1", "product.created", now(), json!({})).to_string();
    let valid = signature(&payload, WEBHOOK_SECRET, now());
    let wrong = format!("v1={}", "ab".repeat(32));
    for header in [
        format!("{}{valid}", "v1=,".repeat(15_000)),
        format!("{valid}{}", ",v1=".repeat(15_000)),
        format!("{valid},{}", [wrong.as_str(); 8].join(",")),
        format!("{valid},v0={}", "0".repeat(2048)),
    ] {
        let (status, body) = answer(&app.anonymous(), &payload, &header).await;
        assert_eq!((status, &body["error"]["data"]["code"]), (400, &json!("BAD_REQUEST")), "{body}");
    }
    assert_eq!(app.count("stripe_events"), 0);
}

#[tokio::test]
async fn a_signature_header_with_several_entries_of_both_schemes_is_accepted() {
    let app = app().await;
    let wrong = |scheme: &str| format!("{scheme}={}", "ab".repeat(32));
    for (number, before, after) in [(1, 0, 0), (2, 1, 0), (3, 0, 1), (4, 3, 4)] {
        let payload = event(&format!("evt_{number}"), "product.created", now(), json!({})).to_string();
        let valid = signature(&payload, WEBHOOK_SECRET, now());
        let mut entries = vec![wrong("v1"); before];
        entries.push(valid);
        entries.extend(vec![wrong("v1"); after]);
        entries.extend(vec![wrong("v0"); 8]);
        assert_eq!(answer(&app.anonymous(), &payload, &entries.join(",")).await.0, 200, "{entries:?}");
    }
    assert_eq!(app.count("stripe_events"), 4);
}
