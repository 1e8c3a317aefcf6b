//! Request ids, notifications and invalid requests.

use serde_json::{
    Value::{self, Null},
    json,
};

use super::{hello, hello_answer, invalid, wires};
use crate::support::{Socket, TestApp, both_databases};

const ODD: &str = "the id must be a string, a number or null";

#[tokio::test]
async fn string_integer_and_null_ids_are_echoed() {
    let (_app, mut wires) = wires().await;
    let (long, wide) = ("l".repeat(255), "\u{1F980}".repeat(255));
    let ids = [
        json!("one"),
        json!(""),
        json!("\u{0}\"\\\u{1F980}"),
        json!(long),
        json!(wide),
        json!(0),
        json!(9_007_199_254_740_992_u64),
        json!(u64::MAX),
        Null,
    ];
    for id in ids {
        assert_eq!(wires.answer(hello(id.clone()).to_string()).await, hello_answer(id));
    }
}

#[tokio::test]
async fn any_other_id_is_an_invalid_request() {
    let (_app, mut wires) = wires().await;
    for id in ["true", "false", "{}", "[]", "[1]", "1E+400", "-1e999", r#""\ud800""#] {
        let call = format!(r#"{{"jsonrpc": "2.0", "id": {id}, "method": "hello.hello", "params": {{"text": "you"}}}}"#);
        assert_eq!(wires.answer(call.clone()).await, invalid(Null, ODD), "{id}");
        // The same as the only entry of a batch.
        assert_eq!(wires.answer(format!("[{call}]")).await, json!([invalid(Null, ODD)]), "{id}");
    }
}

/// Ids that a natural number of 64 bits can't hold.
const VERBATIM: [&str; 7] =
    ["-1", "1.5", "1.0", "1e2", "-0", "18446744073709551616", "-123456789012345678901234567890.12345678901234567890"];

#[tokio::test]
async fn any_number_and_string_is_echoed_as_it_came() {
    let (app, mut wires) = wires().await;
    let user = app.user("user_1");
    let call = |id: &str, name: &str| {
        format!(r#"{{"jsonrpc": "2.0", "id": {id}, "method": "{name}", "params": {{"text": "you"}}}}"#)
    };
    for id in VERBATIM {
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"greeting":"hello you"}}}}"#);
        assert_eq!(user.send(call(id, "hello.hello")).await.text().await.unwrap(), answer);
        wires.socket.send(call(id, "hello.hello")).await;
        assert_eq!(wires.socket.text().await.unwrap(), answer);
        // An error, and a request that is not valid.
        let begin = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":"#);
        for refused in [call(id, "hello.nothing"), format!(r#"{{"id": {id}, "method": "hello.hello"}}"#)] {
            let text = user.send(refused.clone()).await.text().await.unwrap();
            assert!(text.starts_with(&begin), "{refused}: {text}");
            wires.socket.send(format!("[{refused}]")).await;
            let text = wires.socket.text().await.unwrap();
            assert!(text.starts_with(&format!("[{begin}")), "{refused}: {text}");
        }
    }
    let batch: Vec<String> = VERBATIM.iter().chain(&["7", "null"]).map(|id| call(id, "hello.hello")).collect();
    let batch = format!("[{}]", batch.join(","));
    let answers: Vec<String> = VERBATIM
        .iter()
        .chain(&["7", "null"])
        .map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"greeting":"hello you"}}}}"#))
        .collect();
    let answers = format!("[{}]", answers.join(","));
    assert_eq!(user.send(batch.clone()).await.text().await.unwrap(), answers);
    wires.socket.send(batch).await;
    assert_eq!(wires.socket.text().await.unwrap(), answers);
}

