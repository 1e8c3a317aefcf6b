//! The whole registry in a stock jsonrpsee server, called by jsonrpsee's own clients.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use clusterdesk::{
    auth::{Authenticator, Credential},
    kernel::{Client as Caller, Context, Kernel},
    routers,
    server::kernel,
};
use jsonrpsee::{
    core::{
        ClientError,
        client::{ClientT, Subscription, SubscriptionClientT},
        middleware::RpcServiceBuilder,
        params::{ArrayParams, BatchRequestBuilder, ObjectParams},
    },
    server::{HttpRequest, ServerBuilder, ServerHandle},
};
use jsonrpsee_http_client::{HeaderMap, HttpClient};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use procedures::{Access, Kind, Limits, jsonrpc};
use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};
use tower::{Layer, Service, ServiceBuilder};

use crate::support::{Client, PATIENCE, TestApp, both_databases, catalogue, eventually};

/// A stock jsonrpsee server that hosts clusterdesk's procedures.
struct Stock {
    address: SocketAddr,
    kernel: Arc<Kernel>,
    /// Subscriptions end when it is dropped.
    _drain: watch::Sender<bool>,
    _handle: ServerHandle,
}

impl Stock {
    /// A server on the database of `app`.
    async fn beside(app: &TestApp) -> Self {
        let builder = app.beside();
        let settings = builder.settings();
        let (drain, draining) = watch::channel(false);
        let kernel = Arc::new(kernel(&settings, &builder.limits, routers::all(), draining).unwrap());
        let authenticator = Arc::new(Authenticator::new(&settings.jwt).unwrap());
        let catalogue = Arc::clone(kernel.catalogue());
        let layer = jsonrpc::Layer::new(Arc::clone(&kernel), Arc::clone(&catalogue), &Limits::default()).unwrap();
        let server = ServerBuilder::default()
            .set_http_middleware(ServiceBuilder::new().layer(Authenticate(authenticator)))
            .set_rpc_middleware(RpcServiceBuilder::new().layer(layer))
            .build("127.0.0.1:0")
            .await
            .unwrap();
        let address = server.local_addr().unwrap();
        let handle = server.start(jsonrpc::subscriptions(Arc::clone(&kernel), &catalogue).unwrap());
        Self { address, kernel, _drain: drain, _handle: handle }
    }

    /// An HTTP client with the token of `client`.
    fn http(&self, client: &Client) -> HttpClient {
        HttpClient::builder().set_headers(headers(client)).build(format!("http://{}", self.address)).unwrap()
    }

    /// A WebSocket client with the token of `client`.
    async fn socket(&self, client: &Client) -> WsClient {
        let url = format!("ws://{}", self.address);
        WsClientBuilder::default().set_headers(headers(client)).build(url).await.unwrap()
    }

    /// The number of running subscriptions.
    fn subscriptions(&self) -> i64 {
        self.kernel.services().metrics.subscriptions.get()
    }
}

fn headers(client: &Client) -> HeaderMap {
    let bearer = client.token.as_ref().map(|token| format!("Bearer {token}").parse().unwrap());
    bearer.map(|bearer| (http::header::AUTHORIZATION, bearer)).into_iter().collect()
}

/// HTTP middleware that puts the context of a request into its extensions.
#[derive(Clone)]
struct Authenticate(Arc<Authenticator>);

impl<S> Layer<S> for Authenticate {
    type Service = Authenticated<S>;

    fn layer(&self, server: S) -> Authenticated<S> {
        Authenticated { authenticator: Arc::clone(&self.0), server }
    }
}

#[derive(Clone)]
struct Authenticated<S> {
    authenticator: Arc<Authenticator>,
    server: S,
}

impl<S> Service<HttpRequest> for Authenticated<S>
where
    S: Service<HttpRequest, Future: Send> + Clone + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.server.poll_ready(context)
    }

    fn call(&mut self, mut request: HttpRequest) -> Self::Future {
        let Self { authenticator, mut server } = self.clone();
        Box::pin(async move {
            let header = request.headers().get(http::header::AUTHORIZATION);
            let token = header.and_then(|header| header.to_str().unwrap().strip_prefix("Bearer "));
            let credential = match token {
                Some(token) => authenticator.authenticate(Some(token)).await,
                None => Credential::Anonymous,
            };
            request.extensions_mut().insert(Arc::new(Context::new(Caller { credential, ..Caller::default() })));
            server.call(request).await
        })
    }
}

