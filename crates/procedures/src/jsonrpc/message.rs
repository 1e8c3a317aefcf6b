//! The JSON of JSON-RPC messages.

use jsonrpsee::{
    MethodResponse,
    types::{ErrorObject, ErrorObjectOwned, Id},
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::{self, Error, Result};

/// A notification (JSON-RPC 2.0 §4.1) about an event of a subscription.
#[derive(Serialize)]
struct Notification<'a> {
    jsonrpc: &'static str,
    /// The name that was subscribed to.
    method: &'a str,
    params: Params<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    subscription: &'a str,
    #[serde(flatten)]
    outcome: EventPayload<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum EventPayload<'a> {
    Result(&'a RawValue),
    /// The subscription has ended.
    Error(error::ErrorObject<'a>),
}

/// What the notifications of one subscription have in common.
#[derive(Clone, Debug)]
pub struct Topic {
    /// The name that was subscribed to.
    pub method: String,
    /// The id of the subscription.
    pub subscription: String,
    /// The id of the request that subscribed.
    pub request_id: String,
}

impl Topic {
    /// The notification about an event, or about the error that ended the subscription.
    pub fn notification(&self, event: &Result<Box<RawValue>>) -> String {
        let outcome = match event {
            Ok(data) => EventPayload::Result(data),
            Err(error) => EventPayload::Error(error.object(Some(&self.method), &self.request_id)),
        };
        let params = Params { subscription: &self.subscription, outcome };
        let written = serde_json::to_string(&Notification { jsonrpc: "2.0", method: &self.method, params });
        written.unwrap_or_default()
    }
}

/// jsonrpsee's error object. `path` is the procedure, where one was named.
pub fn error_object(error: &Error, path: Option<&str>, request_id: &str) -> ErrorObjectOwned {
    let object = error.object(path, request_id);
    ErrorObject::owned(object.code, object.message, Some(object.data))
}

/// The response that reports an error.
pub fn failure(id: Id<'_>, error: &Error, path: Option<&str>, request_id: &str) -> MethodResponse {
    MethodResponse::error(id, error_object(error, path, request_id))
}

/// The reply to bytes that are not a message: an error with the id null (JSON-RPC 2.0 §5).
pub fn refuse(error: &Error, request_id: &str) -> String {
    text(failure(Id::Null, error, None, request_id))
}

/// The text of a response.
pub fn text(response: MethodResponse) -> String {
    String::from(Box::<str>::from(response.into_json()))
}
