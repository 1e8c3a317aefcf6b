//! A mutation that uses another service and several transactions: `stripe.createSession`.

use serde_json::{Value, json};

use super::{call, code};
use crate::support::{
    BUSINESS, Builder, Fault, PRO, Socket, StripeStandIn, TestApp, both_databases, eventually, hours_ago, literal,
};

async fn start(builder: Builder) -> (TestApp, StripeStandIn) {
    let stripe = StripeStandIn::start().await;
    (builder.with_billing(&stripe).start().await, stripe)
}

fn plan(id: &str) -> Value {
    json!({"planId": id})
}

both_databases! {
    async fn a_repeated_purchase_gets_the_same_page_without_asking_stripe(builder: Builder) {
        let (app, stripe) = start(builder).await;
        let user = app.member("user_1");
        let (first, replayed) = call(&user, "a", "stripe.createSession", &plan(PRO)).await;
        assert!(first["result"]["url"].is_string() && !replayed, "{first}");
        let (asked, audited) = (stripe.requests().len(), app.count("audit_log"));
        assert_eq!(call(&user, "a", "stripe.createSession", &plan(PRO)).await, (first, true));
        assert_eq!(code(&call(&user, "a", "stripe.createSession", &plan(BUSINESS)).await.0), "CONFLICT");
        assert_eq!((stripe.requests().len(), app.count("audit_log")), (asked, audited));
    }

    async fn a_failed_purchase_can_be_repeated_with_its_key(builder: Builder) {
        let (app, stripe) = start(builder).await;
        let user = app.member("user_1");
        stripe.inject([Fault::Permanent(500)]);
        assert_eq!(code(&call(&user, "a", "stripe.createSession", &plan(PRO)).await.0), "BAD_GATEWAY");
        let (second, replayed) = call(&user, "a", "stripe.createSession", &plan(PRO)).await;
        assert!(second["result"]["url"].is_string() && !replayed, "{second}");
        // Without a URL nothing was audited, and it is an answer all the same.
        stripe.inject([Fault::None, Fault::NoUrl]);
        let (none, _) = call(&user, "b", "stripe.createSession", &plan(PRO)).await;
        assert_eq!(none["result"], json!({"success": false}));
        assert_eq!(call(&user, "b", "stripe.createSession", &plan(PRO)).await, (none, true));
    }

    async fn a_purchase_that_still_runs_is_not_made_beside_it(builder: Builder) {
        let (app, stripe) = start(builder).await;
        let user = app.member("user_1");
        stripe.inject([Fault::NoResponse]);
        let first = tokio::spawn({
            let user = user.clone();
            async move { call(&user, "a", "stripe.createSession", &plan(PRO)).await }
        });
        eventually(async || stripe.requests().len() == 1).await;
        let (second, _) = call(&user, "a", "stripe.createSession", &plan(PRO)).await;
        assert_eq!((code(&second), &second["error"]["data"]["retryAfterMs"]), ("CONFLICT", &json!(1000)));
        assert_eq!(second["error"]["data"].get("conflictingId"), None);
        assert_eq!(stripe.requests().len(), 1);
        first.abort();
        // A call of a server that has stopped never ends, and loses its key.
        app.execute(&format!("UPDATE stored_answers SET created_at = {}", literal(hours_ago(1))));
        let (third, replayed) = call(&user, "a", "stripe.createSession", &plan(PRO)).await;
        assert!(third["result"]["url"].is_string() && !replayed, "{third}");
    }

    async fn a_purchase_is_completed_although_its_client_has_gone(builder: Builder) {
        let (app, stripe) = start(builder).await;
        let user = app.member("user_1");
        let mut socket = Socket::open(&user).await;
        // So long that the client is gone before the answer. A closed socket drops its calls.
        stripe.inject([Fault::Busy(1)]);
        let call_of_a = json!({
            "jsonrpc": "2.0", "id": 1, "method": "stripe.createSession", "params": plan(PRO), "idempotencyKey": "a",
        });
        socket.send(call_of_a.to_string()).await;
        eventually(async || stripe.requests().len() == 1).await;
        drop(socket);
        eventually(async || app.count("stored_answers WHERE output IS NOT NULL") == 1).await;
        let (answer, replayed) = call(&user, "a", "stripe.createSession", &plan(PRO)).await;
        assert!(answer["result"]["url"].is_string() && replayed, "{answer}");
    }
}
