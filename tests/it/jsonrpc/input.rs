//! Edge cases of JSON values, and input validation.

use serde_json::{Value, json};

use super::{invalid, unreadable, wires};
use crate::support::{TestApp, Wires, both_databases};

/// The issues of an invalid input, as `path: code` in alphabetical order.
async fn issues(wires: &mut Wires, method: &str, params: &str) -> Vec<String> {
    let call = format!(r#"{{"jsonrpc": "2.0", "id": 1, "method": "{method}", "params": {params}}}"#);
    let answer = wires.answer(call).await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32602)), "{params}");
    let issues = answer["error"]["data"]["issues"].as_array().unwrap();
    let text = |issue: &Value, key: &str| issue[key].as_str().unwrap().to_owned();
    let mut issues: Vec<String> =
        issues.iter().map(|issue| text(issue, "path") + ": " + &text(issue, "code")).collect();
    issues.sort();
    issues
}

#[tokio::test]
async fn invalid_utf_8_is_a_parse_error() {
    let (_app, mut wires) = wires().await;
    for bad in [b"\xff".as_slice(), b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc3"] {
        let call =
            [br#"{"jsonrpc": "2.0", "id": 1, "method": "hello.hello", "params": {"text": ""#, bad, b"\"}}"].concat();
        assert_eq!(wires.answer(call).await, unreadable(), "{bad:?}");
    }
}

#[tokio::test]
async fn ten_thousand_levels_of_nesting_are_rejected() {
    let (_app, mut wires) = wires().await;
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    let nested = format!("{open}{close}");
    assert_eq!(wires.answer(open.clone()).await, unreadable());
    assert_eq!(wires.answer(nested.clone()).await, json!([invalid(Value::Null, "a request must be an object")]));
    assert_eq!(issues(&mut wires, "hello.hello", &nested).await, [": invalid_value"]);
    assert_eq!(issues(&mut wires, "hello.hello", &format!(r#"{{"text": {nested}}}"#)).await, [": invalid_value"]);
    let objects = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    assert_eq!(issues(&mut wires, "hello.hello", &objects).await, [": invalid_value"]);
    let envelope = format!(r#"{{"jsonrpc": "2.0", "id": {nested}, "method": "user.me"}}"#);
    assert_eq!(wires.answer(envelope).await["error"]["code"], -32600);
    let ignored = format!(r#"{{"jsonrpc": "2.0", "id": 1, "method": "user.me", "extra": {nested}}}"#);
    assert_eq!(wires.answer(ignored).await["result"]["id"], "user_1");
}

both_databases! {
    async fn invalid_numeric_ids_are_reported(app: TestApp) {
        let mut wires = Wires::open(app.user("user_1")).await;
        let cases = [
            ("9223372036854775808", "id: too_big"),
            ("18446744073709551616", "id: too_big"),
            ("9007199254740992", "id: too_big"),
            ("1e300", "id: too_big"),
            ("0", "id: too_small"),
            ("-1", "id: too_small"),
            ("-9223372036854775809", "id: too_small"),
            ("0.1", "id: invalid_type"),
            ("1.5", "id: invalid_type"),
            ("\"1\"", "id: invalid_type"),
            ("true", "id: invalid_type"),
            ("null", "id: invalid_type"),
            ("1e999", ": invalid_value"),
            ("-1e999", ": invalid_value"),
        ];
        for (number, issue) in cases {
            let params = format!(r#"{{"id": {number}}}"#);
            let found = issues(&mut wires, "k8s.get", &params).await;
            assert!(found.iter().any(|found| found == issue), "{number}: {found:?}");
        }
        let call = r#"{"jsonrpc": "2.0", "id": 1, "method": "k8s.get", "params": {"id": 9007199254740991}}"#;
        assert_eq!(wires.answer(call).await["error"]["data"]["code"], "NOT_FOUND");
    }

    async fn nul_and_lone_surrogates_are_rejected(app: TestApp) {
        let mut wires = Wires::open(app.user("user_1")).await;
        assert_eq!(issues(&mut wires, "user.updateName", r#"{"name": "a\u0000b"}"#).await, ["name: invalid_format"]);
        assert_eq!(issues(&mut wires, "user.updateName", r#"{"name": "\ud800"}"#).await, [": invalid_value"]);
        assert_eq!(issues(&mut wires, "user.updateName", r#"{"name": "\udc00\ud800"}"#).await, [": invalid_value"]);
        assert_eq!(issues(&mut wires, "user.updateName", r#"{"na\u0000me": "a"}"#).await, [": invalid_value"]);
        // All other text is stored unchanged.
        for name in ["\u{1F980}", "a\u{1}b", "\u{202e}", "'; DROP TABLE users; --", "%_\\", "\u{fffd}\u{10ffff}"] {
            wires.client.call("user.updateName", json!({"name": name})).await;
            assert_eq!(wires.client.call("user.me", json!({})).await["name"], name);
        }
    }

    async fn strings_are_trimmed_before_validation(app: TestApp) {
        let user = app.user("user_1");
        let created = user.call("k8s.create", json!({"name": "\t one\n", "location": " \u{a0}here \u{2003}"})).await;
        assert_eq!((&created["clusterName"], &created["location"]), (&json!("one"), &json!("here")));
        let padded = format!("  {}  ", "n".repeat(100));
        user.call("user.updateName", json!({"name": padded})).await;
        let mut wires = Wires::open(user).await;
        assert_eq!(issues(&mut wires, "user.updateName", r#"{"name": " \t\r\n "}"#).await, ["name: too_short"]);
    }
}

#[tokio::test]
async fn duplicate_field_is_reported() {
    let (_app, mut wires) = wires().await;
    let params = r#"{"text": "one", "text": "two"}"#;
    assert_eq!(issues(&mut wires, "hello.hello", params).await, ["text: duplicate_field"]);
    // Field names are compared after unescaping.
    let params = r#"{"text": "one", "t\u0065xt": "two"}"#;
    assert_eq!(issues(&mut wires, "hello.hello", params).await, ["text: duplicate_field"]);
    let params = r#"[{"text": {"a": 1, "b": [{"c": 1, "c": 1}]}}]"#;
    assert_eq!(issues(&mut wires, "hello.hello", params).await, ["text.b.0.c: duplicate_field", "text: invalid_type"]);
}

#[tokio::test]
async fn unknown_field_is_reported() {
    let (_app, mut wires) = wires().await;
    let params = r#"{"text": "you", "Text": "you", "__proto__": {}}"#;
    let expected = ["Text: unknown_field", "__proto__: unknown_field"];
    assert_eq!(issues(&mut wires, "hello.hello", params).await, expected);
    assert_eq!(issues(&mut wires, "user.me", r#"{"id": 1}"#).await, ["id: unknown_field"]);
}

#[tokio::test]
async fn all_issues_are_reported_at_once() {
    let (_app, mut wires) = wires().await;
    let params = json!({"name": "No Good", "location": "", "plan": "GOLD", "id": "7", "more": 1}).to_string();
    let expected = [
        "id: invalid_type",
        "location: too_short",
        "more: unknown_field",
        "name: invalid_format",
        "plan: invalid_value",
    ];
    assert_eq!(issues(&mut wires, "k8s.create", &params).await, expected);
    assert_eq!(issues(&mut wires, "k8s.create", "{}").await, ["location: required", "name: required"]);
    let twice = r#"{"name": "a\u0000", "name": "b", "location": "\u0000"}"#;
    let expected = ["location: invalid_format", "name: duplicate_field", "name: invalid_format"];
    assert_eq!(issues(&mut wires, "k8s.create", twice).await, expected);
}

#[tokio::test]
async fn number_of_listed_issues_is_limited() {
    let (_app, mut wires) = wires().await;
    let fields: Vec<String> = (0..40_000).map(|number| format!("\"f{number}\": 1")).collect();
    let issues = issues(&mut wires, "hello.hello", &format!("{{{}}}", fields.join(", "))).await;
    assert_eq!((issues.len(), issues[0].as_str()), (51, ": too_many_issues"));
}

#[tokio::test]
async fn reader_and_schema_issues_are_reported_together() {
    let (_app, mut wires) = wires().await;
    let params = "{\"name\": \"a\\u0000b\", \"location\": \"\", \"x\": 1}";
    let expected = ["location: too_short", "name: invalid_format", "name: invalid_format", "x: unknown_field"];
    assert_eq!(issues(&mut wires, "k8s.create", params).await, expected);
}
