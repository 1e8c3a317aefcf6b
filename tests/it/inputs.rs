//! Property tests: any input is answered by a JSON-RPC response, and never by INTERNAL_SERVER_ERROR.

use futures_util::SinkExt;
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Backend, Builder, Client, Raw, Socket, StripeStandIn, TestApp, catalogue};

/// Every canonical and old procedure name, with the fields of its input.
fn procedures() -> Vec<(&'static str, Vec<String>)> {
    let registry = catalogue();
    let fields = |name: &str| {
        let document = registry.get(name).unwrap().input.document();
        document["properties"].as_object().unwrap().keys().cloned().collect()
    };
    registry.names().map(|name| (name, fields(name))).collect()
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn scalar() -> impl Strategy<Value = Value> {
    let likely = [
        "",
        " ",
        "root",
        "nobody",
        "PRO",
        "RUNNING",
        "ADMIN",
        "a\0b",
        "%_\\'",
        "a-name",
        "2026-11-22T09:30:00.000Z",
        "2026-02-30",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-2_i64..200).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::sample::select(likely.to_vec()).prop_map(Value::from),
        (0_usize..3000).prop_map(|length| Value::from("x".repeat(length))),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..5).prop_map(Value::from_iter),
        ]
    })
}

/// A plausible input: an object with fields of any procedure's input.
fn nearly() -> impl Strategy<Value = Value> {
    let mut known: Vec<String> = procedures().into_iter().flat_map(|(_, fields)| fields).collect();
    known.sort();
    known.dedup();
    let value = prop_oneof![4 => scalar(), 1 => anything()];
    btree_map(proptest::sample::select(known), value, 0..12).prop_map(Value::from_iter)
}

