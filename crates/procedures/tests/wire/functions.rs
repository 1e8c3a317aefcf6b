//! Procedures that are functions of a state, behind an [`Endpoint`].

use std::{net::SocketAddr, sync::Arc};

use futures_util::{FutureExt, StreamExt, stream};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use procedures::{
    Access, Code, Context, Credentials, Endpoint, Error, Events, FunctionCall, FunctionReply, Functions, Input, Kind,
    Limits, NoInput, Registry, Result, Router, Service, Signature, State, Subscription, describe::About,
    trpc::Transformer,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    http::{post, send},
    socket::Socket,
};

struct Office;

/// A name, and whether it is an administrator's.
#[derive(Clone, Debug, Default, PartialEq)]
enum Caller {
    #[default]
    Anonymous,
    User(String),
    Admin,
}

impl State for Office {
    type Caller = Caller;
    type Error = Error;

    fn authorize(&self, caller: &Caller, access: Access) -> Result<()> {
        match (access, caller) {
            (Access::Public, _) | (Access::User, Caller::User(_)) | (_, Caller::Admin) => Ok(()),
            (_, Caller::Anonymous) => Err(Error::new(Code::Unauthorized, "Sign in first.")),
            (Access::Service | Access::Admin, Caller::User(_)) => {
                Err(Error::new(Code::Forbidden, "Only administrators may do this."))
            }
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Letter {
    #[schemars(length(min = 1, max = 10))]
    to: String,
    #[schemars(range(min = 1))]
    pages: u32,
}

fn name(call: &FunctionCall<Office>, _: NoInput) -> Result<String> {
    Ok(format!("{:?}", call.context.caller))
}

fn post_letter(_: &FunctionCall<Office>, Letter { to, pages }: Letter) -> Result<String> {
    Ok(format!("{pages} to {to}"))
}

fn slow(_: FunctionCall<Office>, Letter { to, .. }: Letter) -> FunctionReply<String> {
    async move {
        tokio::task::yield_now().await;
        Ok(to)
    }
    .boxed()
}

fn broken(_: &FunctionCall<Office>, _: NoInput) -> Result<String> {
    panic!("on purpose")
}

fn broken_events(_: &FunctionCall<Office>, _: NoInput) -> Result<Events<u8>> {
    Ok(stream::iter([1, 2]).map(|n| if n == 1 { (None, n) } else { panic!("on purpose") }).boxed())
}

fn broken_start(_: &FunctionCall<Office>, _: NoInput) -> Result<Events<u8>> {
    panic!("on purpose")
}

fn service() -> (Functions<Office>, Arc<procedures::Catalogue>) {
    let slow_signature = Signature { name: "slow", kind: Kind::Query, access: Access::Public, docs: "Waits." };
    let router = Router::new("office")
        .query("name", Access::User, "Answers who is calling.", name)
        .query("keys", Access::Admin, "Answers who is calling, to administrators.", name)
        .mutation("post", Access::Public, "Posts a letter.", post_letter)
        .asynchronous(slow_signature, slow)
        .query("broken", Access::Public, "Panics.", broken)
        .subscription("events", Access::Public, "Panics after an event.", broken_events)
        .subscription("start", Access::Public, "Panics at once.", broken_start);
    let registry = Registry::new(vec![router]).unwrap();
    let catalogue = Arc::clone(registry.catalogue());
    (Functions::new(Office, registry), catalogue)
}

/// The caller is named by the header or the connection parameter `name`.
fn identify(credentials: Credentials<'_>) -> Caller {
    let header = credentials.headers.get("name").map(|value| value.to_str().unwrap());
    match header.or(credentials.params.get("name")) {
        None => Caller::Anonymous,
        Some("admin") => Caller::Admin,
        Some(name) => Caller::User(name.to_owned()),
    }
}

struct Server {
    address: SocketAddr,
    endpoint: Endpoint<Functions<Office>>,
}

impl Server {
    async fn start() -> Self {
        let (service, catalogue) = service();
        let about = About {
            title: "Office",
            version: "1.0.0",
            license: "MIT",
            description: "Letters.",
            transformer: Transformer::Plain,
            error_details: None,
            keeps_answers: false,
        };
        let endpoint = Endpoint::new(service, &catalogue, &about, &Limits::default()).unwrap().identify(identify);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, serving) = (listener.local_addr().unwrap(), endpoint.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), serving.clone());
                tokio::spawn(connection.with_upgrades());
            }
        });
        Self { address, endpoint }
    }

    /// Calls a procedure by JSON-RPC as `caller`.
    async fn call(&self, caller: &'static str, method: &str, params: Value) -> Value {
        let call = json!({"jsonrpc": "2.0", "id": "x", "method": method, "params": params});
        let mut request = post("/", &call.to_string());
        if !caller.is_empty() {
            request.headers_mut().insert("name", caller.parse().unwrap());
        }
        let answer = send(self.address, request).await.json().await;
        assert_eq!(answer["id"], "x", "{answer}");
        answer
    }

    async fn code(&self, caller: &'static str, method: &str, params: Value) -> String {
        self.call(caller, method, params).await["error"]["data"]["code"].as_str().unwrap_or("none").to_owned()
    }
}

