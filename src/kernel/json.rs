//! Conversion between JSON and the input and output types of handlers.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use crate::error::{Error, Result};

/// Decodes a checked input.
///
/// # Errors
/// BAD_REQUEST for a value that matches the schema but not the type.
pub(super) fn decode<I: DeserializeOwned>(input: Value) -> Result<I> {
    procedures::decode(input).map_err(|error| Error::Validation(error.issues))
}

/// Encodes an output.
///
/// # Errors
/// INTERNAL_SERVER_ERROR for a type that has no JSON form.
pub(super) fn encode<O: Serialize>(output: &O) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(output).map_err(|error| Error::Internal(error.into()))
}
