//! The messages of `wsLink`: calls under ids that the client chooses. They resemble JSON-RPC but differ from it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    shape::{or_null, shape},
    transformer::Transformer,
};
use crate::{
    access::Kind,
    echo::echo,
    entries::entries,
    error::{Error, Result},
    idempotency::IdempotencyKey,
    jsonrpc::{present, within_limit},
    mark::without_mark,
};

/// A message of a client.
pub enum Message {
    /// A query, mutation or subscription.
    Call(SocketCall),
    /// The end of a subscription.
    Stop(Sender),
}

/// The id of a call as the client wrote it, which the answer repeats.
#[derive(Clone, Debug)]
pub struct Sender {
    id: Box<RawValue>,
    /// Whether the client wrote `"jsonrpc": "2.0"`; the answer then does the same.
    versioned: bool,
}

/// A query, mutation or subscription that a client asks for.
pub struct SocketCall {
    /// Where the answer goes.
    pub sender: Sender,
    /// The kind of procedure that the client expects.
    pub kind: Kind,
    /// The name of the procedure; it may be unknown.
    pub path: String,
    /// JSON text.
    pub input: Option<Box<RawValue>>,
    /// The event after which a subscription resumes.
    pub last_event_id: Option<String>,
    /// What the client calls this mutation, or what is wrong with it.
    pub key: Result<Option<IdempotencyKey>>,
}

impl SocketCall {
    /// How to answer it on a socket of this kind.
    pub fn transformer(&self, socket: Transformer) -> Transformer {
        socket.as_asked(self.input.as_deref().map(RawValue::get), false)
    }
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
    #[serde(borrow, default, rename = "idempotencyKey")]
    key: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    path: String,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    last_event_id: Option<String>,
}

/// The first message where the URL says `connectionParams=1`.
#[derive(Deserialize)]
struct Introduction<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Response<'a> {
    id: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    jsonrpc: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RawValue>,
}

/// The `result` of an answer.
#[derive(Default, Serialize)]
pub struct ResultBody<'a> {
    /// `data`, `started` or `stopped`.
    pub r#type: &'static str,
    /// The id of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// An output or an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a RawValue>,
    /// Whether it is the kept answer to an earlier call with the same idempotency key.
    #[serde(rename = "idempotencyReplayed", skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

/// The result of a subscription that has ended.
pub const STOPPED: ResultBody<'static> = ResultBody { r#type: "stopped", id: None, data: None, replayed: false };

/// Reads one message, or an array of at most `limit`.
///
/// # Errors
/// PARSE_ERROR, or BAD_REQUEST for an id or an array that is too long: then none of its calls is run.
pub fn read(message: &[u8], limit: usize) -> Result<Vec<Message>> {
    let whole: &RawValue = serde_json::from_slice(without_mark(message)).map_err(|_why| Error::parse())?;
    let entries: Vec<&RawValue> = match whole.get().starts_with('[') {
        true => entries(whole.get(), limit)?.ok_or_else(|| Error::bad_call("Batch call exceeds maximum size"))?,
        false => vec![whole],
    };
    entries.into_iter().map(read_one).collect()
}

fn read_one(entry: &RawValue) -> Result<Message> {
    let members: Members<'_> = serde_json::from_str(entry.get()).map_err(|_why| Error::parse())?;
    let is_id = |id: &&RawValue| id.get().starts_with(|c: char| matches!(c, '"' | '-') || c.is_ascii_digit());
    let (Some(id), None | Some("2.0")) = (members.id.filter(is_id), members.jsonrpc.as_deref()) else {
        return Err(Error::parse());
    };
    let sender = Sender { id: within_limit(id)?.to_owned(), versioned: members.jsonrpc.is_some() };
    if members.method == "subscription.stop" {
        return Ok(Message::Stop(sender));
    }
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == members.method);
    let (Some(kind), Some(params)) = (kind, members.params) else { return Err(Error::parse()) };
    Ok(Message::Call(SocketCall {
        sender,
        kind,
        path: params.path,
        input: params.input.map(ToOwned::to_owned),
        last_event_id: params.last_event_id,
        key: members.key.map(IdempotencyKey::of_member).transpose(),
    }))
}

/// The `connectionParams` in a first message: JSON text.
///
/// # Errors
/// PARSE_ERROR.
pub fn connection_params(message: &[u8]) -> Result<Option<String>> {
    let message: Introduction<'_> = serde_json::from_slice(without_mark(message)).map_err(|_why| Error::parse())?;
    Ok(message.data.map(|data| data.get().to_owned()))
}

impl Sender {
    /// The sender of a message that could not be read.
    pub fn unknown() -> Self {
        Self { id: RawValue::NULL.to_owned(), versioned: false }
    }

    /// The id as JSON text.
    pub fn id(&self) -> &str {
        self.id.get()
    }

    /// The message that reports a result.
    pub fn success(&self, result: ResultBody<'_>) -> String {
        self.write(Some(result), None)
    }

    /// The message that reports an error. `path` is the procedure, where one was named.
    pub fn failure(&self, transformer: Transformer, error: &Error, path: Option<&str>, request_id: &str) -> String {
        let shape = shape(error, path.map(echo), request_id);
        let shape = transformer.dateless(&shape).unwrap_or(shape);
        self.write(None, Some(&shape))
    }

    fn write(&self, result: Option<ResultBody<'_>>, error: Option<&RawValue>) -> String {
        let response = Response { id: &self.id, jsonrpc: self.versioned.then_some("2.0"), result, error };
        String::from(or_null(to_raw_value(&response)).get())
    }
}
