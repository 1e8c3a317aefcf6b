//! A registry in a stock jsonrpsee server, called by jsonrpsee's own clients.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream::unfold};
use jsonrpsee::{
    core::{
        client::{ClientT, Error as ClientError, Subscription as Notifications, SubscriptionClientT},
        middleware::RpcServiceBuilder,
        params::{ArrayParams, BatchRequestBuilder, ObjectParams},
    },
    server::{HttpRequest, HttpResponse, ServerBuilder, ServerConfig, ServerHandle},
};
use jsonrpsee_http_client::HttpClient;
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use procedures::{
    Access, Allowance, Answer, CallOptions, Code, Context, Error, Events, FunctionCall, Functions, Input, Limits,
    NoInput, Registry, Result, Router, Service, State, Subscription, jsonrpc,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::broadcast, time::timeout};

use crate::http::{PATIENCE, get, post, send};

/// Calls that one caller may make in the tests.
const LIMIT: u32 = 100;

#[derive(Clone)]
struct News {
    published: broadcast::Sender<String>,
}

impl State for News {
    type Caller = Option<String>;
    type Error = Error;

    fn authorize(&self, caller: &Self::Caller, access: Access) -> Result<()> {
        match (access, caller) {
            (Access::User, None) => Err(Error::new(Code::Unauthorized, "Sign in first.")),
            _ => Ok(()),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Article {
    #[schemars(length(min = 1, max = 100))]
    text: String,
}

fn reader(call: &FunctionCall<News>, _: NoInput) -> Result<Option<String>> {
    Ok(call.context.caller.clone())
}

fn publish(call: &FunctionCall<News>, Article { text }: Article) -> Result<usize> {
    call.state.published.send(text).map_err(|_unread| Error::new(Code::PreconditionFailed, "Nobody is reading."))
}

fn watch(call: &FunctionCall<News>, _: NoInput) -> Result<Events<String>> {
    let articles = unfold(call.state.published.subscribe(), |mut articles| async {
        articles.recv().await.ok().map(|text| ((None, text), articles))
    });
    Ok(articles.boxed())
}

/// A service around another one, as applications write them: it counts calls.
struct Counted<S> {
    inner: S,
    calls: AtomicU32,
}

impl<S> Counted<S> {
    fn count<T>(&self, answer: Answer<T>) -> Answer<T> {
        let remaining = LIMIT - 1 - self.calls.fetch_add(1, Ordering::Relaxed);
        let reset = Duration::from_secs(60);
        Answer { allowance: Some(Allowance { limit: LIMIT, remaining, reset, retry_after: None }), ..answer }
    }
}

impl<S: Service> Service for Counted<S> {
    type Caller = S::Caller;

    async fn call(
        &self,
        context: &Arc<Context<S::Caller>>,
        name: &str,
        input: Input<'_>,
        options: CallOptions<'_>,
    ) -> Answer {
        self.count(self.inner.call(context, name, input, options).await)
    }

    async fn subscribe(&self, context: &Arc<Context<S::Caller>>, name: &str, input: Input<'_>) -> Answer<Subscription> {
        self.count(self.inner.subscribe(context, name, input).await)
    }
}

struct Server {
    address: SocketAddr,
    news: News,
    _handle: ServerHandle,
}

/// HTTP middleware that identifies the caller.
fn identify(mut request: HttpRequest) -> HttpRequest {
    let name = request.headers().get("name").map(|name| name.to_str().unwrap().to_owned());
    request.extensions_mut().insert(Arc::new(Context::new(name)));
    request
}

/// HTTP middleware that reports the caller's allowance.
fn report(mut response: HttpResponse) -> HttpResponse {
    if let Some(Allowance { remaining, .. }) = response.extensions().get().copied() {
        response.headers_mut().insert("remaining", remaining.into());
    }
    response
}

impl Server {
    async fn start() -> Self {
        let news = News { published: broadcast::Sender::new(8) };
        let router = Router::new("news")
            .query("reader", Access::Public, "Answers who is calling.", reader)
            .mutation("publish", Access::Public, "Publishes an article.", publish)
            .subscription("watch", Access::User, "Delivers each article.", watch);
        let registry = Registry::new(vec![router]).unwrap();
        let catalogue = Arc::clone(registry.catalogue());
        let service = Counted { inner: Functions::new(news.clone(), registry), calls: AtomicU32::new(0) };
        let service = Arc::new(service);

        let layer = jsonrpc::Layer::new(Arc::clone(&service), Arc::clone(&catalogue), &Limits::default()).unwrap();
        let server = ServerBuilder::with_config(ServerConfig::builder().max_subscriptions_per_connection(1).build())
            .set_http_middleware(tower::ServiceBuilder::new().map_request(identify).map_response(report))
            .set_rpc_middleware(RpcServiceBuilder::new().layer(layer))
            .build("127.0.0.1:0")
            .await
            .unwrap();
        let address = server.local_addr().unwrap();
        let handle = server.start(jsonrpc::subscriptions(service, &catalogue).unwrap());
        Self { address, news, _handle: handle }
    }

    fn http(&self, name: &str) -> HttpClient {
        let headers = [("name".parse().unwrap(), name.parse().unwrap())].into_iter().collect();
        HttpClient::builder().set_headers(headers).build(format!("http://{}", self.address)).unwrap()
    }

    async fn socket(&self, name: Option<&str>) -> WsClient {
        let headers = name.map(|name| ("name".parse().unwrap(), name.parse().unwrap())).into_iter().collect();
        WsClientBuilder::default().set_headers(headers).build(format!("ws://{}", self.address)).await.unwrap()
    }
}

fn article(text: &str) -> ObjectParams {
    let mut params = ObjectParams::new();
    params.insert("text", text).unwrap();
    params
}

fn none() -> ArrayParams {
    ArrayParams::new()
}

/// `error.data` of a call that fails.
fn data<T>(answer: std::result::Result<T, ClientError>) -> Value {
    match answer.err().expect("an error") {
        ClientError::Call(error) => serde_json::from_str(error.data().expect("data").get()).unwrap(),
        other => panic!("{other}"),
    }
}

async fn watch_news(client: &WsClient) -> std::result::Result<Notifications<String>, ClientError> {
    client.subscribe("news.watch", none(), "news.watch.unsubscribe").await
}

#[tokio::test]
async fn context_arrives_by_extensions() {
    let server = Server::start().await;
    let name: Option<String> = server.http("ann").request("news.reader", none()).await.unwrap();
    assert_eq!(name.as_deref(), Some("ann"));
    let socket = server.socket(Some("bob")).await;
    let name: Option<String> = socket.request("news.reader", none()).await.unwrap();
    assert_eq!(name.as_deref(), Some("bob"));
}

#[tokio::test]
async fn allowance_leaves_by_extensions() {
    let server = Server::start().await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "news.reader"});
    let response = send(server.address, post("/", &call.to_string())).await;
    assert_eq!(response.headers["remaining"], "99");
    let response = send(server.address, post("/", &json!([call, call, call]).to_string())).await;
    assert_eq!(response.headers["remaining"], "96", "the scarcest of the batch");
    assert!(!send(server.address, get("/")).await.headers.contains_key("remaining"));
}

#[tokio::test]
async fn errors_carry_their_data() {
    let server = Server::start().await;
    let (http, socket) = (server.http("ann"), server.socket(None).await);
    for error in [
        data(http.request::<usize, _>("news.publish", article("")).await),
        data(socket.request::<usize, _>("news.publish", article("")).await),
    ] {
        assert_eq!((&error["code"], &error["path"]), (&json!("BAD_REQUEST"), &json!("news.publish")));
        assert_eq!(error["issues"][0]["code"], "too_short");
    }
    assert_eq!(data(http.request::<usize, _>("news.publish", article("x")).await)["code"], "PRECONDITION_FAILED");
    assert_eq!(data(http.request::<usize, _>("news.missing", none()).await)["code"], "NOT_FOUND");
}

#[tokio::test]
async fn batch_is_answered_in_order() {
    let server = Server::start().await;
    let mut batch = BatchRequestBuilder::new();
    batch.insert("news.reader", none()).unwrap();
    batch.insert("news.missing", none()).unwrap();
    batch.insert("news.reader", none()).unwrap();
    let answers = server.http("ann").batch_request::<Value>(batch.clone()).await.unwrap();
    let codes: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|error| error.code())).collect();
    assert_eq!(codes, [Ok(json!("ann")), Err(-32601), Ok(json!("ann"))]);
    let answers = server.socket(Some("bob")).await.batch_request::<Value>(batch).await.unwrap();
    assert_eq!((answers.num_successful_calls(), answers.num_failed_calls()), (2, 1));
}

