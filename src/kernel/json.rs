//! Between JSON and the types of a handler.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use crate::error::{Error, Result};

/// Decodes a checked input.
///
/// # Errors
/// BAD_REQUEST for what a schema can't express.
pub(super) fn decode<I: DeserializeOwned>(input: Value) -> Result<I> {
    procedures::decode(input).map_err(|error| Error::Validation(error.issues))
}

/// Writes an output.
///
/// # Errors
/// INTERNAL_SERVER_ERROR for a type that has no JSON form.
pub(super) fn encode<O: Serialize>(output: &O) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(output).map_err(|error| Error::Internal(error.into()))
}
