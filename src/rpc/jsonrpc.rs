//! The JSON-RPC 2.0 wire: the registry as methods of a jsonrpsee module, and messages in, messages out.
//!
//! The envelope is read here and not by jsonrpsee's own transports, which take a request with an odd id for a
//! notification, run a batch one entry after the other, and answer their own errors without our `data.code`.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use anyhow::Result;
use futures_util::{future::join_all, stream::BoxStream};
use jsonrpsee::{
    ConnectionId, Extensions, MethodCallback, MethodResponse, ResponsePayload, RpcModule,
    types::{ErrorObject, ErrorObjectOwned, Id, Params},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{
    call::Context,
    input::{Input, InputSchema, NoInput, decode},
    kernel::Kernel,
    limiter::Allowance,
    procedure::Kind,
    socket::Socket,
};
use crate::{config::Limits, error::Error};

/// Unknown names are echoed, but not at any length.
const NAME_ECHO: usize = 100;
/// Ends a subscription. It is about the socket it comes over, and so no procedure.
const UNSUBSCRIBE: &str = "rpc.unsubscribe";
/// Shows that a socket still works. Browsers can't send ping frames.
const PING: &str = "rpc.ping";

/// The JSON-RPC surface of a kernel.
pub struct JsonRpc {
    kernel: Arc<Kernel>,
    module: RpcModule<Kernel>,
    unsubscribe: InputSchema,
    ping: InputSchema,
    batch_entries: usize,
    response_bytes: usize,
}

/// The input of `rpc.unsubscribe`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Unsubscribe {
    subscription: String,
}

/// The answer to one message.
pub struct Reply {
    /// None when there was nothing but notifications.
    pub body: Option<String>,
    /// The scarcest allowance that the message's calls left their caller.
    pub allowance: Option<Allowance>,
    /// The notifications of the subscriptions that the message began. They are sent after the body.
    pub events: Vec<BoxStream<'static, String>>,
}

/// What one request comes to.
#[derive(Default)]
struct Entry {
    /// None for a notification.
    response: Option<MethodResponse>,
    allowance: Option<Allowance>,
    events: Option<BoxStream<'static, String>>,
}

impl Entry {
    fn answer(response: MethodResponse) -> Self {
        Self { response: Some(response), ..Self::default() }
    }
}

/// A request object (JSON-RPC 2.0 §4) whose members are yet to be checked.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// A member that is there, also when it is null: `"id": null` is a request, no id a notification.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

struct Request<'a> {
    /// None for a notification.
    id: Option<Id<'a>>,
    method: Cow<'a, str>,
    params: Option<&'a str>,
}

impl JsonRpc {
    /// Mounts every procedure under its canonical and its old name.
    ///
    /// # Errors
    /// When a name can't be registered.
    pub fn new(kernel: Arc<Kernel>, limits: &Limits) -> Result<Self> {
        let names: Vec<&'static str> = kernel.registry().names().collect();
        let mut module = RpcModule::from_arc(Arc::clone(&kernel));
        let response_bytes = limits.response_bytes;
        for name in names {
            module.register_async_method(name, move |params, kernel, extensions| async move {
                run(name, &params, &kernel, &extensions, response_bytes).await
            })?;
        }
        let (unsubscribe, ping) = (InputSchema::of::<Unsubscribe>()?, InputSchema::of::<NoInput>()?);
        Ok(Self { kernel, module, unsubscribe, ping, batch_entries: limits.batch_entries, response_bytes })
    }

    /// Answers one message: a request, a notification, or a batch of them. Only on a socket can it subscribe.
    pub async fn answer(&self, context: &Arc<Context>, socket: Option<&Arc<Socket>>, message: &[u8]) -> Reply {
        let Ok(message) = serde_json::from_slice::<&RawValue>(message) else {
            return refuse(context, &Error::Parse);
        };
        if !message.get().starts_with('[') {
            let Entry { response, allowance, events } = self.entry(context, socket, message).await;
            return Reply { body: response.map(text), allowance, events: events.into_iter().collect() };
        }
        let Ok(entries) = serde_json::from_str::<Vec<&RawValue>>(message.get()) else {
            return refuse(context, &Error::Parse);
        };
        if entries.is_empty() {
            return refuse(context, &Error::invalid_request("a batch must not be empty"));
        }
        if entries.len() > self.batch_entries {
            let what = format!("a batch may hold at most {} entries", self.batch_entries);
            return refuse(context, &Error::invalid_request(what));
        }
        let answers = join_all(entries.into_iter().map(|entry| self.entry(context, socket, entry))).await;
        self.batch(context, answers)
    }

