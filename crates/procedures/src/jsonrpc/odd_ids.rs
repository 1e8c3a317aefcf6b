//! Request ids that jsonrpsee's type can't hold: `-1`, `1.5`, numbers above 2^64-1. A request gets a placeholder instead, which
//! is replaced in the response, so that the caller gets what it has sent.

use std::borrow::Cow;

use jsonrpsee::types::Id;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The beginning of all placeholders of a process. Nobody can guess it, so nothing else in a response begins so.
#[derive(Clone, Debug)]
pub struct Marker(String);

/// The ids of one message that have a placeholder.
#[derive(Debug)]
pub struct OddIds<'a> {
    marker: &'a Marker,
    texts: Vec<&'a RawValue>,
}

impl Marker {
    /// A marker that was not used before.
    pub fn new() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }
}

impl<'a> OddIds<'a> {
    /// No ids yet.
    pub fn new(marker: &'a Marker) -> Self {
        Self { marker, texts: Vec::new() }
    }

    /// The id itself, or a placeholder for it. None for what is not an id (JSON-RPC 2.0 §4), or can't be read.
    pub fn read(&mut self, id: &'a RawValue) -> Option<Id<'a>> {
        let text = id.get();
        // jsonrpsee's type tries a string, a number and null in turn, and makes an error of each failure.
        if let Ok(number) = text.parse() {
            return Some(Id::Number(number));
        }
        match text.bytes().next()? {
            b'n' => Some(Id::Null),
            b'"' => serde_json::from_str(text).ok(),
            // Many readers could not read a response with a number such as 1e999.
            b'-' | b'0'..=b'9' => serde_json::from_str::<f64>(text).ok().map(|_| self.placeholder(id)),
            _ => None,
        }
    }

    fn placeholder(&mut self, id: &'a RawValue) -> Id<'a> {
        let name = self.name(self.texts.len());
        self.texts.push(id);
        Id::Str(Cow::Owned(name))
    }

    fn name(&self, number: usize) -> String {
        format!("{}-{number}.", self.marker.0)
    }

    /// The response with the ids as they came.
    pub fn restore(&self, response: String) -> String {
        let restored = self.texts.iter().enumerate();
        restored
            .fold(response, |response, (number, id)| response.replace(&format!("\"{}\"", self.name(number)), id.get()))
    }
}
