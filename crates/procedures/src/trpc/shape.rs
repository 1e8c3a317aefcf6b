//! Errors as tRPC clients expect them: message, number and data. The issues of an input are repeated in the form of zod's
//! `flatten()`, which form code reads.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::transformer::Transformer;
use crate::error::{Error, ErrorData, Issue};

/// tRPC's `TRPCErrorShape`.
#[derive(Serialize)]
struct Shape<'a> {
    message: &'a str,
    code: i32,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(flatten)]
    data: ErrorData<'a>,
    /// Null when the error is not about the input, as in the formatter that tRPC's documentation shows.
    zod_error: Option<Flattened>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Flattened {
    /// Messages about the input as a whole.
    form_errors: Vec<String>,
    /// Messages by top-level field.
    field_errors: BTreeMap<String, Vec<String>>,
}

/// An object whose only member is an error.
#[derive(Serialize)]
pub struct ErrorOnly<'a> {
    /// The shape.
    pub error: &'a RawValue,
}

/// The error's shape (tRPC's `TRPCErrorShape`).
pub fn shape(error: &Error, path: Option<&str>, request_id: &str) -> Box<RawValue> {
    let data = error.data(path, request_id);
    let zod_error = (!error.issues.is_empty()).then(|| flatten(&error.issues));
    let shape = Shape { message: &error.message, code: error.code.trpc_number(), data: Data { data, zod_error } };
    or_null(to_raw_value(&shape))
}

/// The whole body that reports an error: of one call, of a batch, or of a request that could not be read.
pub fn refuse(transformer: Transformer, error: &Error, path: Option<&str>, request_id: &str) -> Box<RawValue> {
    let shape = shape(error, path, request_id);
    let error = transformer.dateless(&shape).unwrap_or(shape);
    or_null(to_raw_value(&ErrorOnly { error: &error }))
}

/// Strings and numbers can always be written.
pub fn or_null(written: serde_json::Result<Box<RawValue>>) -> Box<RawValue> {
    written.unwrap_or_else(|_never| RawValue::NULL.to_owned())
}

fn flatten(issues: &[Issue]) -> Flattened {
    let (mut form_errors, mut field_errors) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for issue in issues {
        match issue.path.split('.').next() {
            // A form has no place for the message of an unknown field.
            _ if issue.code == "unknown_field" => form_errors.push(format!("{} {}", issue.path, issue.message)),
            None | Some("") => form_errors.push(issue.message.clone()),
            Some(field) => field_errors.entry(field.to_owned()).or_default().push(issue.message.clone()),
        }
    }
    Flattened { form_errors, field_errors }
}
