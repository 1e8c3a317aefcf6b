//! A second reading of JSON-RPC messages, independent of the server's.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Value, value::RawValue};

use crate::answer::code_of_response;

/// The longest id in characters: a text's own, a number's digits.
const LONGEST_ID: usize = 255;

/// What the answer to one entry of a message must look like.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// None: it is a notification.
    Nothing,
    /// An answer with this id.
    Id(Value),
    /// An answer with any id: the entry is not clearly a request.
    Something,
}

impl Expected {
    /// Whether an answer with this id is the expected one.
    pub fn fits(&self, id: &Value) -> bool {
        match self {
            Self::Nothing => false,
            Self::Id(expected) => expected == id,
            Self::Something => true,
        }
    }
}

/// Checks the reply to a message, of which a batch may have up to `batch` entries: every entry with an id gets exactly one
/// answer, with this id, in the order of the batch. Returns the codes of the answers.
///
/// # Errors
/// What is wrong with the reply.
pub fn codes_of_reply(
    message: &[u8],
    reply: Option<&Value>,
    batch: usize,
) -> Result<Vec<Option<&'static str>>, String> {
    let refused = Expected::Id(Value::Null);
    let message = message.strip_prefix("\u{feff}".as_bytes()).unwrap_or(message);
    let Ok(message) = serde_json::from_slice::<&RawValue>(message) else { return single(&refused, reply) };
    let mut entries: Vec<Expected> = match serde_json::from_str::<Vec<&RawValue>>(message.get()) {
        Err(_) => return single(&expected(message), reply),
        Ok(entries) if entries.is_empty() || entries.len() > batch => return single(&refused, reply),
        Ok(entries) => entries.into_iter().map(expected).collect(),
    };
    entries.retain(|expected| *expected != Expected::Nothing);
    match reply {
        None if entries.is_empty() => Ok(Vec::new()),
        None => Err("the batch is not answered".to_owned()),
        Some(Value::Array(answers)) if answers.len() == entries.len() => {
            entries.iter().zip(answers).map(|(expected, answer)| one(expected, answer)).collect()
        }
        Some(Value::Array(answers)) => Err(format!("{} answers instead of {}", answers.len(), entries.len())),
        // All answers together were too large.
        Some(reply) => single(&refused, Some(reply)),
    }
}

fn single(expected: &Expected, reply: Option<&Value>) -> Result<Vec<Option<&'static str>>, String> {
    match reply {
        None if matches!(expected, Expected::Nothing) => Ok(Vec::new()),
        None => Err(format!("no answer, although {expected:?}")),
        Some(answer) => Ok(vec![one(expected, answer)?]),
    }
}

fn one(expected: &Expected, answer: &Value) -> Result<Option<&'static str>, String> {
    let code = code_of_response(answer)?;
    if expected.fits(&answer["id"]) { Ok(code) } else { Err(format!("{answer}, but {expected:?}")) }
}

/// Reads one entry. Wherever the rules leave a doubt, as with members that are given twice, any answer will do.
pub fn expected(entry: &RawValue) -> Expected {
    let Ok(members) = serde_json::Deserializer::from_str(entry.get()).deserialize_map(Members) else {
        return Expected::Something;
    };
    let times = |name: &str| members.iter().filter(|(known, _)| known == name).count();
    if ["jsonrpc", "id", "method", "params", "idempotencyKey"].into_iter().any(|name| times(name) > 1) {
        return Expected::Something;
    }
    let member = |name: &str| members.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let is_request = member("jsonrpc").is_some_and(|version| version.get() == "\"2.0\"")
        && member("method").is_some_and(|method| serde_json::from_str::<String>(method.get()).is_ok())
        && member("params").is_none_or(|params| params.get() == "null" || params.get().starts_with(['{', '[']))
        && member("idempotencyKey").is_none_or(|key| is_key(key));
    match member("id") {
        None if is_request => Expected::Nothing,
        None => Expected::Something,
        Some(id) => match serde_json::from_str::<Value>(id.get()) {
            Ok(number) if number.is_number() && id.get().len() > LONGEST_ID => Expected::Something,
            Ok(id) if id.is_null() || id.is_number() => Expected::Id(id),
            Ok(Value::String(text)) if text.chars().count() <= LONGEST_ID => Expected::Id(Value::String(text)),
            _ => Expected::Something,
        },
    }
}

/// Whether this is an idempotency key, or null for none.
fn is_key(value: &RawValue) -> bool {
    serde_json::from_str::<Option<String>>(value.get()).is_ok_and(|key| {
        key.is_none_or(|key| (1..=255).contains(&key.len()) && key.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
    })
}

/// Reads the members of an object as they are written.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