#[tokio::test]
async fn subscription_delivers_events_until_it_is_ended() {
    let server = Server::start().await;
    let socket = server.socket(Some("ann")).await;
    let mut articles = watch_news(&socket).await.unwrap();
    let readers: usize = server.http("bob").request("news.publish", article("first")).await.unwrap();
    assert_eq!(readers, 1);
    let _: usize = socket.request("news.publish", article("second")).await.unwrap();
    for expected in ["first", "second"] {
        let text = timeout(PATIENCE, articles.next()).await.expect("an event").unwrap().unwrap();
        assert_eq!(text, expected);
    }
    articles.unsubscribe().await.unwrap();
    timeout(PATIENCE, server.news.published.closed()).await.expect("the server drops the subscription");
}

#[tokio::test]
async fn subscription_ends_with_its_socket() {
    let server = Server::start().await;
    let socket = server.socket(Some("ann")).await;
    let articles = watch_news(&socket).await.unwrap();
    assert_eq!(server.news.published.receiver_count(), 1);
    drop((socket, articles));
    timeout(PATIENCE, server.news.published.closed()).await.expect("the server drops the subscription");
}

#[tokio::test]
async fn refused_subscription_carries_its_data() {
    let server = Server::start().await;
    assert_eq!(data(watch_news(&server.socket(None).await).await)["code"], "UNAUTHORIZED");
    let socket = server.socket(Some("ann")).await;
    let _first = watch_news(&socket).await.unwrap();
    let error = data(watch_news(&socket).await);
    assert_eq!((&error["code"], &error["path"]), (&json!("TOO_MANY_REQUESTS"), &json!("news.watch")));
}

#[tokio::test]
async fn subscription_over_http_is_refused() {
    let server = Server::start().await;
    let error = data(server.http("ann").request::<String, _>("news.watch", none()).await);
    assert_eq!(error["code"], "METHOD_NOT_SUPPORTED");
}
