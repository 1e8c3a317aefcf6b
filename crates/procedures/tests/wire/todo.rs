//! `examples/todo.rs` as a process. `cargo test` builds it; `cargo test --test wire` alone does not.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    http::{get, post, send},
    socket::Socket,
};

/// The example, running until this is dropped.
struct Todo {
    address: SocketAddr,
    process: Child,
}

impl Drop for Todo {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Where cargo puts examples, seen from the test's own executable.
fn executable() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples/todo");
    assert!(path.exists(), "run `cargo build -p procedures --example todo` first");
    path
}

impl Todo {
    fn start() -> Self {
        let mut command = Command::new(executable());
        let mut process = command.env("EXAMPLE_ADDR", "127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { address, process }
    }

    /// Calls `todo.add` by JSON-RPC.
    async fn add(&self, title: &str) -> Value {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "todo.add", "params": {"title": title}});
        send(self.address, post("/", &call.to_string())).await.json().await["result"].take()
    }

    async fn get(&self, path: &str) -> Value {
        send(self.address, get(path)).await.json().await
    }
}

fn todo(id: usize, title: &str, done: bool) -> Value {
    json!({"id": id, "title": title, "done": done})
}

#[tokio::test]
async fn json_rpc_calls_and_batches_are_answered() {
    let server = Todo::start();
    assert_eq!(server.add("  write  ").await, todo(1, "write", false));
    let batch = json!([
        {"jsonrpc": "2.0", "id": "a", "method": "todo.finish", "params": {"id": 1}},
        {"jsonrpc": "2.0", "method": "todo.list"},
        {"jsonrpc": "2.0", "id": "b", "method": "todo.finish", "params": {"id": 9}},
    ]);
    let answers = send(server.address, post("/", &batch.to_string())).await.json().await;
    assert_eq!(answers[0], json!({"jsonrpc": "2.0", "id": "a", "result": todo(1, "write", true)}));
    assert_eq!(answers[1]["id"], "b");
    assert_eq!(answers[1]["error"]["data"]["code"], "NOT_FOUND");
    assert_eq!(answers.as_array().unwrap().len(), 2, "a notification is not answered");
}

