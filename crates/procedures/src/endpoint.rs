//! A ready-made HTTP endpoint: both wires and the documents, for applications without an HTTP layer of their own.

use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Body as HttpBody;
use jsonrpsee::Extensions;
use tokio::sync::watch;

use crate::{
    body::{Body, collect, whole},
    budget::{Budget, Share},
    context::Context,
    describe::{About, Documents},
    error::{Code, Error, Result},
    idempotency::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, IdempotencyKey},
    jsonrpc::{self, Gate, Incoming, JsonRpcService},
    limits::Limits,
    registry::Catalogue,
    service::Service,
    socket::{self, Connection, Handshake, Opening, Protocol, Subprotocols, introduces, is_upgrade},
    trpc::{self, ConnectionParams, Transformer, Trpc, Verb},
};

const JSON: &str = "application/json";
const TYPESCRIPT: &str = "application/typescript; charset=utf-8";

/// Where a client may put its credentials.
// No `Debug`: they are secret.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The headers of the request. A browser's WebSocket can only send cookies and subprotocols
    /// ([`Subprotocols::token`]).
    pub headers: &'a HeaderMap,
    /// What a tRPC client sends for a subscription or as the first message of a WebSocket; empty otherwise.
    pub params: &'a ConnectionParams,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Identify<C> = dyn Fn(Credentials<'_>) -> C + Send + Sync;

/// Answers HTTP requests with the procedures of one service.
///
/// | request | answer |
/// |---|---|
/// | `POST /` | JSON-RPC 2.0: single calls, batches, notifications |
/// | `GET /`, WebSocket | JSON-RPC 2.0 with subscriptions |
/// | `/trpc/…` | tRPC: calls, batches, JSON lines, subscriptions as server-sent events |
/// | `GET /trpc`, WebSocket | tRPC's `wsLink` |
/// | `GET /openrpc.json`, `GET /app-router.d.ts` | the documents |
///
/// It is a [`hyper::service::Service`]; connections must be served `with_upgrades`. Clones share everything.
///
/// ```no_run
/// use hyper::server::conn::http1;
/// use hyper_util::rt::TokioIo;
/// # use procedures::{Endpoint, Service};
///
/// async fn serve<S: Service>(endpoint: Endpoint<S>) -> std::io::Result<()> {
///     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
///     loop {
///         let (stream, _) = listener.accept().await?;
///         let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), endpoint.clone());
///         tokio::spawn(connection.with_upgrades());
///     }
/// }
/// ```
///
/// Left to the application: TLS, compression, timeouts and limits of connections, the check of `Host`, and CORS. An
/// application that identifies callers by cookie must check the `Origin` of a request before it calls
/// [`answer`](Self::answer).
pub struct Endpoint<S: Service> {
    shared: Arc<Shared<S>>,
    identify: Arc<Identify<S::Caller>>,
}

struct Shared<S: Service> {
    service: Arc<S>,
    catalogue: Arc<Catalogue>,
    limits: Limits,
    budget: Budget,
    transformer: Transformer,
    gate: Arc<Gate<JsonRpcService<S>>>,
    trpc: Trpc<S>,
    openrpc: Bytes,
    app_router: Bytes,
    draining: watch::Sender<bool>,
}

/// The wire in whose form an error is written.
#[derive(Clone, Copy)]
enum Wire {
    JsonRpc,
    Trpc,
}

impl<S: Service> Endpoint<S> {
    /// Serves what `service` runs to anonymous callers.
    ///
    /// # Errors
    /// When the procedures can't be described.
    pub fn new(service: S, catalogue: &Arc<Catalogue>, about: &About, limits: &Limits) -> anyhow::Result<Self> {
        let (service, catalogue) = (Arc::new(service), Arc::clone(catalogue));
        let documents = Documents::of(&catalogue, about)?;
        let jsonrpc = JsonRpcService::new(Arc::clone(&service), Arc::clone(&catalogue), limits)?;
        let shared = Shared {
            gate: Arc::new(Gate::new(jsonrpc, limits)),
            trpc: Trpc::new(Arc::clone(&service), Arc::clone(&catalogue), limits.clone()),
            service,
            catalogue,
            limits: limits.clone(),
            budget: Budget::new(limits.buffered_bytes),
            transformer: about.transformer,
            openrpc: documents.openrpc.text.into(),
            app_router: documents.app_router.text.into(),
            draining: watch::Sender::new(false),
        };
        Ok(Self { shared: Arc::new(shared), identify: Arc::new(|_| S::Caller::default()) })
    }

