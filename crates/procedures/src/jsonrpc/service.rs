//! The JSON-RPC surface: jsonrpsee's `RpcServiceT` over a [`Service`]. Any jsonrpsee server can host it.

use std::{fmt, sync::Arc};

use jsonrpsee::{
    Extensions, MethodResponse, ResponsePayload,
    server::middleware::rpc::{Batch, Notification, RpcServiceT},
    types::{Id, Request},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    batch::{Joining, counted, run},
    message::{Topic, error_object, failure},
    replays::Replays,
    session::{Session, Started},
};
use crate::{
    access::Kind,
    context::Context,
    echo::echo,
    error::{Error, Issue, Result},
    idempotency::IdempotencyKey,
    input::{Input, InputSchema, NoInput, decode},
    limits::Limits,
    registry::Catalogue,
    service::{Answer, CallOptions, Service},
};

/// Ends a subscription. It concerns one socket only, so it is not a procedure.
const UNSUBSCRIBE: &str = "rpc.unsubscribe";
/// Keeps a socket open for clients in browsers, which can't send ping frames. Not a procedure either.
const PING: &str = "rpc.ping";

/// Bytes of the params of these two methods. They are not counted when they succeed, so the params must not cost much.
const PARAMS_BYTES: usize = 1024;

/// The input of `rpc.unsubscribe`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Unsubscribe {
    subscription: String,
}

/// Serves a catalogue of procedures by JSON-RPC 2.0.
///
/// What the transport knows of the request arrives in jsonrpsee's extensions: an `Arc<Context<S::Caller>>` (without it
/// the caller is anonymous), on sockets an `Arc<Session>`, and the [`IdempotencyKey`] of the call, if it has one. The
/// extensions of the response hold the caller's [`Allowance`](crate::Allowance). Batches run concurrently and are answered in order; notifications are acknowledged
/// and not executed.
pub struct JsonRpcService<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    service: Arc<S>,
    catalogue: Arc<Catalogue>,
    unsubscribe: InputSchema,
    ping: InputSchema,
    response_bytes: usize,
}

/// A call: the request without its envelope.
#[derive(Clone, Copy)]
struct MethodCall<'a> {
    name: &'a str,
    params: Option<&'a str>,
    key: Option<&'a IdempotencyKey>,
}

impl<S: Service> JsonRpcService<S> {
    /// Serves what `service` runs.
    ///
    /// # Errors
    /// Never, unless a schema of this crate does not compile.
    pub fn new(service: Arc<S>, catalogue: Arc<Catalogue>, limits: &Limits) -> anyhow::Result<Self> {
        let (unsubscribe, ping) = (InputSchema::of::<Unsubscribe>()?, InputSchema::of::<NoInput>()?);
        let inner = Inner { service, catalogue, unsubscribe, ping, response_bytes: limits.response_bytes };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Counts an entry that is not a call.
    pub(super) async fn count(&self, context: &Context<S::Caller>) -> Answer<()> {
        self.inner.service.count_refused(context).await
    }
}

impl<S: Service> RpcServiceT for JsonRpcService<S> {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let inner = Arc::clone(&self.inner);
        async move { inner.answer(request).await }
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let inner = Arc::clone(&self.inner);
        async move {
            let context = context::<S>(batch.extensions());
            let count = || inner.service.count_refused(&context);
            let (response_bytes, request_id) = (inner.response_bytes, context.request_id.as_str());
            let joining = Joining { response_bytes, request_id };
            run(batch, joining, |request| inner.answer(request), count).await
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let inner = Arc::clone(&self.inner);
        async move {
            drop(inner.service.count_refused(&context::<S>(&notification.extensions)).await);
            MethodResponse::notification().with_extensions(notification.extensions)
        }
    }
}

impl<S: Service> Inner<S> {
    async fn answer(&self, request: Request<'_>) -> MethodResponse {
        let Request { id, method, params, extensions, .. } = request;
        let context = context::<S>(&extensions);
        let session = extensions.get::<Arc<Session>>();
        let params = params.as_deref().map(RawValue::get);
        let call = MethodCall { name: &method, params, key: extensions.get() };
        match (call.name, session) {
            (UNSUBSCRIBE | PING, _) => self.on_socket(id, &context, call, session).await,
            (name, Some(session)) if self.catalogue.kind(name) == Some(Kind::Subscription) => {
                Box::pin(self.subscribe(id, &context, call, session)).await
            }
            _ => self.call(id, &context, call).await,
        }
    }