#[tokio::test]
async fn access_is_checked_for_each_call() {
    let server = Server::start().await;
    assert_eq!(server.code("", "office.name", json!({})).await, "UNAUTHORIZED");
    assert_eq!(server.call("ann", "office.name", json!({})).await["result"], r#"User("ann")"#);
    assert_eq!(server.code("ann", "office.keys", json!({})).await, "FORBIDDEN");
    assert_eq!(server.call("admin", "office.keys", json!({})).await["result"], "Admin");
}

#[tokio::test]
async fn access_is_checked_before_the_input() {
    let server = Server::start().await;
    assert_eq!(server.code("", "office.name", json!({"surplus": 1})).await, "UNAUTHORIZED");
    assert_eq!(server.code("ann", "office.name", json!({"surplus": 1})).await, "BAD_REQUEST");
}

#[tokio::test]
async fn all_issues_of_an_input_are_reported_at_once() {
    let server = Server::start().await;
    let answer = server.call("", "office.post", json!({"to": "", "pages": 0, "urgent": true})).await;
    let issues = answer["error"]["data"]["issues"].as_array().unwrap().clone();
    let mut issues: Vec<_> = issues.iter().map(|issue| (issue["path"].as_str(), issue["code"].as_str())).collect();
    issues.sort_unstable();
    let expected = [("pages", "too_small"), ("to", "too_short"), ("urgent", "unknown_field")];
    assert_eq!(issues, expected.map(|(path, code)| (Some(path), Some(code))));
}

#[tokio::test]
async fn asynchronous_functions_are_awaited() {
    let server = Server::start().await;
    assert_eq!(server.call("", "office.slow", json!({"to": "ann", "pages": 1})).await["result"], "ann");
    assert_eq!(server.code("", "office.slow", json!({})).await, "BAD_REQUEST");
}

#[tokio::test]
async fn panic_is_an_internal_error_with_the_id_of_its_call() {
    let server = Server::start().await;
    assert_eq!(server.code("", "office.broken", json!({})).await, "INTERNAL_SERVER_ERROR");
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "office.broken"},
        {"jsonrpc": "2.0", "id": 2, "method": "office.post", "params": {"to": "ann", "pages": 3}},
    ]);
    let answers = send(server.address, post("/", &batch.to_string())).await.json().await;
    assert_eq!(answers[0]["id"], 1);
    assert_eq!(answers[0]["error"]["data"]["code"], "INTERNAL_SERVER_ERROR");
    assert_eq!(answers[1], json!({"jsonrpc": "2.0", "id": 2, "result": "3 to ann"}));
}

#[tokio::test]
async fn panic_ends_a_subscription_and_leaves_its_socket_open() {
    let server = Server::start().await;
    let mut socket = Socket::open(server.address, "/").await;
    socket.send(json!({"jsonrpc": "2.0", "id": 1, "method": "office.start"})).await;
    let refused = socket.receive().await;
    assert_eq!((&refused["id"], &refused["error"]["data"]["code"]), (&json!(1), &json!("INTERNAL_SERVER_ERROR")));
    socket.send(json!({"jsonrpc": "2.0", "id": 2, "method": "office.events"})).await;
    let subscription = socket.receive().await["result"].take();
    assert_eq!(socket.receive().await["params"], json!({"subscription": subscription, "result": 1}));
    let ended = socket.receive().await;
    assert_eq!(ended["params"]["subscription"], subscription);
    assert_eq!(ended["params"]["error"]["data"]["code"], "INTERNAL_SERVER_ERROR");
    socket.send(json!({"jsonrpc": "2.0", "id": 3, "method": "rpc.ping"})).await;
    assert_eq!(socket.receive().await["result"], "pong");
}

#[tokio::test]
async fn subscription_can_not_be_called_without_a_socket() {
    let server = Server::start().await;
    assert_eq!(server.code("", "office.events", json!({})).await, "METHOD_NOT_SUPPORTED");
    assert_eq!(server.code("", "rpc.unsubscribe", json!({"subscription": "1"})).await, "METHOD_NOT_SUPPORTED");
    assert_eq!(server.code("", "office.missing", json!({})).await, "NOT_FOUND");
}

#[tokio::test]
async fn query_can_not_be_subscribed_to() {
    let (service, _) = service();
    let context = Arc::new(Context::new(Caller::Admin));
    let answer = service.subscribe(&context, "office.name", Input::Text(None)).await;
    assert_eq!(answer.result.unwrap_err().code, Code::MethodNotSupported);
}

#[tokio::test]
async fn connection_params_identify_the_caller_of_a_trpc_socket() {
    let server = Server::start().await;
    let mut socket = Socket::open(server.address, "/trpc?connectionParams=1").await;
    socket.send(json!({"method": "connectionParams", "data": {"name": "ann"}})).await;
    socket.send(json!({"id": 1, "method": "query", "params": {"path": "office.name"}})).await;
    let answer = json!({"id": 1, "result": {"type": "data", "data": r#"User("ann")"#}});
    assert_eq!(socket.receive().await, answer);
}

#[tokio::test]
async fn closing_sockets_asks_trpc_clients_to_reconnect() {
    let server = Server::start().await;
    let mut trpc = Socket::open(server.address, "/trpc").await;
    let mut jsonrpc = Socket::open(server.address, "/").await;
    server.endpoint.close_sockets();
    assert_eq!(trpc.receive().await, json!({"id": null, "method": "reconnect"}));
    assert_eq!(trpc.close_code().await, 1001);
    assert_eq!(jsonrpc.close_code().await, 1001);
}

#[tokio::test]
async fn a_subscription_ends_after_its_first_error() {
    let event = || procedures::Event { id: None, data: serde_json::value::to_raw_value(&1).unwrap() };
    let events = stream::iter([Ok(event()), Err(Error::internal()), Ok(event())]);
    let delivered: Vec<bool> = Subscription::new(events).map(|event| event.is_ok()).collect().await;
    assert_eq!(delivered, [true, false]);
}
