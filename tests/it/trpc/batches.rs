//! Batches: `httpBatchLink`.

use serde_json::{Value, json};

use super::{PLAIN, SUPERJSON, Trpc, answer};
use crate::support::{Backend, Builder, Gate, TestApp, both_databases, probes};

impl Trpc {
    /// A batch of queries.
    async fn queries(&self, paths: &str, input: Value) -> (u16, Value) {
        let input = input.to_string();
        answer(self.get(paths, &[("batch", "1"), ("input", &input)]).send().await.unwrap()).await
    }

    /// A batch by POST.
    async fn calls(&self, paths: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        answer(self.post(paths, &[("batch", "1")], body).send().await.unwrap()).await
    }
}

both_databases! {
    async fn a_batch_is_answered_in_order_with_the_common_status_or_207(app: TestApp) {
        let caller = Trpc::new(app.user("user_1"), PLAIN);
        let (status, body) = caller.queries("user.me,hello.hello,k8s.getClusters", json!({"1": {"text": "you"}})).await;
        assert_eq!(status, 200);
        assert_eq!(body[0]["result"]["data"]["id"], "user_1");
        assert_eq!(body[1]["result"]["data"]["greeting"], "hello you");
        assert_eq!(body[2]["result"]["data"], json!([]));

        let (status, body) = caller.queries("k8s.get,k8s.get", json!({"0": {"id": 7}, "1": {"id": 8}})).await;
        assert_eq!((status, body.as_array().unwrap().len()), (404, 2));

        let (status, body) = caller.queries("k8s.get,user.me,nope", json!({"0": {"id": 0}})).await;
        assert_eq!(status, 207);
        assert_eq!(body[0]["error"]["data"]["code"], "BAD_REQUEST");
        assert_eq!(body[1]["result"]["data"]["id"], "user_1");
        assert_eq!(body[2]["error"]["data"]["code"], "NOT_FOUND");
    }

    async fn mutations_can_be_batched_and_a_failure_does_not_affect_the_others(app: TestApp) {
        let caller = Trpc::new(app.user("user_1"), SUPERJSON);
        let input = json!({"0": {"json": {"name": "web", "location": "eu"}}, "1": {"json": {"name": "WEB", "location": "eu"}}});
        let (status, body) = caller.calls("k8s.create,k8s.create,customer.create", input.to_string()).await;
        assert_eq!(status, 207);
        assert_eq!(body[0]["result"]["data"]["json"]["success"], true);
        assert_eq!(body[1]["error"]["json"]["data"]["zodError"]["fieldErrors"]["name"], json!(["may contain only lower-case letters, digits and dashes"]));
        assert_eq!(body[2]["result"]["data"]["json"], json!({"success": true}));
        assert_eq!((app.count("k8s_cluster_configs"), app.count("audit_log")), (1, 2));
    }
}

#[tokio::test]
async fn the_calls_of_a_batch_run_concurrently() {
    let app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let gate = Gate::new();
    let input = json!({"0": {"gate": gate.name}, "1": {"gate": gate.name}}).to_string();
    let caller = Trpc::new(app.anonymous(), PLAIN);
    // The first call waits until the second opens the gate.
    let (status, _) = caller.calls("probe.wait,probe.open", input).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_batch_must_not_mix_queries_and_mutations() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), SUPERJSON);
    for (paths, kinds) in
        [("user.me,customer.create", "query, mutation"), ("customer.create,user.me", "mutation, query")]
    {
        let (status, body) = caller.calls(paths, "{}").await;
        assert_eq!((status, &body["error"]["json"]["code"]), (400, &json!(-32600)));
        assert_eq!(body["error"]["json"]["message"], format!("Cannot mix procedure types in call: {kinds}"));
    }
    assert_eq!(app.count("audit_log"), 0);
}

#[tokio::test]
async fn a_batch_has_at_most_50_calls() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), PLAIN);
    let paths = |count| vec!["user.me"; count].join(",");
    let (status, body) = caller.queries(&paths(50), json!({})).await;
    assert_eq!((status, body.as_array().unwrap().len()), (200, 50));
    let (status, body) = caller.queries(&paths(51), json!({})).await;
    assert_eq!((status, &body["error"]["message"]), (400, &json!("Batch call exceeds maximum size")));
}

#[tokio::test]
async fn the_inputs_of_a_batch_must_be_an_object_keyed_by_index() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), PLAIN);
    for body in ["[]", "1", "\"x\"", "{", "{\"0\": }", "null"] {
        let (status, body) = caller.calls("user.me,k8s.list", body).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(body[1]["error"]["data"]["code"], "BAD_REQUEST");
        assert_eq!(body[1]["error"]["data"]["zodError"]["formErrors"].as_array().unwrap().len(), 1);
    }
    assert_eq!(caller.calls("user.me,k8s.list", "").await.0, 200);
    assert_eq!(caller.calls("user.me,k8s.list", r#"{"7": 1, "x": 2}"#).await.0, 200);
}

#[tokio::test]
async fn results_beyond_the_response_size_limit_become_errors() {
    let builder = Builder::new(Backend::Sqlite).router(probes()).limits(|limits| limits.wire.response_bytes = 1000);
    let app = builder.start().await;
    let caller = Trpc::new(app.anonymous(), PLAIN);
    let input = json!({"0": {"bytes": 600}, "1": {"bytes": 600}, "2": {"bytes": 2000}});
    let (status, body) = caller.queries("probe.large,probe.large,probe.large", input).await;
    assert_eq!(status, 207);
    assert_eq!(body[0]["result"]["data"].as_str().unwrap().len(), 600);
    for at in [1, 2] {
        assert_eq!(body[at]["error"]["data"]["code"], "PAYLOAD_TOO_LARGE");
    }
    // The output fits, its envelope does not.
    let (status, body) = caller.query("probe.large", json!({"bytes": 990})).await;
    assert_eq!((status, &body["error"]["data"]["code"]), (413, &json!("PAYLOAD_TOO_LARGE")));
}