    async fn call(&self, id: Id<'_>, context: &Arc<Context<S::Caller>>, call: MethodCall<'_>) -> MethodResponse {
        // Only an unknown name can be longer than what is repeated.
        let name = echo(call.name);
        let options = CallOptions { key: call.key, id: Some(&id) };
        let answer = self.service.call(context, name, Input::Text(call.params), options).await;
        let answer = answer.within(self.response_bytes, context, self.catalogue.kind(name));
        let mut response = counted(write(id, context, name, answer.result), answer.allowance);
        if answer.replayed {
            response.extensions_mut().insert(Replays::of_call());
        }
        response
    }

    /// Starts a subscription, which ends with its socket at the latest.
    async fn subscribe(
        &self,
        id: Id<'_>,
        context: &Arc<Context<S::Caller>>,
        MethodCall { name, params, .. }: MethodCall<'_>,
        session: &Session,
    ) -> MethodResponse {
        let reserved = match session.reserve() {
            Ok(reserved) => reserved,
            Err(error) => return failure(id, &error, Some(name), &context.request_id),
        };
        let (subscription, started) = (reserved.id.clone(), Started::default());
        let answer = self.service.subscribe(&context.lasting(), name, Input::Text(params)).await;
        let result = answer.result.map(|events| {
            let (method, request_id) = (name.to_owned(), context.request_id.clone());
            let topic = Topic { method, subscription: subscription.clone(), request_id };
            session.start(reserved, topic, events, &started);
            subscription
        });
        let mut response = counted(write(id, context, name, result), answer.allowance);
        response.extensions_mut().insert(started);
        response
    }

    /// Runs a method of the socket. A ping and the end of a subscription are free. Anything else counts as a refused
    /// message, and before its params are read, unless the caller was let in to subscribe.
    async fn on_socket(
        &self,
        id: Id<'_>,
        context: &Context<S::Caller>,
        call: MethodCall<'_>,
        session: Option<&Arc<Session>>,
    ) -> MethodResponse {
        let run = || match call.name {
            PING => self.ping(session, call.params).map(Value::from),
            _ => self.unsubscribe(session, call.params).map(Value::from),
        };
        let trusted = session.is_some_and(|session| call.name == PING || session.has_subscriptions());
        if let Some(Ok(value)) = trusted.then(run)
            && value != Value::Bool(false)
        {
            return write(id, context, call.name, Ok(value));
        }
        let Answer { result, allowance, .. } = self.service.count_refused(context).await;
        counted(write(id, context, call.name, result.and_then(|()| run())), allowance)
    }

    /// Whether there was such a subscription.
    fn unsubscribe(&self, session: Option<&Arc<Session>>, params: Option<&str>) -> Result<bool> {
        let input = self.unsubscribe.check(small(params)?).map_err(Error::validation)?;
        let Unsubscribe { subscription } = decode(input)?;
        Ok(session.ok_or_else(no_socket)?.unsubscribe(&subscription))
    }

    fn ping(&self, session: Option<&Arc<Session>>, params: Option<&str>) -> Result<&'static str> {
        self.ping.check(small(params)?).map_err(Error::validation)?;
        let no_socket = || Error::method_not_supported("Pings need a WebSocket.");
        session.ok_or_else(no_socket).map(|_| "pong")
    }
}

/// The params of a method of the socket, refused unread when they are too long.
fn small(params: Option<&str>) -> Result<Input<'_>> {
    if params.is_some_and(|params| params.len() > PARAMS_BYTES) {
        let what = format!("must have at most {PARAMS_BYTES} bytes");
        return Err(Error::validation(vec![Issue::new("", "too_long", what)]));
    }
    Ok(Input::Text(params))
}

fn no_socket() -> Error {
    Error::method_not_supported("Subscriptions need a WebSocket.")
}

/// The context of a request. Without one in the extensions, the caller is anonymous.
pub fn context<S: Service>(extensions: &Extensions) -> Arc<Context<S::Caller>> {
    let known = extensions.get::<Arc<Context<S::Caller>>>().cloned();
    known.unwrap_or_else(|| Arc::new(Context::new(S::Caller::default())))
}

fn write<T: Serialize + Clone, C>(id: Id<'_>, context: &Context<C>, name: &str, result: Result<T>) -> MethodResponse {
    let payload = match result {
        Ok(value) => ResponsePayload::success(value),
        Err(error) => ResponsePayload::error(error_object(&error, Some(name), &context.request_id)),
    };
    // The size of the output was checked before.
    MethodResponse::response(id, payload, usize::MAX)
}

impl<S> Clone for JsonRpcService<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S> fmt::Debug for JsonRpcService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonRpcService")
    }
}
