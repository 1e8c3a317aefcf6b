//! `1`, `1.0` and `1e0` are the same integer on both wires, and a byte-order mark before a body means nothing.

use serde_json::{Value, json};

use crate::support::{Client, Socket, TestApp, both_databases};

/// Sends the text of an input to `k8s.get` on every wire, and returns the answers: the cluster, or the code of the error.
async fn get(client: &Client, input: &str) -> Vec<Value> {
    let read = |answer: Value| {
        let unwrapped = |value: &Value| value.get("json").unwrap_or(value).clone();
        let result = answer.get("result").map(|result| unwrapped(result.get("data").unwrap_or(result)));
        result.unwrap_or_else(|| unwrapped(&answer["error"])["data"]["code"].clone())
    };
    let mut answers = Vec::new();
    for (path, body) in [
        ("", format!(r#"{{"jsonrpc": "2.0", "id": 1, "method": "k8s.get", "params": {input}}}"#)),
        ("trpc-plain/k8s.get", input.to_owned()),
        ("trpc/k8s.get", format!(r#"{{"json": {input}}}"#)),
    ] {
        for mark in ["", "\u{feff}"] {
            let request = client.http.post(format!("{}{path}", client.url)).header("content-type", "application/json");
            let request = request.bearer_auth(client.token.as_deref().unwrap()).body(format!("{mark}{body}"));
            answers.push(read(request.send().await.unwrap().json().await.unwrap()));
        }
    }
    let mut socket = Socket::open_at(client, "trpc-plain").await;
    let params = format!(r#"{{"path": "k8s.get", "input": {input}}}"#);
    socket.send(format!("\u{feff}{{\"id\": 1, \"method\": \"query\", \"params\": {params}}}")).await;
    answers.push(read(socket.receive().await.unwrap()));
    answers
}

both_databases! {
    async fn an_integer_may_be_spelled_as_a_fraction_or_with_an_exponent(app: TestApp) {
        let user = app.user("user_1");
        let id = user.call("k8s.create", json!({"name": "a", "location": "eu"})).await["id"].clone();
        let expected = user.call("k8s.get", json!({"id": id})).await;
        assert_eq!(expected["id"], id);
        for spelled in [format!("{id}"), format!("{id}.0"), format!("{id}e0"), format!("{id}.000E+0"), format!("{id}0e-1")] {
            for answer in get(&user, &format!(r#"{{"id": {spelled}}}"#)).await {
                assert_eq!(answer, expected, "{spelled}");
            }
        }
        for wrong in ["1.5", "1e-1", "-1.0", "0.0", "1e400", "9007199254740993.0"] {
            for answer in get(&user, &format!(r#"{{"id": {wrong}}}"#)).await {
                assert_eq!(answer, "BAD_REQUEST", "{wrong}");
            }
        }
        for nobody in ["4e9", "9007199254740991.0"] {
            for answer in get(&user, &format!(r#"{{"id": {nobody}}}"#)).await {
                assert_eq!(answer, "NOT_FOUND", "{nobody}");
            }
        }
        let listed = user.call("k8s.listDeleted", json!({"limit": 2.0})).await;
        assert_eq!(listed["items"], json!([]));
    }
}
