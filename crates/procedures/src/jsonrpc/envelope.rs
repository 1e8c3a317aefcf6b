//! The strict reader of request objects (JSON-RPC 2.0 §4).

use std::borrow::Cow;

use jsonrpsee::types::Id;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::error::Error;

/// Characters of a request id. It is repeated in every answer, and on tRPC sockets in every event.
const ID_CHARACTERS: usize = 255;

/// A request object, checked.
pub struct Envelope<'a> {
    /// None for a notification.
    pub id: Option<Id<'a>>,
    /// The name of the method.
    pub method: Cow<'a, str>,
    /// An object or an array.
    pub params: Option<&'a RawValue>,
}

/// Why an entry is not a request object, and its id as far as that can be read.
pub struct Invalid<'a> {
    /// Null when the id can't be read.
    pub id: Id<'a>,
    /// BAD_REQUEST.
    pub error: Error,
}

/// The members of a request object, unchecked.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// A member that is present even when it is null: `"id": null` makes a request, no id a notification.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// The same id, unless it is too long.
///
/// # Errors
/// BAD_REQUEST.
pub fn within_limit(id: &RawValue) -> Result<&RawValue, Error> {
    // What is not a string has no escapes, so its characters are its bytes.
    let characters = serde_json::from_str::<String>(id.get()).map_or(id.get().len(), |text| text.chars().count());
    if characters > ID_CHARACTERS {
        return Err(Error::invalid_request(format_args!("the id may have at most {ID_CHARACTERS} characters")));
    }
    Ok(id)
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Envelope<'a> {
    /// Checks the members of one entry.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(entry: &'a RawValue) -> Result<Self, Box<Invalid<'a>>> {
        let invalid = |id, what| Err(Box::new(Invalid { id, error: Error::invalid_request(what) }));
        if !entry.get().starts_with('{') {
            return invalid(Id::Null, "a request must be an object");
        }
        let Ok(members) = serde_json::from_str::<Members<'_>>(entry.get()) else {
            return invalid(Id::Null, "a member is given twice or can't be read");
        };
        if let Some(Err(error)) = members.id.map(within_limit) {
            return Err(Box::new(Invalid { id: Id::Null, error }));
        }
        let id = match members.id.map(|id| serde_json::from_str::<Id<'_>>(id.get())) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(_odd)) => return invalid(Id::Null, "the id must be a string, an integer of 0 to 2^64-1, or null"),
        };
        let known_id = || id.clone().unwrap_or(Id::Null);
        if members.jsonrpc.is_none_or(|version| version.get() != "\"2.0\"") {
            return invalid(known_id(), "jsonrpc must be \"2.0\"");
        }
        let Some(Ok(Text(method))) = members.method.map(|method| serde_json::from_str(method.get())) else {
            return invalid(known_id(), "method must be a string");
        };
        if members.params.is_some_and(|params| !params.get().starts_with(['{', '['])) {
            return invalid(known_id(), "params must be an object or an array");
        }
        Ok(Self { id, method, params: members.params })
    }
}
