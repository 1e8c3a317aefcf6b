//! Batches: size limit, concurrency, order of the answers, independent entries.

use serde_json::{
    Value::{self, Null},
    json,
};

use super::{failure, hello, hello_answer, invalid, success, wires};
use crate::support::{Backend, Builder, Gate, TestApp, Wires, both_databases, probes};

fn probe(id: i32, method: &str, input: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": format!("probe.{method}"), "params": input})
}

#[tokio::test]
async fn batch_of_more_than_fifty_entries_is_rejected() {
    let (_app, mut wires) = wires().await;
    let batch = |length: u32| Value::from((0..length).map(|id| hello(json!(id))).collect::<Vec<_>>());
    let answers = Value::from((0..50).map(|id| hello_answer(json!(id))).collect::<Vec<_>>());
    assert_eq!(wires.answer(batch(50).to_string()).await, answers);
    let refusal = invalid(Null, "a batch may hold at most 50 entries");
    assert_eq!(wires.answer(batch(51).to_string()).await, refusal);
    // Notifications and invalid entries count as well.
    assert_eq!(wires.answer(Value::from(vec![Null; 51]).to_string()).await, refusal);
}

#[tokio::test]
async fn batch_entries_run_concurrently_and_are_answered_in_order() {
    let app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let mut wires = Wires::open(app.user("user_1")).await;
    let (one, two) = (Gate::new(), Gate::new());
    // The first entry finishes only after the last one has run.
    let batch = json!([
        probe(1, "wait", json!({"gate": one.name})),
        probe(2, "wait", json!({"gate": two.name})),
        probe(3, "open", json!({"gate": two.name})),
        probe(4, "open", json!({"gate": one.name})),
    ]);
    let [one, two] = [&one.name, &two.name].map(|name| json!(name));
    let answers = json!([
        success(json!(1), one.clone()),
        success(json!(2), two.clone()),
        success(json!(3), two),
        success(json!(4), one),
    ]);
    assert_eq!(wires.answer(batch.to_string()).await, answers);
}

#[tokio::test]
async fn batch_entries_may_share_an_id() {
    let (_app, mut wires) = wires().await;
    let answers = json!([hello_answer(json!(1)), hello_answer(json!(1))]);
    assert_eq!(wires.answer(json!([hello(json!(1)), hello(json!(1))]).to_string()).await, answers);
}

#[tokio::test]
async fn too_large_response_fails_only_its_own_entry() {
    let limited = Builder::new(Backend::Sqlite).router(probes()).limits(|limits| limits.wire.response_bytes = 2000);
    let app = limited.start().await;
    let mut wires = Wires::open(app.user("user_1")).await;
    let refusal = |id: i32, path: Option<&str>| {
        let mut data = json!({"code": "PAYLOAD_TOO_LARGE", "httpStatus": 413});
        if let Some(path) = path {
            data["path"] = json!(path);
        }
        failure(json!(id), -32013, "The response would be larger than 2000 bytes. Ask for less.", data)
    };
    let large = |id, bytes| probe(id, "large", json!({"bytes": bytes}));
    assert_eq!(wires.answer(large(1, 1999).to_string()).await, refusal(1, Some("probe.large")));
    assert_eq!(wires.answer(large(1, 1900).to_string()).await, success(json!(1), json!("x".repeat(1900))));
    // Two responses that fit separately but not together.
    let batch = json!([large(1, 1100), large(2, 1100), large(3, 10)]);
    let fits = success(json!(1), json!("x".repeat(1100)));
    let answers = json!([fits, refusal(2, None), success(json!(3), json!("xxxxxxxxxx"))]);
    assert_eq!(wires.answer(batch.to_string()).await, answers);
}

both_databases! {
    async fn every_batch_entry_is_authorized_separately(app: TestApp) {
        let [stats, me] = ["admin.getStats", "user.me"].map(|method| json!({"jsonrpc": "2.0", "id": 1, "method": method}));
        for client in [app.user("user_1"), app.anonymous(), app.admin()] {
            let mut alone = Vec::new();
            let mut wires = Wires::open(client.clone()).await;
            for request in [&stats, &me] {
                let answer = wires.answer(request.to_string()).await;
                assert_eq!(wires.answer(json!([request]).to_string()).await, json!([answer]));
                alone.push(answer);
            }
            assert_eq!(wires.answer(json!([stats, me]).to_string()).await, json!(alone));
        }
    }
}
