//! Batches answered line by line: `httpBatchStreamLink`.

use reqwest::Response;
use serde_json::{Value, json};

use super::{OLD, PLAIN, SUPERJSON, Trpc, answer};
use crate::support::{Backend, Builder, Gate, TestApp, both_databases, probes};

/// The media type that asks for lines.
const JSON_LINES: &str = "application/jsonl";

async fn stream(caller: &Trpc, paths: &str, input: Value) -> Response {
    let input = input.to_string();
    let request = caller.get(paths, &[("batch", "1"), ("input", &input)]).header("trpc-accept", JSON_LINES);
    let response = request.send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
    assert_eq!(response.headers()["x-accel-buffering"], "no", "a proxy would hold lines back");
    response
}

async fn lines(response: Response) -> Vec<Value> {
    response.text().await.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The line that resolves the promise with this number.
fn line_of(lines: &[Value], promise: u64) -> &Value {
    lines.iter().find(|line| line[0] == promise).unwrap()
}

both_databases! {
    async fn each_line_resolves_the_promise_with_its_number(app: TestApp) {
        let user = app.user("user_1");
        user.create("web", "FREE").await;
        let caller = Trpc::new(user.clone(), PLAIN);
        let lines = lines(stream(&caller, "k8s.count,k8s.get", json!({"1": {"id": 9}})).await).await;
        assert_eq!(lines[0], json!({"0": [[0], [null, 0, 0]], "1": [[0], [null, 0, 1]]}));
        assert_eq!(lines.len(), 5);
        assert_eq!(*line_of(&lines, 0), json!([0, 0, [[{"result": 0}], ["result", 0, 2]]]));
        assert_eq!(*line_of(&lines, 2), json!([2, 0, [[{"data": 0}], ["data", 0, 3]]]));
        assert_eq!(*line_of(&lines, 3), json!([3, 0, [[{"active": 1, "deleted": 0}]]]));
        let failed = line_of(&lines, 1);
        assert_eq!(failed[2][0][0]["error"]["data"]["code"], "NOT_FOUND", "{failed}");
    }

    async fn each_line_is_a_superjson_document(app: TestApp) {
        let user = app.user("user_1");
        user.create("web", "FREE").await;
        let caller = Trpc::new(user, SUPERJSON);
        let mut lines = lines(stream(&caller, "k8s.list", json!({})).await).await;
        assert_eq!(lines.len(), 4);
        let value = lines.pop().unwrap();
        let dates = json!({"2.0.0.0.createdAt": ["Date"], "2.0.0.0.updatedAt": ["Date"]});
        assert_eq!(value["meta"], json!({"values": dates, "v": 1}));
        assert_eq!((&value["json"][0], &value["json"][2][0][0][0]["name"]), (&json!(2), &json!("web")));
        assert_eq!(lines[0], json!({"json": {"0": [[0], [null, 0, 0]]}}));
        assert_eq!(lines[1], json!({"json": [0, 0, [[{"result": 0}], ["result", 0, 1]]]}));
    }
}

#[tokio::test]
async fn a_slow_call_does_not_delay_the_others() {
    let app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let gate = Gate::new();
    let caller = Trpc::new(app.anonymous(), PLAIN);
    let input = json!({"0": {"gate": gate.name}, "1": {}}).to_string();
    let request = caller
        .post("probe.wait,probe.panicLater", &[("batch", "1")], input)
        .header("accept", "text/html, application/jsonl");
    let mut response = request.send().await.unwrap();
    let mut text = String::new();
    while !text.contains("INTERNAL_SERVER_ERROR") {
        text += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert!(!text.contains("result"), "{text}");
    gate.open(1);
    while let Some(chunk) = response.chunk().await.unwrap() {
        text += std::str::from_utf8(&chunk).unwrap();
    }
    assert!(text.ends_with(&format!("[3,0,[[\"{}\"]]]\n", gate.name)), "{text}");
}

#[tokio::test]
async fn a_single_call_and_an_invalid_batch_are_not_streamed() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), PLAIN);
    let response = caller.get("user.me", &[]).header("trpc-accept", JSON_LINES).send().await.unwrap();
    let (status, body) = answer(response).await;
    assert_eq!((status, &body["error"]["data"]["code"]), (400, &json!("BAD_REQUEST")));
    let request = caller.get("user.me,customer.create", &[("batch", "1")]).header("trpc-accept", JSON_LINES);
    assert_eq!(answer(request.send().await.unwrap()).await.0, 400);
}

#[tokio::test]
async fn the_stream_link_of_client_10_is_refused_call_by_call() {
    let app = TestApp::on_sqlite().await;
    let user = Trpc::new(app.user("user_1"), OLD);
    let body = json!({"0": {"json": {"name": "web", "location": "eu"}}}).to_string();
    let post = user.post("k8s.createCluster,no.such", &[("batch", "1")], body).header("trpc-batch-mode", "stream");
    let response = post.send().await.unwrap();
    assert_eq!(response.status(), 400);
    let text = response.text().await.unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[2]), (3, "}"));
    let refusal = |line: &str| serde_json::from_str::<Value>(&line[5..]).unwrap()["error"]["json"].take();
    for (line, start, path) in [(lines[0], "{\"0\":", "k8s.createCluster"), (lines[1], ",\"1\":", "no.such")] {
        assert!(line.starts_with(start), "{line}");
        let error = refusal(line);
        assert!(error["message"].as_str().unwrap().contains("Use httpBatchLink, or client 11"), "{error}");
        assert_eq!((&error["data"]["code"], &error["data"]["path"]), (&json!("BAD_REQUEST"), &json!(path)));
    }
    // Nothing was done.
    assert_eq!(app.user("user_1").call("k8s.count", json!({})).await["active"], 0);
    let many = user.get(&vec!["user.me"; 500].join(","), &[("batch", "1")]).header("trpc-batch-mode", "stream");
    assert_eq!(many.send().await.unwrap().text().await.unwrap().lines().count(), 51);
}