#[tokio::test]
async fn a_mutation_with_such_an_id_is_executed_and_a_subscription_started() {
    let (app, mut wires) = wires().await;
    let create = r#"{"jsonrpc": "2.0", "id": -1, "method": "customer.create"}"#;
    let answer = app.user("user_1").send(create).await.text().await.unwrap();
    assert_eq!(answer, r#"{"jsonrpc":"2.0","id":-1,"result":{"success":true}}"#);
    wires.socket.send(r#"{"jsonrpc": "2.0", "id": 1.5, "method": "k8s.watch"}"#).await;
    assert_eq!(wires.socket.text().await.unwrap(), r#"{"jsonrpc":"2.0","id":1.5,"result":"1"}"#);
    assert_eq!(wires.socket.receive().await.unwrap()["params"]["result"]["type"], "ready");
}

#[tokio::test]
async fn a_byte_order_mark_before_a_message_is_skipped() {
    let (_app, mut wires) = wires().await;
    let call = hello(json!(1));
    assert_eq!(wires.answer(format!("\u{feff}{call}")).await, hello_answer(json!(1)));
    assert_eq!(wires.answer(format!("\u{feff} [{call}]")).await, json!([hello_answer(json!(1))]));
}

#[tokio::test]
async fn id_of_more_than_255_characters_is_an_invalid_request() {
    let (_app, mut wires) = wires().await;
    let refused = invalid(Null, "the id may have at most 255 characters");
    for id in [json!("l".repeat(256)), json!("\u{1F980}".repeat(256)), json!("l".repeat(1_000_000))] {
        let call = hello(id);
        assert_eq!(wires.answer(call.to_string()).await, refused);
        assert_eq!(
            wires.answer(json!([call, hello(json!(1))]).to_string()).await,
            json!([refused, hello_answer(json!(1))])
        );
    }
    let digits = format!(r#"{{"jsonrpc": "2.0", "id": {}, "method": "user.me"}}"#, "1".repeat(256));
    assert_eq!(wires.answer(digits).await, refused);
}

#[tokio::test]
async fn duplicate_member_is_an_invalid_request() {
    let (_app, mut wires) = wires().await;
    let members =
        [("jsonrpc", "\"2.0\""), ("id", "1"), ("id", "2"), ("id", "null"), ("method", "\"user.me\""), ("params", "{}")];
    for (name, value) in members {
        let twice = format!(r#"{{"jsonrpc": "2.0", "id": 1, "method": "user.me", "params": {{}}, "{name}": {value}}}"#);
        assert_eq!(wires.answer(twice).await, invalid(Null, "a member is given twice or can't be read"), "{name}");
    }
}

#[tokio::test]
async fn invalid_request_is_answered_with_its_id_when_readable() {
    let (_app, mut wires) = wires().await;
    let cases = [
        (json!({"id": 7, "method": "user.me"}), "jsonrpc must be \"2.0\""),
        (json!({"jsonrpc": "1.0", "id": 7, "method": "user.me"}), "jsonrpc must be \"2.0\""),
        (json!({"jsonrpc": 2.0, "id": 7, "method": "user.me"}), "jsonrpc must be \"2.0\""),
        (json!({"jsonrpc": null, "id": 7, "method": "user.me"}), "jsonrpc must be \"2.0\""),
        (json!({"jsonrpc": "2.0", "id": 7}), "method must be a string"),
        (json!({"jsonrpc": "2.0", "id": 7, "method": null}), "method must be a string"),
        (json!({"jsonrpc": "2.0", "id": 7, "method": ["user.me"]}), "method must be a string"),
        (json!({"jsonrpc": "2.0", "id": 7, "method": "user.me", "params": 1}), "params must be an object or an array"),
    ];
    for (request, what) in cases {
        assert_eq!(wires.answer(request.to_string()).await, invalid(json!(7), what), "{request}");
    }
    for not_an_object in ["1", "null", "true", "\"user.me\""] {
        assert_eq!(wires.answer(not_an_object).await, invalid(Null, "a request must be an object"));
    }
    for nothing in ["", " ", "{", "}", "[", "nul", "{}{}", "[] []", "\u{feff}", "\u{feff}\u{feff}{}"] {
        assert_eq!(wires.answer(nothing).await, super::unreadable(), "{nothing:?}");
    }
}

both_databases! {
    async fn notification_is_acknowledged_but_not_executed(app: TestApp) {
        let user = app.user("user_1");
        let call = json!({"jsonrpc": "2.0", "method": "k8s.create", "params": {"name": "one", "location": "here"}});
        for message in [call.clone(), json!([call])] {
            let response = user.send(message.to_string()).await;
            assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (204, ""));
        }
        let mut socket = Socket::open(&user).await;
        socket.send(call.to_string()).await;
        socket.send(json!([call]).to_string()).await;
        // Calls in flight finish before a WebSocket is closed.
        let mut app = app;
        let mut clusters = app.connect();
        app.stop();
        assert!(socket.receive().await.is_err());
        app.stopped().await;
        assert_eq!(clusters_of(&mut clusters), 0);
    }
}

fn clusters_of(conn: &mut clusterdesk::db::DbConnection) -> i64 {
    clusterdesk::models::k8s::ClusterRow::count_of(conn, "user_1").map(|(active, deleted)| active + deleted).unwrap()
}

#[tokio::test]
async fn unknown_members_of_a_request_are_ignored() {
    let (_app, mut wires) = wires().await;
    let mut call: Value = hello(json!(1));
    call["meta"] = json!({"trace": 1});
    assert_eq!(wires.answer(call.to_string()).await, hello_answer(json!(1)));
}