    /// The same endpoint, whose callers are identified by `identify`: once per request, and once per WebSocket.
    #[must_use]
    pub fn identify(self, identify: impl Fn(Credentials<'_>) -> S::Caller + Send + Sync + 'static) -> Self {
        Self { identify: Arc::new(identify), ..self }
    }

    /// Closes all WebSockets once their calls in flight are answered. tRPC clients are asked to reconnect.
    pub fn close_sockets(&self) {
        self.shared.draining.send_replace(true);
    }

    /// Answers one request. The response carries the caller's [`Allowance`](crate::Allowance) in its extensions where
    /// the service counts calls.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data: Send, Error: Into<BoxError>> + Send,
    {
        let path = request.uri().path().to_owned();
        let mounted = path.strip_prefix("/trpc").filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let wire = mounted.map_or(Wire::JsonRpc, |_| Wire::Trpc);
        let answer = match (request.method(), path.as_str(), mounted) {
            (&Method::GET, "/" | "/trpc", _) if is_upgrade(&request) => self.upgrade(request, wire),
            (&Method::GET, "/openrpc.json", _) => Ok(whole(StatusCode::OK, JSON, self.shared.openrpc.clone())),
            (&Method::GET, "/app-router.d.ts", _) => {
                Ok(whole(StatusCode::OK, TYPESCRIPT, self.shared.app_router.clone()))
            }
            (&Method::POST, "/", _) => self.jsonrpc(request).await,
            (_, "/", _) => Err(Error::method_not_supported("Call procedures by POST, or open a WebSocket.")),
            (_, _, Some(path)) => self.trpc(request, path.trim_matches('/')).await,
            _ => Err(Error::new(Code::NotFound, "There is no such page.")),
        };
        answer.unwrap_or_else(|error| self.refuse(wire, &error))
    }

    async fn jsonrpc<B>(&self, request: Request<B>) -> Result<Response<Body>>
    where
        B: HttpBody<Data: Send, Error: Into<BoxError>> + Send,
    {
        let (head, body) = request.into_parts();
        let share = self.shared.budget.share(true);
        let message = self.read(&head, body, &share).await?;
        let context = self.context(&head.headers, &ConnectionParams::default(), share);
        let mut extensions = Extensions::new();
        extensions.insert(Arc::clone(&context));
        let keys = head.headers.get_all(IDEMPOTENCY_KEY);
        match IdempotencyKey::of_header(keys.iter().map(HeaderValue::as_bytes)) {
            Ok(None) => {}
            Ok(Some(key)) => drop(extensions.insert(key)),
            Err(error) => return Err(self.shared.service.count_refused(&context).await.error_or(error)),
        }
        let incoming = Incoming { message: &message, request_id: &context.request_id, extensions };
        let reply = self.shared.gate.answer(incoming).await;
        let mut response = match reply.body {
            Some(body) => whole(StatusCode::OK, JSON, context.share.clone().keep(body)),
            None => no_content(),
        };
        if let Some(allowance) = reply.allowance {
            response.extensions_mut().insert(allowance);
        }
        if reply.replayed {
            response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    async fn trpc<B>(&self, request: Request<B>, path: &str) -> Result<Response<Body>>
    where
        B: HttpBody<Data: Send, Error: Into<BoxError>> + Send,
    {
        let (head, body) = request.into_parts();
        let share = self.shared.budget.share(true);
        let Some(verb) = Verb::of(&head.method) else {
            return Err(Error::method_not_supported("Call queries by GET and mutations by POST."));
        };
        let mut request = trpc::Request::read(verb, self.shared.transformer, path, &head);
        if verb == Verb::Post {
            let body = self.read(&head, body, &share).await?;
            request = request.and_then(|request| request.with_body(body));
        }
        let params = self.shared.trpc.introduction(&request);
        self.shared.trpc.answer(self.context(&head.headers, &params, share), request).await
    }

    /// Accepts a WebSocket and serves it in a task of its own.
    fn upgrade<B>(&self, request: Request<B>, wire: Wire) -> Result<Response<Body>> {
        let headers = request.headers().clone();
        let introduces = introduces(request.uri().query());
        let chosen = Subprotocols::read(&headers).chosen("rpc")?;
        let Handshake { response, upgrade } = Handshake::accept(request, chosen)?;
        let shared = Arc::clone(&self.shared);
        let caller = self.caller(&headers, &ConnectionParams::default());
        let mut protocol: Box<dyn Protocol> = match wire {
            Wire::JsonRpc => {
                let subscriptions = shared.limits.socket_subscriptions;
                Box::new(socket::JsonRpc::new(Arc::clone(&shared.gate), caller, subscriptions))
            }
            Wire::Trpc => Box::new(socket::Trpc::new(Opening {
                service: Arc::clone(&shared.service),
                catalogue: Arc::clone(&shared.catalogue),
                transformer: shared.transformer,
                limits: shared.limits.clone(),
                caller,
                introduce: introduces.then(|| self.introduce(headers)),
            })),
        };
        let draining = shared.draining.subscribe();
        tokio::spawn(async move {
            match upgrade.await {
                Ok(upgraded) => {
                    let connection = Connection {
                        protocol: protocol.as_mut(),
                        limits: &shared.limits,
                        budget: &shared.budget,
                        expired: Box::pin(pending()),
                        // Whether callers must introduce themselves is the application's decision.
                        introduced: Arc::new(|| true),
                        draining,
                    };
                    connection.serve(upgraded).await;
                }
                Err(error) => tracing::debug!(%error, "the connection was not upgraded"),
            }
        });
        Ok(response)
    }

    fn introduce(&self, headers: HeaderMap) -> socket::Introduce<S::Caller> {
        let endpoint = self.clone();
        Box::new(move |params| ready(endpoint.caller(&headers, &params)).boxed())
    }

    fn caller(&self, headers: &HeaderMap, params: &ConnectionParams) -> S::Caller {
        (self.identify)(Credentials { headers, params })
    }

    fn context(&self, headers: &HeaderMap, params: &ConnectionParams, share: Share) -> Arc<Context<S::Caller>> {
        Arc::new(Context { share, ..Context::new(self.caller(headers, params)) })
    }

    /// Reads the whole body of a POST.
    async fn read<B>(&self, head: &Parts, body: B, share: &Share) -> Result<Bytes>
    where
        B: HttpBody<Data: Send, Error: Into<BoxError>> + Send,
    {
        if !is_json(&head.headers) {
            return Err(Error::new(Code::UnsupportedMediaType, "Send JSON, as application/json."));
        }
        collect(&mut Box::pin(body), self.shared.limits.request_bytes, share).await
    }

    /// The response to a request in which no call could be found.
    fn refuse(&self, wire: Wire, error: &Error) -> Response<Body> {
        let Context { request_id, .. } = Context::new(());
        tracing::info!(request_id, code = error.code.as_str(), "invalid call");
        let body = match wire {
            Wire::JsonRpc => jsonrpc::refuse(error, &request_id),
            Wire::Trpc => trpc::refuse(self.shared.transformer, error, None, &request_id).get().to_owned(),
        };
        let status = StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = whole(status, JSON, body);
        if error.code == Code::MethodNotSupported {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
        }
        response
    }
}

/// The response to a message with nothing but notifications.
fn no_content() -> Response<Body> {
    let mut response = Response::<Body>::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Whether a body is declared as JSON. Any web page can post a form or `text/plain` without a preflight request.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case(JSON) || media_type.eq_ignore_ascii_case("application/json-rpc")
}

impl<S: Service> Clone for Endpoint<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), identify: Arc::clone(&self.identify) }
    }
}

impl<S, B> hyper::service::Service<Request<B>> for Endpoint<S>
where
    S: Service,
    B: HttpBody<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let endpoint = self.clone();
        async move { Ok(endpoint.answer(request).await) }.boxed()
    }
}