/// Drops the members of `params` that are not among `fields`.
fn restricted(params: &Value, fields: &[String]) -> Value {
    match params {
        Value::Object(all) => {
            let some = all.iter().filter(|(name, _)| fields.contains(name));
            Value::Object(some.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn assert_response(answer: &Value) {
    assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
    let members = answer.as_object().unwrap();
    assert_eq!(members.len(), 3, "{answer}");
    assert!(members.contains_key("id"));
    let Some(error) = members.get("error") else {
        assert!(members.contains_key("result"), "{answer}");
        return;
    };
    assert!(
        error["code"].is_i64() && error["message"].is_string() && error["data"]["requestId"].is_string(),
        "{answer}"
    );
    let (code, status) = (error["data"]["code"].as_str().unwrap(), error["data"]["httpStatus"].as_u64().unwrap());
    assert!((400..500).contains(&status) && code != "INTERNAL_SERVER_ERROR", "{answer}");
}

/// A server, and an admin with one WebSocket and one HTTP connection that stay open.
struct Bench {
    app: TestApp,
    admin: Client,
    socket: Socket,
    connection: Raw,
}

impl Bench {
    async fn start(backend: Backend) -> Self {
        let app = Builder::new(backend).with_billing(&StripeStandIn::start().await).start().await;
        let admin = app.admin();
        let (socket, connection) = (Socket::open(&admin).await, Raw::open(&app.url).await);
        Self { app, admin, socket, connection }
    }

    /// Posts a body; None for 204.
    async fn post(&mut self, body: &[u8]) -> Option<Value> {
        let token = self.admin.token.as_deref().unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        self.connection.send([head.as_bytes(), body].concat()).await;
        let response = self.connection.response().await.expect("the connection was closed");
        if response.status == 204 {
            return None;
        }
        assert_eq!(response.status, 200);
        Some(response.json())
    }

    async fn send(&mut self, message: &[u8]) -> Value {
        self.socket.stream.send(Message::binary(message.to_vec())).await.unwrap();
        loop {
            let message = self.socket.receive().await.expect("the socket was closed");
            // Valid inputs of k8s.watch start a subscription; skip its events.
            if message.get("method").is_none() {
                return message;
            }
        }
    }
}

/// Entries of a batch, as many as are allowed.
const BATCH: usize = 50;

/// Any JSON value as the params of every procedure.
fn every_procedure_survives_anything(backend: Backend, cases: u32) {
    let runtime = Runtime::new().unwrap();
    let procedures = procedures();
    let bench = std::cell::RefCell::new(runtime.block_on(Bench::start(backend)));
    let params = prop_oneof![1 => anything().prop_map(|value| (value, false)), 2 => (nearly(), any::<bool>())];
    let property = |(params, restrict): (Value, bool)| {
        for part in procedures.chunks(BATCH) {
            let entries = part.iter().enumerate().map(|(id, (name, fields))| {
                let params = if restrict { restricted(&params, fields) } else { params.clone() };
                json!({"jsonrpc": "2.0", "id": id, "method": name, "params": params})
            });
            let batch = Value::from(entries.collect::<Vec<_>>()).to_string();
            let bench = &mut *bench.borrow_mut();
            let (posted, sent) = runtime
                .block_on(async { (bench.post(batch.as_bytes()).await.unwrap(), bench.send(batch.as_bytes()).await) });
            for answers in [posted, sent] {
                let answers = answers.as_array().unwrap();
                assert_eq!(answers.len(), part.len());
                for (id, answer) in answers.iter().enumerate() {
                    assert_response(answer);
                    assert!(answer["id"] == id || answer["error"]["code"] == -32600, "{answer}");
                }
            }
        }
        Ok(())
    };
    runner(cases).run(&params, property).unwrap();
    let Bench { app, admin, .. } = bench.into_inner();
    // The server still works.
    runtime.block_on(async {
        admin.call("user.me", json!({})).await;
        drop(app);
    });
}

#[test]
fn any_json_is_answered_by_every_procedure_on_sqlite() {
    every_procedure_survives_anything(Backend::Sqlite, 150);
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn any_json_is_answered_by_every_procedure_on_postgres() {
    every_procedure_survives_anything(Backend::Postgres, 75);
}

/// Arbitrary bytes, or a valid call with some bytes changed, removed or inserted.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let calls = [
        r#"{"jsonrpc":"2.0","id":1,"method":"hello.hello","params":{"text":"you"}}"#,
        r#"[{"jsonrpc":"2.0","id":"é\ud83e\udd80","method":"user.me"},{"jsonrpc":"2.0","method":"user.me"},1,[],{}]"#,
    ];
    let interesting = prop_oneof![proptest::sample::select(b"{}[]\",:\\u0-.eE \n\0\xff".to_vec()), any::<u8>()];
    let edit = (any::<proptest::sample::Index>(), interesting, 0..4);
    let edited = (proptest::sample::select(calls.to_vec()), vec(edit, 1..6)).prop_map(|(call, edits)| {
        let mut bytes = call.as_bytes().to_vec();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        bytes
    });
    prop_oneof![1 => vec(any::<u8>(), 0..300), 4 => edited]
}

#[test]
fn any_bytes_are_answered_and_keep_the_connection_open() {
    let runtime = Runtime::new().unwrap();
    let bench = std::cell::RefCell::new(runtime.block_on(Bench::start(Backend::Sqlite)));
    let property = |bytes: Vec<u8>| {
        let bench = &mut *bench.borrow_mut();
        let posted = runtime.block_on(bench.post(&bytes));
        let sent = posted.as_ref().map(|_| runtime.block_on(bench.send(&bytes)));
        for answer in posted.iter().chain(&sent) {
            match answer {
                Value::Array(answers) => answers.iter().for_each(assert_response),
                one => assert_response(one),
            }
        }
        Ok(())
    };
    runner(600).run(&broken(), property).unwrap();
    let mut bench = bench.into_inner();
    runtime.block_on(async {
        assert_eq!(bench.socket.call("user.me", json!({})).await["result"]["id"], "root");
        drop(bench.app);
    });
}

/// Renames a cluster. Returns the issues if the name is invalid.
async fn rename(client: &Client, id: &Value, name: &str) -> Result<(), Vec<String>> {
    match client.try_call("k8s.update", json!({"id": id, "name": name})).await {
        Ok(_) => {
            assert_eq!(client.call("k8s.get", json!({"id": id})).await["name"], name.trim());
            Ok(())
        }
        Err(failure) => Err(failure.issues()),
    }
}

#[test]
fn cluster_name_is_1_to_100_lower_case_letters_digits_and_dashes() {
    let runtime = Runtime::new().unwrap();
    let (_app, user, id) = runtime.block_on(async {
        let app = Builder::new(Backend::Sqlite).start().await;
        let user = app.user("user_1");
        let id = user.call("k8s.create", json!({"name": "one", "location": "here"})).await["id"].take();
        (app, user, id)
    });
    runner(100)
        .run(&"[a-z0-9-]{1,100}", |name| {
            prop_assert_eq!(runtime.block_on(rename(&user, &id, &name)), Ok(()));
            Ok(())
        })
        .unwrap();
    let wrong = prop_oneof![any::<String>(), "[a-z0-9-]{101,110}", "[a-z0-9-]{0,20}[^a-z0-9-][a-z0-9-]{0,20}", "\\s*"];
    let is_wrong = |name: &String| {
        let name = name.trim();
        let is_good = |char: char| matches!(char, 'a'..='z' | '0'..='9' | '-');
        name.is_empty() || name.len() > 100 || !name.chars().all(is_good)
    };
    runner(200)
        .run(&wrong.prop_filter("a good name", is_wrong), |name| {
            let issues = runtime.block_on(rename(&user, &id, &name)).unwrap_err();
            prop_assert!(!issues.is_empty() && issues.iter().all(|issue| issue.starts_with("name: ")), "{:?}", issues);
            Ok(())
        })
        .unwrap();
}

/// An input with 100,000 issues below a field name of 400,000 bytes.
fn hostile() -> String {
    format!(r#"{{"{}": {{{}"x": "\u0000"}}}}"#, "é".repeat(200_000), r#""x":0,"#.repeat(100_000))
}

#[tokio::test]
async fn answer_to_a_hostile_input_is_short() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let token = app.user("user_1").token.unwrap();
    let input = hostile();
    let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"hello.hello","params":{input}}}"#);
    let socket = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"rpc.unsubscribe","params":{input}}}"#);
    let envelope = format!(r#"{{"json":{input}}}"#);
    for (path, body) in [
        ("", &call),
        ("", &socket),
        ("trpc/hello.hello", &input),
        ("trpc/hello.hello", &envelope),
        ("trpc-plain/hello.hello", &input),
    ] {
        let request =
            app.anonymous().http.post(format!("{}{path}", app.url)).header("content-type", "application/json");
        let answer = request.bearer_auth(&token).body(body.clone()).send().await.unwrap().text().await.unwrap();
        let listed = answer.contains("duplicate_field") && answer.contains("too_many_issues");
        // Params of a socket method are refused unparsed.
        let unparsed = answer.contains("rpc.unsubscribe") && answer.contains("too_long");
        assert!(listed || unparsed, "{path}: {answer:.1000}");
        assert!(answer.len() < 100_000, "{path}: {} bytes", answer.len());
    }
}