#[tokio::test]
async fn trpc_queries_and_mutations_are_answered() {
    let server = Todo::start();
    let added = send(server.address, post("/trpc/todo.add", r#"{"title": "write"}"#)).await;
    assert_eq!(added.status, 200);
    assert_eq!(added.json().await, json!({"result": {"data": todo(1, "write", false)}}));
    assert_eq!(server.get("/trpc/todo.list").await, json!({"result": {"data": [todo(1, "write", false)]}}));
    let missing = send(server.address, post("/trpc/todo.finish", r#"{"id": 9}"#)).await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json().await["error"]["data"]["path"], "todo.finish");
}

#[tokio::test]
async fn trpc_batch_is_answered_in_order() {
    let server = Todo::start();
    let inputs = r#"{"0": {"title": "first"}, "1": {"title": ""}}"#;
    let response = send(server.address, post("/trpc/todo.add,todo.add?batch=1", inputs)).await;
    assert_eq!(response.status, 207);
    let answers = response.json().await;
    assert_eq!(answers[0], json!({"result": {"data": todo(1, "first", false)}}));
    assert_eq!(answers[1]["error"]["data"]["zodError"]["fieldErrors"]["title"], json!(["must not be empty"]));
}

#[tokio::test]
async fn trpc_batch_is_streamed_as_json_lines() {
    let server = Todo::start();
    server.add("write").await;
    let mut request = get("/trpc/todo.list?batch=1");
    request.headers_mut().insert("trpc-accept", "application/jsonl".parse().unwrap());
    let mut response = send(server.address, request).await;
    assert_eq!(response.line().await.unwrap(), r#"{"0":[[0],[null,0,0]]}"#);
    assert_eq!(response.line().await.unwrap(), r#"[0,0,[[{"result":0}],["result",0,1]]]"#);
    assert_eq!(response.line().await.unwrap(), r#"[1,0,[[{"data":0}],["data",0,2]]]"#);
    assert_eq!(response.line().await.unwrap(), r#"[2,0,[[[{"id":1,"title":"write","done":false}]]]]"#);
    assert_eq!(response.line().await, None);
}

#[tokio::test]
async fn trpc_subscription_is_a_stream_of_server_sent_events() {
    let server = Todo::start();
    let mut events = send(server.address, get("/trpc/todo.watch")).await;
    assert_eq!(events.headers["content-type"], "text/event-stream");
    assert_eq!(events.line().await.unwrap(), "event: connected");
    assert!(events.line().await.unwrap().starts_with("data: "));
    assert_eq!(events.line().await.unwrap(), "");
    server.add("write").await;
    assert_eq!(events.line().await.unwrap(), r#"data: {"id":1,"title":"write","done":false}"#);
    assert_eq!(events.line().await.unwrap(), "");
}

#[tokio::test]
async fn trpc_socket_calls_and_subscribes() {
    let server = Todo::start();
    let mut socket = Socket::open(server.address, "/trpc").await;
    socket.send(json!({"id": 1, "method": "subscription", "params": {"path": "todo.watch"}})).await;
    assert_eq!(socket.receive().await, json!({"id": 1, "result": {"type": "started"}}));
    server.add("write").await;
    let event = json!({"id": 1, "result": {"type": "data", "data": todo(1, "write", false)}});
    assert_eq!(socket.receive().await, event);
    socket.send(json!({"id": 1, "method": "subscription.stop"})).await;
    assert_eq!(socket.receive().await, json!({"id": 1, "result": {"type": "stopped"}}));
    socket.send(json!({"id": 2, "method": "query", "params": {"path": "todo.list"}})).await;
    let answer = json!({"id": 2, "result": {"type": "data", "data": [todo(1, "write", false)]}});
    assert_eq!(socket.receive().await, answer);
    socket.send_text("PING").await;
    assert_eq!(socket.text().await, "PONG");
}

#[tokio::test]
async fn handshakes_follow_the_rules_and_send_no_token_back() {
    let server = Todo::start();
    let handshake = async |path: &str, connection: &'static str, offered: &'static str| {
        let mut request = get(path);
        for (name, value) in [
            ("connection", connection),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", offered),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let response = send(server.address, request).await;
        (response.status.as_u16(), response.headers.get("sec-websocket-protocol").cloned())
    };
    for path in ["/", "/trpc"] {
        let accepted = (101, Some("rpc".parse().unwrap()));
        assert_eq!(handshake(path, "keep-alive, Upgrade", "bearer.secret, rpc").await, accepted);
        assert_eq!(handshake(path, "upgrade", "bearer.secret").await, (400, None));
        assert_eq!(handshake(path, "keep-alive", "rpc").await, (400, None));
    }
}

#[tokio::test]
async fn json_rpc_socket_calls_and_subscribes() {
    let server = Todo::start();
    let mut socket = Socket::open(server.address, "/").await;
    let call =
        |id: u8, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    socket.send(call(1, "todo.watch", json!({}))).await;
    let subscription = socket.receive().await["result"].take();
    assert!(subscription.is_string());
    server.add("write").await;
    let params = json!({"subscription": subscription, "result": todo(1, "write", false)});
    assert_eq!(socket.receive().await, json!({"jsonrpc": "2.0", "method": "todo.watch", "params": params}));
    for ended in [true, false] {
        socket.send(call(2, "rpc.unsubscribe", json!({"subscription": subscription}))).await;
        assert_eq!(socket.receive().await, json!({"jsonrpc": "2.0", "id": 2, "result": ended}));
    }
    socket.send(call(3, "rpc.ping", json!({}))).await;
    assert_eq!(socket.receive().await, json!({"jsonrpc": "2.0", "id": 3, "result": "pong"}));
}

#[tokio::test]
async fn documents_describe_the_procedures() {
    let server = Todo::start();
    let openrpc = server.get("/openrpc.json").await;
    let names: Vec<_> = openrpc["methods"].as_array().unwrap().iter().map(|method| &method["name"]).collect();
    assert_eq!(names, ["todo.list", "todo.add", "todo.finish", "todo.watch"]);
    let types = send(server.address, get("/app-router.d.ts")).await.text().await;
    assert!(types.contains("transformer: false;"));
    assert!(types.contains("list: QueryOf<void, Todo[]>;"));
    assert!(types.contains("watch: TRPCSubscriptionProcedure<Types<void, AsyncIterable<Todo>>>;"));
}

#[tokio::test]
async fn requests_without_a_call_are_refused() {
    let server = Todo::start();
    let mut form = post("/", "{}");
    form.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    let large = "x".repeat(1024 * 1024 + 1);
    for (request, status, code) in [
        (form, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (post("/", &large), 413, "PAYLOAD_TOO_LARGE"),
        (get("/"), 405, "METHOD_NOT_SUPPORTED"),
        (get("/todo"), 404, "NOT_FOUND"),
        (get("/trpc/todo.add"), 405, "METHOD_NOT_SUPPORTED"),
        (get("/trpc/%zz"), 400, "BAD_REQUEST"),
    ] {
        let response = send(server.address, request).await;
        assert_eq!(response.status, status, "{code}");
        assert_eq!(response.json().await["error"]["data"]["code"], code);
    }
}

#[tokio::test]
async fn a_notification_is_acknowledged_without_a_body() {
    let app = Todo::start();
    let response = send(app.address, post("/", r#"{"jsonrpc": "2.0", "method": "todo.list"}"#)).await;
    assert_eq!(response.status, 204);
}
