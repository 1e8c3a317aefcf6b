//! The exact error object for each kind of error (docs/API.md, "Errors").

use std::time::Duration;

use serde_json::{Value, json};

use super::{failure, wires};
use crate::support::{Backend, Builder, TestApp, Wires, both_databases, probes};

async fn ask(wires: &mut Wires, method: &str, params: Value) -> Value {
    wires.answer(json!({"jsonrpc": "2.0", "id": "it", "method": method, "params": params}).to_string()).await
}

fn error(number: i32, code: &str, status: u16, path: &str, message: &str) -> Value {
    failure(json!("it"), number, message, json!({"code": code, "httpStatus": status, "path": path}))
}

both_databases! {
    async fn caller_errors_have_the_documented_shape(app: TestApp) {
        app.user("user_1").call("k8s.create", json!({"name": "one", "location": "here"})).await;
        let mut user = Wires::open(app.user("user_1")).await;
        let id = ask(&mut user, "k8s.list", json!({})).await["result"][0]["id"].clone();

        let answer = ask(&mut user, "admin.getStats", json!({})).await;
        assert_eq!(answer, error(-32003, "FORBIDDEN", 403, "admin.getStats", "Only admins may do this."));

        let answer = ask(&mut user, "k8s.get", json!({"id": 4711})).await;
        assert_eq!(answer, error(-32004, "NOT_FOUND", 404, "k8s.get", "No such cluster."));

        let answer = ask(&mut user, "k8s.create", json!({"name": "a", "location": "b", "plan": "PRO"})).await;
        let message = "Your subscription covers plans up to FREE, not PRO.";
        assert_eq!(answer, error(-32002, "PAYMENT_REQUIRED", 402, "k8s.create", message));

        let answer = ask(&mut user, "k8s.createCluster", json!({"name": "a", "location": "b"})).await;
        let message = answer["error"]["message"].as_str().unwrap();
        let mut conflict = error(-32009, "CONFLICT", 409, "k8s.createCluster", message);
        conflict["error"]["data"]["conflictingId"] = id;
        assert_eq!(answer, conflict);

        let mut admin = Wires::open(app.admin()).await;
        let answer = ask(&mut admin, "user.delete", json!({})).await;
        let message = "This is the last admin. Promote somebody else first.";
        assert_eq!(answer, error(-32012, "PRECONDITION_FAILED", 412, "user.delete", message));

        let mut nobody = Wires::open(app.anonymous()).await;
        let answer = ask(&mut nobody, "user.me", json!({})).await;
        let message = "Send a token: Authorization: Bearer <token>.";
        assert_eq!(answer, error(-32001, "UNAUTHORIZED", 401, "user.me", message));
    }
}

#[tokio::test]
async fn invalid_input_lists_its_issues() {
    let (_app, mut wires) = wires().await;
    let answer = ask(&mut wires, "k8s.delete", json!({"id": 0})).await;
    let data = json!({
        "code": "BAD_REQUEST", "httpStatus": 400, "path": "k8s.delete",
        "issues": [{"path": "id", "code": "too_small", "message": "must be at least 1"}]
    });
    assert_eq!(answer, failure(json!("it"), -32602, "Invalid input: id must be at least 1.", data));
}

#[tokio::test]
async fn internal_errors_have_a_constant_message() {
    let app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let mut wires = Wires::open(app.user("user_1")).await;
    for path in ["probe.panic", "probe.panicLater"] {
        let message = "Something went wrong on our side.";
        let expected = error(-32603, "INTERNAL_SERVER_ERROR", 500, path, message);
        assert_eq!(ask(&mut wires, path, json!({})).await, expected);
    }
    // Other calls are not affected.
    assert_eq!(ask(&mut wires, "user.me", json!({})).await["result"]["id"], "user_1");
}

#[tokio::test]
async fn call_over_its_deadline_times_out() {
    let hasty = Builder::new(Backend::Sqlite).limits(|limits| limits.call_timeout = Duration::from_millis(300));
    let app = hasty.router(probes()).start().await;
    let mut wires = Wires::open(app.anonymous()).await;
    let gate = crate::support::Gate::new();
    let answer = ask(&mut wires, "probe.wait", json!({"gate": gate.name})).await;
    assert_eq!(answer, error(-32008, "TIMEOUT", 408, "probe.wait", "The call took too long and was cancelled."));
}

#[tokio::test]
async fn unknown_method_name_is_echoed_up_to_100_characters() {
    let (_app, mut wires) = wires().await;
    let answer = ask(&mut wires, &"é".repeat(5000), json!({})).await;
    assert_eq!(answer, super::unknown(json!("it"), &"é".repeat(100)));
    for name in ["", "hello", "Hello.hello", "hello.hello ", " hello.hello", "rpc.discover\u{0}", "__proto__"] {
        assert_eq!(ask(&mut wires, name, json!({})).await, super::unknown(json!("it"), name));
    }
}
