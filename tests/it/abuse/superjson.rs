//! superjson's annotations: one value has one path, and a tree of annotations has a limited size.

use serde_json::{Map, Value, json};

use crate::support::{Client, TestApp};

/// The code of the answer to `k8s.get` and the paths of its issues.
async fn answer(client: &Client, json: Value, values: Value) -> (String, Vec<Value>) {
    let body = json!({"json": json, "meta": {"values": values, "v": 1}}).to_string();
    let request = client.http.post(format!("{}trpc/k8s.get", client.url)).header("content-type", "application/json");
    let response = request.bearer_auth(client.token.as_deref().unwrap()).body(body).send().await.unwrap();
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let data = &body["error"]["json"]["data"];
    let issues = data["issues"].as_array().into_iter().flatten();
    (data["code"].as_str().unwrap().to_owned(), issues.map(|issue| issue["path"].clone()).collect())
}

#[tokio::test]
async fn an_array_index_has_only_its_canonical_spelling() {
    let app = TestApp::on_sqlite().await;
    let user = app.user("user_1");
    // The number was read: there is no such cluster.
    let input = json!([{"id": "7"}]);
    assert_eq!(answer(&user, input.clone(), json!({"0.id": ["number"]})).await, ("NOT_FOUND".to_owned(), vec![]));
    let refused = ("BAD_REQUEST".to_owned(), vec![json!("id")]);
    for index in ["00", "+0", "-0", "0x0", "0000000000000000", " 0", "", "1"] {
        let values = json!({format!("{index}.id"): ["number"]});
        assert_eq!(answer(&user, input.clone(), values).await, refused, "{index}");
    }
    let spellings: Map<String, Value> =
        (1..250).map(|zeros| ("0".repeat(zeros + 1) + ".id", json!(["number"]))).collect();
    assert_eq!(answer(&user, input, Value::Object(spellings)).await, refused);
}

#[tokio::test]
async fn a_text_that_is_longer_than_any_number_stays_text() {
    let app = TestApp::on_sqlite().await;
    for digits in [64, 65, 1_000_000] {
        let input = json!({"id": "1".repeat(digits)});
        let answer = answer(&app.user("user_1"), input, json!({"id": ["number"]})).await;
        assert_eq!(answer, ("BAD_REQUEST".to_owned(), vec![json!("id")]));
    }
}

#[tokio::test]
async fn keys_without_an_annotation_count_like_annotations() {
    let app = TestApp::on_sqlite().await;
    let user = app.user("user_1");
    let keys = |count: usize| -> Value {
        let keys = (0..count).map(|number| (format!("key{number}"), json!({})));
        Value::Object(keys.collect())
    };
    assert_eq!(answer(&user, json!({"id": 7}), keys(1000)).await, ("NOT_FOUND".to_owned(), vec![]));
    let refused = ("BAD_REQUEST".to_owned(), vec![json!("")]);
    for count in [1001, 50_000] {
        assert_eq!(answer(&user, json!({"id": 7}), keys(count)).await, refused);
    }
}
