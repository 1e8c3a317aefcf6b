//! superjson in inputs and outputs.

use serde_json::{Value, json};

use super::{SUPERJSON, Trpc, date};
use crate::support::{TestApp, both_databases};

/// The annotated paths of an answer, in alphabetical order.
fn annotated(body: &Value) -> Vec<String> {
    let Some(meta) = body["result"]["data"].get("meta") else { return vec![] };
    assert_eq!(meta["v"], 1);
    let values = meta["values"].as_object().unwrap();
    assert!(values.values().all(|annotation| *annotation == date()), "{values:?}");
    let mut paths: Vec<String> = values.keys().cloned().collect();
    paths.sort();
    paths
}

/// `path: code` of the issues of a refused input.
fn issues((status, body): (u16, Value)) -> Vec<String> {
    assert_eq!((status, &body["error"]["json"]["data"]["code"]), (400, &json!("BAD_REQUEST")), "{body}");
    let issues = body["error"]["json"]["data"]["issues"].as_array().unwrap();
    issues.iter().map(|issue| format!("{}: {}", issue["path"], issue["code"]).replace('"', "")).collect()
}

both_databases! {
    async fn timestamps_and_nothing_else_are_annotated(app: TestApp) {
        let (user, admin) = (app.rich("user_1"), app.admin());
        user.create_deleted("old", "FREE").await;
        user.create("web", "PRO").await;
        user.create("web", "FREE").await;
        let (mine, all) = (Trpc::new(user, SUPERJSON), Trpc::new(admin, SUPERJSON));
        for (caller, name, expected) in [
            (&mine, "user.me", vec!["createdAt"]),
            (&mine, "auth.mySubscription", vec!["endsAt"]),
            (&mine, "k8s.count", vec![]),
            (&mine, "k8s.list", vec!["0.createdAt", "0.updatedAt", "1.createdAt", "1.updatedAt"]),
            (&mine, "k8s.listDeleted", vec!["items.0.createdAt", "items.0.deletedAt", "items.0.updatedAt"]),
            (&mine, "customer.get", vec!["createdAt", "stripeCurrentPeriodEnd", "updatedAt"]),
            (&all, "customer.get", vec![]),
            (&all, "admin.getStats", vec![]),
            (&all, "admin.auditLog", (0..4).map(|at| ["items.0.createdAt", "items.1.createdAt", "items.2.createdAt", "items.3.createdAt"][at]).collect()),
            (&mine, "user.summary", vec![
                "clusters.0.createdAt", "clusters.0.updatedAt", "clusters.1.createdAt", "clusters.1.updatedAt",
                "customer.createdAt", "customer.stripeCurrentPeriodEnd", "customer.updatedAt", "user.createdAt",
            ]),
        ] {
            let (status, body) = caller.query(name, Value::Null).await;
            assert_eq!(status, 200, "{body}");
            assert_eq!(annotated(&body), expected, "{name}");
        }
    }

    async fn annotated_inputs_are_accepted(app: TestApp) {
        let admin = app.admin();
        let id = admin.create("web", "FREE").await;
        let caller = Trpc::new(admin, SUPERJSON);
        let undefined = json!({"json": null, "meta": {"values": ["undefined"], "v": 1}});
        assert_eq!(caller.query("k8s.list", undefined).await.0, 200);
        let big = json!({"json": {"id": id.to_string()}, "meta": {"values": {"id": ["bigint"]}, "v": 1}});
        assert_eq!(caller.query("k8s.get", big).await.1["result"]["data"]["json"]["id"], id);
        let meta = json!({"values": {"name": ["undefined"], "id": ["number"]}, "v": 1});
        let update = json!({"json": {"id": id.to_string(), "name": null, "location": "us"}, "meta": meta});
        assert_eq!(caller.mutate("k8s.update", update).await.0, 200);
        let values = json!({"since": ["Date"], "until": ["Date"], "actorId": ["undefined"]});
        for (since, entries) in [("2020-01-01T00:00:00.000Z", 2), ("2100-01-01T00:00:00.000Z", 0)] {
            let between = json!({"since": since, "until": "2101-01-01T00:00:00.000Z", "actorId": null});
            let (_, body) =
                caller.query("admin.auditLog", json!({"json": between, "meta": {"values": values, "v": 1}})).await;
            assert_eq!(body["result"]["data"]["json"]["items"].as_array().unwrap().len(), entries, "{body}");
        }
    }
}