fn none() -> ArrayParams {
    ArrayParams::new()
}

/// The members of a JSON object as params.
fn params(input: Value) -> ObjectParams {
    let mut params = ObjectParams::new();
    for (name, value) in input.as_object().unwrap() {
        params.insert(name, value).unwrap();
    }
    params
}

/// `error.data` of a call that fails.
fn data<T>(answer: Result<T, ClientError>) -> Value {
    match answer.err().expect("an error") {
        ClientError::Call(error) => serde_json::from_str(error.data().expect("data").get()).unwrap(),
        other => panic!("{other}"),
    }
}

async fn watch_clusters(client: &WsClient) -> Result<Subscription<Value>, ClientError> {
    client.subscribe("k8s.watch", none(), "k8s.watch.unsubscribe").await
}

async fn event(events: &mut Subscription<Value>) -> Value {
    timeout(PATIENCE, events.next()).await.expect("no event came").unwrap().unwrap()
}

both_databases! {
    async fn queries_answer_as_on_our_own_server(app: TestApp) {
        let (stock, ann, admin) = (Stock::beside(&app).await, app.rich("ann"), app.admin());
        ann.create("web", "PRO").await;
        for (client, name) in [
            (&ann, "user.me"), (&ann, "k8s.list"), (&ann, "k8s.getClusters"), (&ann, "auth.mySubscription"),
            (&admin, "admin.getStats"), (&admin, "admin.listUsers"), (&app.anonymous(), "rpc.discover"),
        ] {
            let expected = client.call(name, json!({})).await;
            assert_eq!(stock.http(client).request::<Value, _>(name, none()).await.unwrap(), expected, "{name}");
            assert_eq!(stock.socket(client).await.request::<Value, _>(name, none()).await.unwrap(), expected, "{name}");
        }
        let found: Value = stock.http(&ann).request("k8s.get", params(json!({"id": 1}))).await.unwrap();
        assert_eq!(found["name"], "web");
    }

    async fn a_mutation_leaves_its_audit_entry(app: TestApp) {
        let (stock, ann, admin) = (Stock::beside(&app).await, app.member("ann"), app.admin());
        let input = json!({"name": "web", "location": "eu"});
        let created: Value = stock.http(&ann).request("k8s.create", params(input)).await.unwrap();
        assert_eq!((&created["success"], &created["clusterName"]), (&json!(true), &json!("web")));
        let input = json!({"id": created["id"], "name": "db"});
        let updated: Value = stock.socket(&ann).await.request("k8s.updateCluster", params(input)).await.unwrap();
        assert_eq!(updated, json!({"success": true}));
        let audited = admin.audited().await;
        let procedures: Vec<_> = audited.iter().map(|entry| (&entry[0], &entry[1], &entry[3])).collect();
        let id = json!(created["id"].to_string());
        assert_eq!(procedures, [(&json!("ann"), &json!("k8s.create"), &id), (&json!("ann"), &json!("k8s.update"), &id)]);
        assert_eq!(ann.call("k8s.list", json!({})).await[0]["name"], "db");
    }

    async fn a_batch_is_answered_in_order(app: TestApp) {
        let (stock, ann) = (Stock::beside(&app).await, app.member("ann"));
        let mut batch = BatchRequestBuilder::new();
        batch.insert("k8s.count", none()).unwrap();
        batch.insert("k8s.get", params(json!({"id": 77}))).unwrap();
        batch.insert("hello.hello", params(json!({"text": "Ann"}))).unwrap();
        let expected = [Ok(json!({"active": 0, "deleted": 0})), Err(-32004), Ok(json!({"greeting": "hello Ann"}))];
        let answers = [
            stock.http(&ann).batch_request::<Value>(batch.clone()).await.unwrap(),
            stock.socket(&ann).await.batch_request::<Value>(batch).await.unwrap(),
        ];
        for answers in answers {
            let answers: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|error| error.code())).collect();
            assert_eq!(answers, expected);
        }
    }

    async fn errors_have_codes_paths_and_issues(app: TestApp) {
        let (stock, ann) = (Stock::beside(&app).await, app.member("ann"));
        let first = ann.create("web", "FREE").await;
        let (http, socket) = (stock.http(&ann), stock.socket(&ann).await);
        for (name, input, expected) in [
            ("k8s.get", json!({"id": 77}), json!({"code": "NOT_FOUND", "httpStatus": 404})),
            ("k8s.create", json!({"name": "db", "location": "eu"}), json!({"code": "CONFLICT", "conflictingId": first})),
            ("k8s.create", json!({"name": "db", "location": "eu", "plan": "PRO"}), json!({"code": "PAYMENT_REQUIRED"})),
            ("admin.getStats", json!({}), json!({"code": "FORBIDDEN"})),
            ("k8s.missing", json!({}), json!({"code": "NOT_FOUND"})),
        ] {
            let errors = [
                data(http.request::<Value, _>(name, params(input.clone())).await),
                data(socket.request::<Value, _>(name, params(input)).await),
            ];
            for error in errors {
                for (member, value) in expected.as_object().unwrap() {
                    assert_eq!(&error[member], value, "{name}: {error}");
                }
                assert_eq!(error["path"], name);
                assert!(error["requestId"].is_string());
            }
        }
        let error = data(http.request::<Value, _>("k8s.create", params(json!({"name": "W"}))).await);
        assert_eq!(error["issues"].as_array().unwrap().len(), 2, "{error}");
    }

    async fn every_procedure_is_served_and_only_public_ones_to_anonymous_callers(app: TestApp) {
        let stock = Stock::beside(&app).await;
        let (http, socket) = (stock.http(&app.anonymous()), stock.socket(&app.anonymous()).await);
        let mut refused = 0;
        for name in catalogue().names() {
            let procedure = Arc::clone(catalogue().get(name).unwrap());
            if procedure.access == Access::Public {
                let _: Value = http.request(name, none()).await.unwrap();
                continue;
            }
            // Over HTTP a subscription is a call of the wrong kind, which an anonymous caller is not told.
            let by_http = data(http.request::<Value, _>(name, none()).await);
            assert_eq!((&by_http["code"], &by_http["path"]), (&json!("UNAUTHORIZED"), &json!(name)));
            let by_socket = match procedure.kind {
                Kind::Subscription => {
                    let unsubscribe = format!("{name}.unsubscribe");
                    data(socket.subscribe::<Value, _>(name, none(), &unsubscribe).await)
                }
                Kind::Query | Kind::Mutation => data(socket.request::<Value, _>(name, none()).await),
            };
            assert_eq!((&by_socket["code"], &by_socket["path"]), (&json!("UNAUTHORIZED"), &json!(name)));
            refused += 1;
        }
        assert!(refused > 30, "only {refused} procedures were called");
        let rejected = stock.http(&app.with_token("nonsense"));
        assert_eq!(data(rejected.request::<Value, _>("user.me", none()).await)["code"], "UNAUTHORIZED");
        assert_eq!(app.count("audit_log"), 0);
    }

    async fn a_subscription_delivers_events_until_it_is_ended(app: TestApp) {
        let (stock, ann) = (Stock::beside(&app).await, app.member("ann"));
        let socket = stock.socket(&ann).await;
        let mut events = watch_clusters(&socket).await.unwrap();
        assert_eq!(event(&mut events).await["type"], "ready");
        // One change through the stock server, and one through another server.
        let input = json!({"name": "web", "location": "eu"});
        let created: Value = socket.request("k8s.create", params(input)).await.unwrap();
        let first = event(&mut events).await;
        assert_eq!((&first["type"], &first["cluster"]["id"]), (&json!("created"), &created["id"]));
        ann.call("k8s.delete", json!({"id": created["id"]})).await;
        assert_eq!(event(&mut events).await["type"], "deleted");
        assert_eq!(stock.subscriptions(), 1);
        events.unsubscribe().await.unwrap();
        eventually(async || stock.subscriptions() == 0).await;
        // The socket still answers.
        let listed: Value = socket.request("k8s.list", none()).await.unwrap();
        assert_eq!(listed, json!([]));
    }

    async fn a_subscription_ends_with_its_socket(app: TestApp) {
        let (stock, ann) = (Stock::beside(&app).await, app.member("ann"));
        let socket = stock.socket(&ann).await;
        let events = watch_clusters(&socket).await.unwrap();
        assert_eq!(stock.subscriptions(), 1);
        drop((socket, events));
        eventually(async || stock.subscriptions() == 0).await;
    }

    async fn a_subscription_over_http_is_refused(app: TestApp) {
        let (stock, ann) = (Stock::beside(&app).await, app.member("ann"));
        let error = data(stock.http(&ann).request::<Value, _>("k8s.watch", none()).await);
        assert_eq!((&error["code"], &error["path"]), (&json!("METHOD_NOT_SUPPORTED"), &json!("k8s.watch")));
    }
}
