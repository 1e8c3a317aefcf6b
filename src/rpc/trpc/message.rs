//! The messages of tRPC's own WebSocket dialect, as `wsLink` speaks it: calls by an id of the client's choosing. They look
//! like JSON-RPC and are not.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Transformer,
    request::echo,
    shape::{or_null, shape},
};
use crate::{
    error::{Error, Result},
    rpc::procedure::Kind,
};

/// What a client says.
pub enum Message {
    Call(Call),
    Stop(Stop),
}

/// The client wants no more of a subscription.
pub struct Stop {
    id: Id,
    versioned: bool,
}

/// The client's id of a call, as it wrote it.
type Id = Box<RawValue>;

/// A query, mutation or subscription that a client asks for.
pub struct Call {
    id: Id,
    /// Whether the client wrote `"jsonrpc": "2.0"`, and so shall we.
    versioned: bool,
    pub(super) kind: &'static str,
    pub(super) path: String,
    pub(super) input: Option<Box<RawValue>>,
    pub(super) last_event_id: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
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
struct ConnectionParams<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Response<'a> {
    id: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    jsonrpc: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Outcome<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RawValue>,
}

#[derive(Default, Serialize)]
pub(super) struct Outcome<'a> {
    pub r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a RawValue>,
}

pub(super) const STOPPED: Outcome<'static> = Outcome { r#type: "stopped", id: None, data: None };

/// A member that is there, also when it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// Reads one message, or an array of them.
///
/// # Errors
/// PARSE_ERROR: nothing of it is done.
pub fn read(message: &[u8]) -> Result<Vec<Message>> {
    let whole: &RawValue = serde_json::from_slice(message).map_err(|_why| Error::Parse)?;
    let entries: Vec<&RawValue> = match whole.get().starts_with('[') {
        true => serde_json::from_str(whole.get()).map_err(|_why| Error::Parse)?,
        false => vec![whole],
    };
    entries.into_iter().map(read_one).collect()
}

fn read_one(entry: &RawValue) -> Result<Message> {
    let envelope: Envelope<'_> = serde_json::from_str(entry.get()).map_err(|_why| Error::Parse)?;
    let id =
        envelope.id.filter(|id| id.get().starts_with(['"', '-']) || id.get().starts_with(|c: char| c.is_ascii_digit()));
    let (Some(id), None | Some("2.0")) = (id, envelope.jsonrpc.as_deref()) else { return Err(Error::Parse) };
    let kind = match envelope.method.as_ref() {
        "subscription.stop" => {
            return Ok(Message::Stop(Stop { id: id.to_owned(), versioned: envelope.jsonrpc.is_some() }));
        }
        method => {
            [Kind::Query, Kind::Mutation, Kind::Subscription].map(Kind::as_str).into_iter().find(|kind| *kind == method)
        }
    };
    let (Some(kind), Some(params)) = (kind, envelope.params) else { return Err(Error::Parse) };
    Ok(Message::Call(Call {
        id: id.to_owned(),
        versioned: envelope.jsonrpc.is_some(),
        kind,
        path: params.path,
        input: params.input.map(ToOwned::to_owned),
        last_event_id: params.last_event_id,
    }))
}

/// What the first message says about who speaks: JSON text.
///
/// # Errors
/// PARSE_ERROR.
pub fn connection_params(message: &[u8]) -> Result<Option<String>> {
    let message: ConnectionParams<'_> = serde_json::from_slice(message).map_err(|_why| Error::Parse)?;
    Ok(message.data.map(|data| data.get().to_owned()))
}

impl Stop {
    pub fn id(&self) -> &str {
        self.id.get()
    }

    /// The message that confirms it.
    pub fn stopped(&self) -> String {
        success((&self.id, self.versioned), STOPPED)
    }
}

impl Call {
    pub fn id(&self) -> &str {
        self.id.get()
    }

    pub fn subscribes(&self) -> bool {
        self.kind == Kind::Subscription.as_str()
    }

    pub(super) fn success(&self, result: Outcome<'_>) -> String {
        success((&self.id, self.versioned), result)
    }

    /// The answer that something is wrong with this call.
    pub fn failure(&self, transformer: Transformer, error: &Error, request_id: &str) -> String {
        failure(transformer, (&self.id, self.versioned), error, Some(echo(&self.path)), request_id)
    }
}

fn success((id, versioned): (&RawValue, bool), result: Outcome<'_>) -> String {
    text(&Response { id, jsonrpc: versioned.then_some("2.0"), result: Some(result), error: None })
}

pub(super) fn failure(
    transformer: Transformer,
    (id, versioned): (&RawValue, bool),
    error: &Error,
    path: Option<&str>,
    request_id: &str,
) -> String {
    let shape = shape(error, path, request_id);
    let shape = transformer.dateless(&shape).unwrap_or(shape);
    text(&Response { id, jsonrpc: versioned.then_some("2.0"), result: None, error: Some(&shape) })
}

fn text(response: &Response<'_>) -> String {
    String::from(or_null(to_raw_value(response)).get())
}
