//! The gate: reads messages strictly and hands requests to the JSON-RPC service.
//!
//! jsonrpsee's own transports take a request with an id that they can't hold for a notification and answer their own errors without
//! `error.data`, so the envelope is read here.

use futures_util::stream::BoxStream;
use jsonrpsee::{
    Extensions, MethodResponse,
    server::middleware::rpc::{Batch, BatchEntry, BatchEntryErr, Notification, RpcServiceT},
    types::{Id, Request},
};
use serde_json::value::RawValue;

use super::{
    envelope::{Envelope, Invalid, Members},
    message::{error_object, text},
    odd_ids::{Marker, OddIds},
    replays::Replays,
    session::Started,
};
use crate::{
    context::Allowance, entries::entries, error::Error, idempotency::IdempotencyKey, limits::Limits, mark::without_mark,
};

/// Reads messages for a JSON-RPC service `R`, which may be wrapped in jsonrpsee's middleware.
///
/// ```
/// # use std::sync::Arc;
/// # use procedures::{Access, Context, Error, FunctionCall, Functions, Limits, NoInput, Registry, Router, State};
/// use procedures::jsonrpc::{Gate, Incoming, JsonRpcService};
/// # struct Clock;
/// # impl State for Clock {
/// #     type Caller = ();
/// #     type Error = Error;
/// # }
/// # fn seconds(_: &FunctionCall<Clock>, _: NoInput) -> Result<u64, Error> {
/// #     Ok(12)
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// # let router = Router::new("clock").query("seconds", Access::Public, "Answers seconds.", seconds);
/// # let registry = Registry::new(vec![router])?;
/// # let catalogue = registry.catalogue().clone();
/// # let service = Arc::new(Functions::new(Clock, registry));
/// let limits = Limits::default();
/// let gate = Gate::new(JsonRpcService::new(service, catalogue, &limits)?, &limits);
///
/// let context = Arc::new(Context::new(()));
/// let mut extensions = jsonrpsee::Extensions::new();
/// extensions.insert(Arc::clone(&context));
/// let message = br#"{"jsonrpc": "2.0", "id": 1, "method": "clock.seconds"}"#;
/// let reply = gate.answer(Incoming { message, request_id: &context.request_id, extensions }).await;
/// assert_eq!(reply.body.as_deref(), Some(r#"{"jsonrpc":"2.0","id":1,"result":12}"#));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Gate<R> {
    service: R,
    batch_entries: usize,
    marker: Marker,
}

/// A message as it arrives.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    /// The bytes of a request, a notification or a batch.
    pub message: &'a [u8],
    /// The id of the HTTP request or of the WebSocket message.
    pub request_id: &'a str,
    /// What the transport knows of the request (see [`JsonRpcService`](super::service::JsonRpcService)). An
    /// [`IdempotencyKey`] is that of a message with one call, unless the call has its own.
    pub extensions: Extensions,
}

/// The reply to one message.
#[derive(Default)]
pub struct MessageReply {
    /// None when there were only notifications.
    pub body: Option<String>,
    /// The scarcest allowance of the message's calls.
    pub allowance: Option<Allowance>,
    /// Whether every call of the message got the kept answer to an earlier one.
    pub replayed: bool,
    /// The notifications of the subscriptions that the message has started. They are sent after the body.
    pub events: Vec<BoxStream<'static, String>>,
}

