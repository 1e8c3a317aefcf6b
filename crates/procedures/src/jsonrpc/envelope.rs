//! The strict reader of request objects (JSON-RPC 2.0 §4).

use std::borrow::Cow;

use jsonrpsee::types::Id;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::odd_ids::OddIds;
use crate::{error::Error, idempotency::IdempotencyKey};

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
    /// What the client calls this mutation.
    pub key: Option<IdempotencyKey>,
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
pub struct Members<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "idempotencyKey")]
    key: Option<&'a RawValue>,
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
    // No text has more characters than bytes.
    if id.get().len() <= ID_CHARACTERS {
        return Ok(id);
    }
    // What is not a string has no escapes, so its characters are its bytes.
    let characters = serde_json::from_str::<String>(id.get()).map_or(id.get().len(), |text| text.chars().count());
    if characters > ID_CHARACTERS {
        return Err(Error::invalid_request(format_args!("the id may have at most {ID_CHARACTERS} characters")));
    }
    Ok(id)
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Members<'a> {
    /// Reads the members of an object, if `text` is one and has each of them once.
    pub fn read(text: &'a str) -> Option<Self> {
        let is_object = text.trim_start().starts_with('{');
        is_object.then(|| serde_json::from_str(text).ok()).flatten()
    }
}

impl<'a> Envelope<'a> {
    /// Checks the members of one entry. `ids` gets an id that jsonrpsee's type can't hold.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(entry: &'a RawValue, ids: &mut OddIds<'a>) -> Result<Self, Box<Invalid<'a>>> {
        let invalid = |what| Err(Box::new(Invalid { id: Id::Null, error: Error::invalid_request(what) }));
        if !entry.get().starts_with('{') {
            return invalid("a request must be an object");
        }
        match Members::read(entry.get()) {
            Some(members) => Self::check(members, ids),
            None => invalid("a member is given twice or can't be read"),
        }
    }

    /// Checks the members of a request. `ids` is as for [`Self::read`].
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn check(members: Members<'a>, ids: &mut OddIds<'a>) -> Result<Self, Box<Invalid<'a>>> {
        let invalid = |id, what| Err(Box::new(Invalid { id, error: Error::invalid_request(what) }));
        if let Some(Err(error)) = members.id.map(within_limit) {
            return Err(Box::new(Invalid { id: Id::Null, error }));
        }
        let id = match members.id.map(|id| ids.read(id)) {
            None => None,
            Some(Some(id)) => Some(id),
            Some(None) => return invalid(Id::Null, "the id must be a string, a number or null"),
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
        let key = match members.key.map(IdempotencyKey::of_member).transpose() {
            Ok(key) => key,
            Err(error) => return Err(Box::new(Invalid { id: known_id(), error })),
        };
        Ok(Self { id, method, params: members.params, key })
    }
}