    /// Joins the answers in the order of their requests.
    fn batch(&self, context: &Context, answers: Vec<Entry>) -> Reply {
        let allowance = answers.iter().filter_map(|entry| entry.allowance).min_by_key(|left| left.remaining);
        let (mut body, mut events) = (String::new(), Vec::new());
        for Entry { response, events: begun, .. } in answers {
            events.extend(begun);
            let Some(response) = response else { continue };
            body.push(if body.is_empty() { '[' } else { ',' });
            let json = response.as_json().get();
            if body.len().saturating_add(json.len()) < self.response_bytes {
                body.push_str(json);
            } else {
                let id = serde_json::from_str::<Identified<'_>>(json).map_or(Id::Null, |response| response.id);
                body.push_str(&text(failure(id, context, None, &Error::response_too_large(self.response_bytes))));
            }
        }
        if body.is_empty() {
            return Reply { body: None, allowance, events };
        }
        body.push(']');
        Reply { body: Some(body), allowance, events }
    }

    async fn entry(&self, context: &Arc<Context>, socket: Option<&Arc<Socket>>, entry: &RawValue) -> Entry {
        let Request { id, method, params } = match read(entry) {
            Ok(request) => request,
            Err((id, error)) => {
                tracing::info!(request_id = %context.request_id, code = error.code().as_str(), "not a request");
                return Entry::answer(failure(id, context, None, &error));
            }
        };
        let Some(id) = id else {
            tracing::debug!(request_id = %context.request_id, "notification acknowledged and not executed");
            return Entry::default();
        };
        if method == UNSUBSCRIBE {
            let ended = self.unsubscribe(socket, params);
            return Entry::answer(self.written(id, context, UNSUBSCRIBE, ended));
        }
        if method == PING {
            let pong = self.ping(socket, params);
            return Entry::answer(self.written(id, context, PING, pong));
        }
        if let Some(socket) = socket
            && self.kernel.registry().get(&method).is_some_and(|procedure| procedure.kind == Kind::Subscription)
        {
            return self.subscribe(id, context, socket, (method.into_owned(), params)).await;
        }
        let Some(MethodCallback::Async(callback)) = self.module.method(&method) else {
            let name = method.chars().take(NAME_ECHO).collect::<String>();
            let answer = self.kernel.call(context, &name, Input::Text(None)).await;
            let error = answer.result.err().unwrap_or(Error::UnknownMethod(name.clone()));
            return Entry::answer(failure(id, context, Some(&name), &error));
        };
        let allowance = Arc::new(OnceLock::new());
        let mut extensions = Extensions::new();
        extensions.insert(Arc::clone(context));
        extensions.insert(Arc::clone(&allowance));
        let params = Params::new(params).into_owned();
        let response = callback(id.into_owned(), params, ConnectionId(0), usize::MAX, extensions).await;
        Entry { response: Some(response), allowance: allowance.get().copied(), events: None }
    }

    /// Begins a subscription that ends with its socket at the latest.
    async fn subscribe(
        &self,
        id: Id<'_>,
        context: &Arc<Context>,
        socket: &Arc<Socket>,
        (name, params): (String, Option<&str>),
    ) -> Entry {
        let (subscription_id, place) = match socket.place() {
            Ok(placed) => placed,
            Err(error) => return Entry::answer(failure(id, context, Some(&name), &error)),
        };
        let answer = self.kernel.subscribe(context, &name, Input::Text(params)).await;
        let mut events = None;
        let begun = answer.result.map(|subscription| {
            events = socket.begin((subscription_id.clone(), place), (Arc::clone(context), name.clone()), subscription);
            subscription_id
        });
        Entry { response: Some(self.written(id, context, &name, begun)), allowance: answer.allowance, events }
    }

    /// Whether there was such a subscription.
    fn unsubscribe(&self, socket: Option<&Arc<Socket>>, params: Option<&str>) -> Result<bool, Error> {
        let input = self.unsubscribe.check(Input::Text(params)).map_err(Error::Validation)?;
        let Unsubscribe { subscription } = decode(input)?;
        let socket = socket.ok_or(Error::MethodNotSupported("Subscriptions need a WebSocket.".into()))?;
        Ok(socket.unsubscribe(&subscription))
    }

