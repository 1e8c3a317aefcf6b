//! How values are written: plain JSON or superjson. A client uses one of the two for everything it sends and reads.

use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::{
    envelope::{Envelope, Envelopes},
    superjson,
};
use crate::{
    dates::Dates,
    error::{Error, Result},
    input::Input,
};

/// tRPC's "data transformer".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transformer {
    /// Plain JSON.
    Plain,
    /// superjson's envelope around JSON.
    Superjson,
}

impl Transformer {
    /// How to answer a client that has sent this input to a mount of this kind: one that sends no envelope reads none. In a
    /// batch, `input` holds all inputs. What can't be read decides nothing.
    pub fn as_asked(self, input: Option<&str>, batch: bool) -> Self {
        let (Self::Superjson, Some(input)) = (self, input.filter(|input| !input.trim().is_empty())) else {
            return self;
        };
        let is_wrapped = match batch {
            true => serde_json::from_str(input).map(|Envelopes(all)| all),
            false => serde_json::from_str(input).map(|Envelope(is_one)| is_one),
        };
        if is_wrapped.unwrap_or(true) { self } else { Self::Plain }
    }

    /// The input of a call. None is `undefined`.
    pub fn input<'a>(self, text: Option<&'a str>, dates: &'a Dates) -> Input<'a> {
        match (self, text) {
            (Self::Superjson, Some(text)) => Input::deferred(|| superjson::deserialize(text, dates)),
            (Self::Plain, text) => Input::Text(text),
            (Self::Superjson, None) => Input::Text(None),
        }
    }

    /// Writes `whole`, which contains `output` at `path` (in superjson's notation).
    ///
    /// # Errors
    /// INTERNAL_SERVER_ERROR when it can't be written.
    pub fn output<T: Serialize>(
        self,
        whole: &T,
        path: &str,
        output: &RawValue,
        dates: &Dates,
    ) -> Result<Box<RawValue>> {
        let mut found = Vec::new();
        if self == Self::Superjson && !dates.is_empty() {
            let value: Value = serde_json::from_str(output.get()).map_err(internal)?;
            dates.find(&value, path, &mut found);
        }
        match self {
            Self::Plain => to_raw_value(whole),
            Self::Superjson => superjson::serialize(whole, found),
        }
        .map_err(internal)
    }

    /// Writes a value that has no timestamps.
    ///
    /// # Errors
    /// INTERNAL_SERVER_ERROR when it can't be written.
    pub fn dateless<T: Serialize>(self, value: &T) -> Result<Box<RawValue>> {
        self.output(value, "", RawValue::NULL, &Dates::default())
    }
}

fn internal(error: serde_json::Error) -> Error {
    tracing::error!(%error, "an output could not be written");
    Error::internal()
}
