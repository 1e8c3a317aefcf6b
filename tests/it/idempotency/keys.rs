//! Which keys are accepted.

use serde_json::{Value, json};

use super::{call, cluster, code};
use crate::support::{TestApp, both_databases};

const SENTENCE: &str = "must have 1 to 255 printable ASCII characters.";

both_databases! {
    async fn a_key_has_1_to_255_printable_characters(app: TestApp) {
        let user = app.user("user_1");
        let (longest, all) = ("x".repeat(255), (' '..='~').collect::<String>());
        for key in ["!", "a b", &longest, &format!("'{all}'")] {
            let member = json!({
                "jsonrpc": "2.0", "id": 1, "method": "user.updateName", "params": {"name": "Ada"}, "idempotencyKey": key,
            });
            let (first, second) = (user.message(member.clone()).await, user.message(member).await);
            assert_eq!((&first["result"], &second["idempotencyReplayed"]), (&second["result"], &json!(true)), "{key}");
            assert_eq!(call(&user, key, "user.updateName", &json!({"name": "Ada"})).await, (first, true), "{key}");
        }
        assert_eq!(app.count("audit_log"), 4);
    }
}

#[tokio::test]
async fn a_bad_key_in_the_header_is_refused() {
    let app = TestApp::on_sqlite().await;
    let user = app.user("user_1");
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "k8s.create", "params": cluster("web")}).to_string();
    let too_long = "x".repeat(256);
    for keys in [&[""][..], &[&too_long], &["schlüssel"], &["a\tb"], &["a", "a"]] {
        let header = |request: reqwest::RequestBuilder| {
            keys.iter().fold(request, |request, key| {
                request.header("Idempotency-Key", http::HeaderValue::from_bytes(key.as_bytes()).unwrap())
            })
        };
        let trpc =
            user.http.post(format!("{}trpc-plain/k8s.create", user.url)).bearer_auth(user.token.as_ref().unwrap());
        let trpc = trpc.header("content-type", "application/json").body(cluster("web").to_string());
        for request in [user.post().body(message.clone()), trpc] {
            let response = header(request).send().await.unwrap();
            assert_eq!(response.status(), 400, "{keys:?}");
            let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            assert_eq!(code(&answer), "BAD_REQUEST");
            let said = answer["error"]["message"].as_str().unwrap();
            assert!(said.contains("Idempotency-Key"), "{said}");
            assert!(keys.len() > 1 || said.ends_with(SENTENCE), "{said}");
        }
    }
    assert_eq!(app.count("users"), 0);
}

#[tokio::test]
async fn a_bad_key_in_a_member_is_refused_for_its_call_alone() {
    let app = TestApp::on_sqlite().await;
    let user = app.user("user_1");
    let call = |id: &str, key: Value| {
        let params = json!({"name": "Ada"});
        json!({"jsonrpc": "2.0", "id": id, "method": "user.updateName", "params": params, "idempotencyKey": key})
    };
    let bad = [json!(""), json!("x".repeat(256)), json!("é"), json!("a\n"), json!(1), json!({}), json!(["a"])];
    for key in bad {
        let answers = user.message(json!([call("bad", key.clone()), call("good", json!("good"))])).await;
        assert_eq!((&answers[0]["id"], code(&answers[0])), (&json!("bad"), "BAD_REQUEST"), "{key}");
        assert_eq!(answers[0]["error"]["code"], -32600);
        let said = answers[0]["error"]["message"].as_str().unwrap();
        assert!(said.contains("the member idempotencyKey") && said.ends_with(SENTENCE), "{said}");
        assert_eq!(answers[1]["result"], json!({"success": true}));
    }
    assert_eq!(app.count("audit_log"), 1);
    // Null is no key.
    for _ in 0..2 {
        let answer = user.message(call("null", Value::Null)).await;
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": "null", "result": {"success": true}}));
    }
    assert_eq!(app.count("audit_log"), 3);
}