    /// Answers `pong` to anybody, without a caller and without counting it.
    fn ping(&self, socket: Option<&Arc<Socket>>, params: Option<&str>) -> Result<&'static str, Error> {
        self.ping.check(Input::Text(params)).map_err(Error::Validation)?;
        socket.ok_or(Error::MethodNotSupported("Pings need a WebSocket.".into()))?;
        Ok("pong")
    }

    fn written<T: Serialize + Clone>(
        &self,
        id: Id<'_>,
        context: &Context,
        name: &str,
        result: Result<T, Error>,
    ) -> MethodResponse {
        match result {
            Ok(value) => MethodResponse::response(id, ResponsePayload::success(value), self.response_bytes),
            Err(error) => failure(id, context, Some(name), &error),
        }
    }
}

/// One method call, as jsonrpsee hands it to us.
async fn run(
    name: &'static str,
    params: &Params<'static>,
    kernel: &Arc<Kernel>,
    extensions: &Extensions,
    response_bytes: usize,
) -> Result<Box<RawValue>, ErrorObjectOwned> {
    let Some(context) = extensions.get::<Arc<Context>>() else {
        return Err(ErrorObject::owned(Error::Parse.number(), "no context", None::<()>));
    };
    let answer = kernel.call(context, name, Input::Text(params.as_str())).await;
    if let (Some(allowance), Some(slot)) = (answer.allowance, extensions.get::<Arc<OnceLock<Allowance>>>()) {
        slot.get_or_init(|| allowance);
    }
    let output = answer.result.and_then(|output| match output.get().len() > response_bytes {
        true => Err(Error::response_too_large(response_bytes)),
        false => Ok(output),
    });
    output.map_err(|error| error_object(&context.request_id, Some(name), &error))
}

/// Checks the members of a request object, and finds its id also when the rest is wrong.
fn read(entry: &RawValue) -> Result<Request<'_>, (Id<'_>, Error)> {
    let invalid = |id, what| Err((id, Error::invalid_request(what)));
    if !entry.get().starts_with('{') {
        return invalid(Id::Null, "a request must be an object");
    }
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(entry.get()) else {
        return invalid(Id::Null, "a member is given twice or can't be read");
    };
    let id = match envelope.id.map(|id| serde_json::from_str::<Id<'_>>(id.get())) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_odd)) => return invalid(Id::Null, "the id must be a string, an integer of 0 to 2^64-1, or null"),
    };
    let known_id = || id.clone().unwrap_or(Id::Null);
    if envelope.jsonrpc.is_none_or(|version| version.get() != "\"2.0\"") {
        return invalid(known_id(), "jsonrpc must be \"2.0\"");
    }
    let Some(Ok(method)) = envelope.method.map(|method| serde_json::from_str::<BorrowedOrOwned<'_>>(method.get()))
    else {
        return invalid(known_id(), "method must be a string");
    };
    let params = envelope.params.map(RawValue::get);
    if params.is_some_and(|params| !params.starts_with(['{', '['])) {
        return invalid(known_id(), "params must be an object or an array");
    }
    Ok(Request { id, method: method.0, params })
}

#[derive(Deserialize)]
struct BorrowedOrOwned<'a>(#[serde(borrow)] Cow<'a, str>);

/// The one member of a response that we need back.
#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    id: Id<'a>,
}

fn error_object(request_id: &str, path: Option<&str>, error: &Error) -> ErrorObjectOwned {
    let wire = error.to_wire(path, request_id);
    ErrorObject::owned(wire.code, wire.message, Some(wire.data))
}

fn failure(id: Id<'_>, context: &Context, path: Option<&str>, error: &Error) -> MethodResponse {
    MethodResponse::error(id, error_object(&context.request_id, path, error))
}

/// The answer to a message of which no request could be made.
fn refuse(context: &Context, error: &Error) -> Reply {
    tracing::info!(request_id = %context.request_id, code = error.code().as_str(), "not a request");
    Reply { body: Some(refuse_message(&context.request_id, error)), allowance: None, events: Vec::new() }
}

/// The same for what a transport refuses before it is a message.
pub fn refuse_message(request_id: &str, error: &Error) -> String {
    text(MethodResponse::error(Id::Null, error_object(request_id, None, error)))
}

fn text(response: MethodResponse) -> String {
    String::from(Box::<str>::from(response.into_json()))
}