impl<R> Gate<R>
where
    R: RpcServiceT<MethodResponse = MethodResponse, BatchResponse = MethodResponse>,
{
    /// Reads messages for `service`.
    pub fn new(service: R, limits: &Limits) -> Self {
        Self { service, batch_entries: limits.batch_entries, marker: Marker::new() }
    }

    /// Answers one message.
    pub async fn answer(&self, incoming: Incoming<'_>) -> MessageReply {
        let Incoming { message, request_id, extensions } = incoming;
        let message = without_mark(message);
        // Most messages are a request, which is read only once.
        if let Some(members) = str::from_utf8(message).ok().and_then(Members::read) {
            let mut ids = OddIds::new(&self.marker);
            let entry = Envelope::check(members, &mut ids);
            return restored(self.single(entry, request_id, extensions).await, &ids);
        }
        // The other answers are boxed, because every call would pay for the room that they need.
        Box::pin(self.other(message, request_id, extensions)).await
    }

    /// Answers a batch, and what is not a request.
    async fn other(&self, message: &[u8], request_id: &str, extensions: Extensions) -> MessageReply {
        let unreadable = |error| Invalid { id: Id::Null, error };
        let Ok(message) = serde_json::from_slice::<&RawValue>(message) else {
            return self.refuse(unreadable(Error::parse()), request_id, extensions).await;
        };
        if !message.get().starts_with('[') {
            let mut ids = OddIds::new(&self.marker);
            let entry = Envelope::read(message, &mut ids);
            return restored(self.single(entry, request_id, extensions).await, &ids);
        }
        let entries = match entries(message.get(), self.batch_entries) {
            Ok(Some(entries)) if !entries.is_empty() => Ok(entries),
            Ok(Some(_)) => Err(Error::invalid_request("a batch must not be empty")),
            Ok(None) => {
                Err(Error::invalid_request(format_args!("a batch may hold at most {} entries", self.batch_entries)))
            }
            Err(error) => Err(error),
        };
        let entries = match entries {
            Ok(entries) if entries.len() > 1 && extensions.get::<IdempotencyKey>().is_some() => {
                return self.refuse(unreadable(IdempotencyKey::is_ambiguous()), request_id, extensions).await;
            }
            Ok(entries) => entries,
            Err(error) => return self.refuse(unreadable(error), request_id, extensions).await,
        };
        let mut ids = OddIds::new(&self.marker);
        let entries = entries.into_iter().map(|entry| batch_entry(entry, &mut ids, request_id, &extensions));
        let mut batch = Batch::from(entries.collect());
        *batch.extensions_mut() = extensions.clone();
        restored(reply(self.service.batch(batch).await), &ids)
    }

    async fn single(
        &self,
        entry: Result<Envelope<'_>, Box<Invalid<'_>>>,
        request_id: &str,
        extensions: Extensions,
    ) -> MessageReply {
        match entry {
            Ok(Envelope { id: Some(id), method, params, key }) => {
                let extensions = with_key(extensions, key);
                let request = Request { extensions, method, ..Request::borrowed("", params, id) };
                reply(self.service.call(request).await)
            }
            Ok(Envelope { id: None, method, .. }) => {
                tracing::debug!(request_id, "notification acknowledged and not executed");
                drop(self.service.notification(Notification { extensions, ..Notification::new(method, None) }).await);
                MessageReply::default()
            }
            Err(invalid) => Box::pin(self.refuse(*invalid, request_id, extensions)).await,
        }
    }

    /// Refuses a message as the only entry of a batch, because the service counts those that are not calls.
    async fn refuse(&self, invalid: Invalid<'_>, request_id: &str, extensions: Extensions) -> MessageReply {
        let mut batch = Batch::from(vec![refusal(invalid, request_id)]);
        *batch.extensions_mut() = extensions;
        let reply = reply(self.service.batch(batch).await);
        // The entry is an object, so these are the brackets of the batch.
        let body = reply.body.map(|body| body.trim_start_matches('[').trim_end_matches(']').to_owned());
        MessageReply { body, ..reply }
    }
}

fn batch_entry<'a>(
    entry: &'a RawValue,
    ids: &mut OddIds<'a>,
    request_id: &str,
    extensions: &Extensions,
) -> Result<BatchEntry<'a>, BatchEntryErr<'a>> {
    match Envelope::read(entry, ids) {
        Ok(Envelope { id: Some(id), method, params, key }) => {
            let extensions = with_key(extensions.clone(), key);
            Ok(BatchEntry::Call(Request { extensions, method, ..Request::borrowed("", params, id) }))
        }
        Ok(Envelope { id: None, method, .. }) => {
            tracing::debug!(request_id, "notification acknowledged and not executed");
            Ok(BatchEntry::Notification(Notification::new(method, None)))
        }
        Err(invalid) => refusal(*invalid, request_id),
    }
}

/// The extensions of a call with its own key, or else with that of its message.
fn with_key(mut extensions: Extensions, key: Option<IdempotencyKey>) -> Extensions {
    if let Some(key) = key {
        extensions.insert(key);
    }
    extensions
}

/// An entry that is not a request.
fn refusal<'a>(Invalid { id, error }: Invalid<'a>, request_id: &str) -> Result<BatchEntry<'a>, BatchEntryErr<'a>> {
    tracing::info!(request_id, code = error.code.as_str(), "invalid request");
    Err(BatchEntryErr::new(id, error_object(&error, None, request_id)))
}

/// The reply with the ids as they came.
fn restored(reply: MessageReply, ids: &OddIds<'_>) -> MessageReply {
    MessageReply { body: reply.body.map(|body| ids.restore(body)), ..reply }
}

fn reply(response: MethodResponse) -> MessageReply {
    let allowance = response.extensions().get().copied();
    let events = response.extensions().get::<Started>().map(Started::take).unwrap_or_default();
    let replays = response.extensions().get::<Replays>().cloned();
    let body = (!response.is_notification()).then(|| text(response));
    let Some(replays) = replays else { return MessageReply { body, allowance, replayed: false, events } };
    MessageReply { body: body.map(|body| replays.mark(body)), allowance, replayed: replays.are_all(), events }
}
