//! The errors of calls, in the shape that `TRPCClientError` reads.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PLAIN, SUPERJSON, Trpc, answer};
use crate::support::{Backend, Builder, Fault, PRO, StripeStandIn, TestApp, both_databases, probes};

both_databases! {
    async fn domain_errors_have_their_documented_codes_numbers_and_statuses(app: TestApp) {
        let (user, admin) = (app.user("user_1"), app.admin());
        let id = user.create("web", "FREE").await;
        let (user, admin) = (Trpc::new(user, PLAIN), Trpc::new(admin, PLAIN));
        let cluster = |plan: &str| json!({"name": "web", "location": "eu", "plan": plan});
        for (caller, name, input, code, number, status) in [
            (&user, "k8s.create", cluster("GOLD"), "BAD_REQUEST", -32600, 400),
            (&user, "k8s.createCluster", cluster("PRO"), "PAYMENT_REQUIRED", -32002, 402),
            (&user, "admin.setRole", json!({"userId": "x", "role": "ADMIN"}), "FORBIDDEN", -32003, 403),
            (&user, "k8s.deleteCluster", json!({"id": 77}), "NOT_FOUND", -32004, 404),
            (&user, "k8s.create", cluster("FREE"), "CONFLICT", -32009, 409),
            (&admin, "user.delete", json!({}), "PRECONDITION_FAILED", -32012, 412),
        ] {
            let (answered, body) = caller.mutate(name, input).await;
            let error = &body["error"];
            assert_eq!((answered, &error["code"]), (status, &json!(number)), "{body}");
            assert_eq!(error["data"]["code"], code);
            assert_eq!((&error["data"]["httpStatus"], &error["data"]["path"]), (&json!(status), &json!(name)));
            assert!(error["message"].as_str().unwrap().ends_with('.'));
            assert_eq!(error["data"]["zodError"].is_null(), code != "BAD_REQUEST");
            if code == "CONFLICT" {
                assert_eq!(error["data"]["conflictingId"], id);
            }
        }
    }
}

#[tokio::test]
async fn input_issues_also_have_the_flattened_form_of_zod() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), SUPERJSON);
    let input = json!({"json": {"name": "No Good", "location": "", "colour": "blue"}});
    let (status, body) = caller.mutate("k8s.create", input).await;
    let data = &body["error"]["json"]["data"];
    let flattened = json!({
        "formErrors": ["colour is not a field of this input"],
        "fieldErrors": {"name": ["may contain only lower-case letters, digits and dashes"], "location": ["must not be empty"]},
    });
    assert_eq!((status, &data["zodError"]), (400, &flattened));
    assert_eq!(data["issues"].as_array().unwrap().len(), 3);
    let (_, body) = caller.mutate("k8s.update", json!({"json": {"id": 1}})).await;
    let flattened = json!({"formErrors": ["name, location or both must be given"], "fieldErrors": {}});
    assert_eq!(body["error"]["json"]["data"]["zodError"], flattened);
}

#[tokio::test]
async fn errors_of_the_wire_have_the_messages_of_trpc() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), PLAIN);
    let (status, body) = caller.query("k8s.nope", Value::Null).await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!(-32004)));
    assert_eq!(body["error"]["message"], "No procedure found on path \"k8s.nope\"");

    let response = caller.get("customer.create", &[]).send().await.unwrap();
    assert_eq!(response.headers()["allow"], "POST");
    let (status, body) = answer(response).await;
    assert_eq!((status, &body["error"]["code"]), (405, &json!(-32005)));
    let message = "Unsupported GET-request to mutation procedure at path \"customer.create\"";
    assert_eq!(body["error"]["message"], message);

    let (_, body) = caller.query(&"x".repeat(5000), Value::Null).await;
    assert_eq!(body["error"]["data"]["path"].as_str().unwrap().len(), 100);
    let (status, body) = answer(caller.get("user.me", &[("input", "{")]).send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["data"]["code"]), (400, &json!("BAD_REQUEST")));
    let (status, _) = answer(caller.post("user.updateName", &[], "nonsense").send().await.unwrap()).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn an_error_contains_the_request_id_of_the_response() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.anonymous(), PLAIN);
    let id = "5f0f1c2e-7b1c-4f5e-9f7a-2f4f6a1b2c3d";
    let response = caller.get("user.me", &[]).header("x-request-id", id).send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], id);
    assert_eq!(answer(response).await.1["error"]["data"]["requestId"], id);
}

#[tokio::test]
async fn internal_errors_have_one_constant_message() {
    let app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let caller = Trpc::new(app.anonymous(), PLAIN);
    for (status, body) in
        [caller.query("probe.panic", Value::Null).await, caller.mutate("probe.panicLater", Value::Null).await]
    {
        assert_eq!((status, &body["error"]["code"]), (500, &json!(-32603)));
        assert_eq!(body["error"]["message"], "Something went wrong on our side.");
        assert_eq!(body["error"]["data"]["code"], "INTERNAL_SERVER_ERROR");
    }
}

#[tokio::test]
async fn stripe_failures_have_their_documented_codes_and_statuses() {
    let stripe = StripeStandIn::start().await;
    let builder = Builder::new(Backend::Sqlite).limits(|limits| limits.call_timeout = Duration::from_secs(3));
    let app = builder.with_billing(&stripe).start().await;
    let caller = Trpc::new(app.user("user_1"), PLAIN);
    for (trouble, code, status) in [
        (Fault::Permanent(500), "BAD_GATEWAY", 502),
        (Fault::Busy(600), "SERVICE_UNAVAILABLE", 503),
        (Fault::NoResponse, "GATEWAY_TIMEOUT", 504),
    ] {
        stripe.inject([trouble]);
        let (answered, body) = caller.mutate("stripe.createSession", json!({"planId": PRO})).await;
        let error = &body["error"];
        assert_eq!((answered, &error["code"], &error["data"]["code"]), (status, &json!(-32603), &json!(code)));
        assert_eq!(error["data"]["httpStatus"], status);
        // The answers of the stand-in name it.
        assert!(!body.to_string().contains("stand"), "{body}");
    }
}
