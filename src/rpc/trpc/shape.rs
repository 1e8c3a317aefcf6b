//! Errors as tRPC clients expect them: message, number and data, with the issues of an input once more in the form that
//! zod's `flatten()` has and that form code reads.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::Transformer;
use crate::error::{Error, ErrorData, Issue};

/// tRPC's `TRPCErrorShape`.
#[derive(Serialize)]
struct Shape<'a> {
    message: String,
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
    /// What is wrong with the input as a whole.
    form_errors: Vec<String>,
    /// What is wrong by top-level field.
    field_errors: BTreeMap<String, Vec<String>>,
}

#[derive(Serialize)]
struct Refusal<'a> {
    error: &'a RawValue,
}

/// The error's shape, as it stands inside a stream.
pub fn shape(error: &Error, path: Option<&str>, request_id: &str) -> Box<RawValue> {
    let wire = error.to_wire(path, request_id);
    let zod_error = wire.data.issues.map(flatten);
    let shape = Shape { message: wire.message, code: error.trpc_number(), data: Data { data: wire.data, zod_error } };
    or_null(to_raw_value(&shape))
}

/// An answer that says only this error: to a call, to a whole batch, or to a request that never became one.
pub fn refuse(transformer: Transformer, error: &Error, path: Option<&str>, request_id: &str) -> Box<RawValue> {
    let shape = shape(error, path, request_id);
    let error = transformer.dateless(&shape).unwrap_or(shape);
    or_null(to_raw_value(&Refusal { error: &error }))
}

/// Strings and numbers can always be written.
pub(super) fn or_null(written: serde_json::Result<Box<RawValue>>) -> Box<RawValue> {
    written.unwrap_or_else(|_never| RawValue::NULL.to_owned())
}

fn flatten(issues: &[Issue]) -> Flattened {
    let (mut form_errors, mut field_errors) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for issue in issues {
        match issue.path.split('.').next() {
            // A form has no place beside a field that it does not have.
            _ if issue.code == "unknown_field" => form_errors.push(format!("{} {}", issue.path, issue.message)),
            None | Some("") => form_errors.push(issue.message.clone()),
            Some(field) => field_errors.entry(field.to_owned()).or_default().push(issue.message.clone()),
        }
    }
    Flattened { form_errors, field_errors }
}