#[tokio::test]
async fn an_envelope_needs_no_meta() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), SUPERJSON);
    let envelope = json!({"json": {"text": "you"}});
    let empty = json!({"json": {"text": "you"}, "meta": {}});
    for input in [envelope, empty] {
        let (_, body) = caller.query("hello.hello", input).await;
        assert_eq!(body["result"]["data"], json!({"json": {"greeting": "hello you"}}));
    }
}

#[tokio::test]
async fn values_without_a_json_equivalent_are_refused_with_their_path() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), SUPERJSON);
    let text = |value: Value, values: Value| json!({"json": {"text": value}, "meta": {"values": values, "v": 1}});
    for annotation in [
        json!(["Date"]),
        json!(["regexp"]),
        json!(["URL"]),
        json!([["symbol", "s"]]),
        json!([["class", "C"]]),
        json!([["custom", "c"]]),
        json!([["typed-array", "Uint8Array"]]),
    ] {
        let input = text(json!("2020-01-01T00:00:00.000Z"), json!({"text": annotation}));
        assert_eq!(issues(caller.query("hello.hello", input).await), ["text: invalid_type"], "{annotation}");
    }
    for kind in ["set", "map"] {
        let input = text(json!([1]), json!({"text": [kind, {"0": ["Date"]}]}));
        let found = issues(caller.query("hello.hello", input).await);
        assert!(found.contains(&"text: invalid_type".to_owned()), "{found:?}");
    }
    for number in ["NaN", "Infinity", "-Infinity", "99999999999999999999"] {
        let input = json!({"json": {"id": number}, "meta": {"values": {"id": ["number"]}, "v": 1}});
        assert_eq!(issues(caller.query("k8s.get", input).await), ["id: invalid_type"]);
    }
    let undefined = json!({"json": {"text": null}, "meta": {"values": {"text": ["undefined"]}, "v": 1}});
    assert_eq!(issues(caller.query("hello.hello", undefined).await), ["text: required"]);
}

#[tokio::test]
async fn malformed_annotations_are_refused() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), SUPERJSON);
    let (deep, long) = ("a.".repeat(100), "a".repeat(300));
    let nested = (0..17).fold(json!(["Date"]), |inside, _| json!(["map", {"a": inside}]));
    let many: Vec<(String, Value)> = (0..2000).map(|n| (n.to_string(), date())).collect();
    let many = Value::Object(many.into_iter().collect());
    for values in [
        json!("Date"),
        json!([]),
        json!({"text": [1]}),
        json!({"te\\xt": ["Date"]}),
        json!({deep: ["Date"]}),
        json!({long: ["Date"]}),
        nested,
        many,
    ] {
        let input = json!({"json": {"text": "you"}, "meta": {"values": values, "v": 1}});
        assert_eq!(issues(caller.mutate("hello.hello", input).await), [": invalid_value"], "{values}");
    }
    // An annotation of a path that does not exist is ignored.
    let input = json!({"json": {"text": "you"}, "meta": {"values": {"a\\.b.0": ["Date"], "text.x": ["set"]}, "v": 1}});
    assert_eq!(caller.query("hello.hello", input).await.0, 200);
}

#[tokio::test]
async fn issue_paths_do_not_include_the_envelope() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), SUPERJSON);
    let body = r#"{"json": {"text": "a\u0000", "text": "b", "x": 1}}"#;
    let answer = super::answer(caller.post("hello.hello", &[], body).send().await.unwrap()).await;
    assert_eq!(issues(answer), ["text: invalid_format", "text: duplicate_field", "x: unknown_field"]);
}
