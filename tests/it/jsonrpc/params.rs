//! The forms of `params`.

use serde_json::{Value, json};

use super::{hello_answer, invalid, success, wires};
use crate::support::Wires;

async fn ask(wires: &mut Wires, method: &str, params: Option<&str>) -> Value {
    let params = params.map(|params| format!(r#", "params": {params}"#)).unwrap_or_default();
    wires.answer(format!(r#"{{"jsonrpc": "2.0", "id": 1, "method": "{method}"{params}}}"#)).await
}

/// The paths and codes of the issues of a refused input.
fn issues(answer: &Value) -> Vec<(&str, &str)> {
    let issues = answer["error"]["data"]["issues"].as_array().unwrap_or_else(|| panic!("{answer}"));
    issues.iter().map(|issue| (issue["path"].as_str().unwrap(), issue["code"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn missing_null_and_empty_params_mean_no_input() {
    let (_app, mut wires) = wires().await;
    for params in [None, Some("null"), Some("{}"), Some("[]"), Some("[{}]"), Some("[null]")] {
        let count = json!({"active": 0, "deleted": 0});
        assert_eq!(ask(&mut wires, "k8s.count", params).await, success(json!(1), count), "{params:?}");
        // A procedure that needs input reports the missing field.
        let answer = ask(&mut wires, "hello.hello", params).await;
        assert_eq!(issues(&answer), [("text", "required")], "{params:?}");
    }
}

#[tokio::test]
async fn an_object_and_an_array_of_that_object_are_the_same_input() {
    let (_app, mut wires) = wires().await;
    for params in [r#"{"text": "you"}"#, r#"[{"text": "you"}]"#, " [ { \"text\" : \"you\" } ] "] {
        assert_eq!(ask(&mut wires, "hello.hello", Some(params)).await, hello_answer(json!(1)));
    }
}

#[tokio::test]
async fn more_than_one_positional_value_is_rejected() {
    let (_app, mut wires) = wires().await;
    for params in [r#"[{"text": "you"}, {}]"#, r#"[{"text": "you"}, null]"#, "[1, 2, 3]"] {
        let answer = ask(&mut wires, "hello.hello", Some(params)).await;
        assert_eq!(answer["error"]["code"], -32602);
        assert_eq!(issues(&answer), [("", "invalid_type")], "{params}");
    }
}

#[tokio::test]
async fn positional_value_that_is_not_an_object_is_rejected() {
    let (_app, mut wires) = wires().await;
    for params in ["[1]", r#"["you"]"#, "[true]", "[[]]", r#"[[{"text": "you"}]]"#] {
        let answer = ask(&mut wires, "hello.hello", Some(params)).await;
        assert_eq!(answer["error"]["code"], -32602);
        assert_eq!(issues(&answer), [("", "invalid_type")], "{params}");
    }
}

#[tokio::test]
async fn params_of_another_type_are_an_invalid_request() {
    let (_app, mut wires) = wires().await;
    for params in ["1", "0.5", "\"you\"", "true", "false"] {
        let answer = ask(&mut wires, "hello.hello", Some(params)).await;
        assert_eq!(answer, invalid(json!(1), "params must be an object or an array"), "{params}");
    }
}
