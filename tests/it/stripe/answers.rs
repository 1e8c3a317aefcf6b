//! What the server tells and accepts from Stripe: the version of the API, and the size of a response.

use serde_json::json;

use super::{buy, with_billing};
use crate::support::{Backend, Builder, Fault, PRO};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn every_request_names_the_version_of_the_api() {
    let (app, stripe) = with_billing(Builder::new(Backend::Sqlite)).await;
    buy(&app.user("user_1")).await;
    let versions: Vec<String> = stripe.requests().into_iter().map(|request| request.version).collect();
    assert_eq!(versions, ["2025-03-31.basil", "2025-03-31.basil"]);
}

#[tokio::test]
async fn a_response_that_is_too_large_is_not_read() {
    let (app, stripe) = with_billing(Builder::new(Backend::Sqlite)).await;
    let user = app.user("user_1");
    stripe.inject([Fault::None, Fault::Large(200, MIB)]);
    user.fail("BAD_GATEWAY", "stripe.createSession", json!({"planId": PRO})).await;
    assert_eq!(stripe.requests().len(), 2, "another attempt would be as large");
    // Here and below the first request lists subscriptions. An error is refused by its status, also when its description is too large.
    stripe.inject([Fault::None, Fault::Large(400, MIB)]);
    user.fail("BAD_GATEWAY", "stripe.createSession", json!({"planId": PRO})).await;
    stripe.inject([Fault::None, Fault::Large(200, MIB / 2)]);
    assert_eq!(buy(&user).await["url"].as_str().unwrap().len(), MIB / 2);
}
