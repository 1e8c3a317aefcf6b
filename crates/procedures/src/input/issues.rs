//! Issues for the violations of a JSON Schema.

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::{Map, Value};

use super::{identifier::IDENTIFIER, strict::MAX_ISSUES};
use crate::{echo::echo, error::Issue};

/// The keyword, one of ours, for what follows the path when a text violates a pattern: "must start with `price_`".
const MESSAGE: &str = "x-message";

/// The issues of one violation of `schema`; several where an object has several unknown fields.
pub fn issues_of(error: &ValidationError<'_>, input: &Value, schema: &Value) -> Vec<Issue> {
    let path = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let below = |field: &str| {
        let field = echo(field);
        if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
    };
    let one = |code, message: String| vec![Issue::new(path.clone(), code, message)];
    let unknown = |field: &String| Issue::new(below(field), "unknown_field", "is not a field of this input");
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().take(MAX_ISSUES).map(unknown).collect()
        }
        // For an object that may have no fields, the validator does not name the ones it has.
        ValidationErrorKind::FalseSchema => {
            let object = input.pointer(error.instance_path().as_str()).and_then(Value::as_object);
            object.into_iter().flat_map(Map::keys).take(MAX_ISSUES).map(unknown).collect()
        }
        ValidationErrorKind::Required { property } => {
            vec![Issue::new(below(property.as_str().unwrap_or_default()), "required", "is required")]
        }
        ValidationErrorKind::MinLength { limit: 1 } => one("too_short", "must not be empty".to_owned()),
        ValidationErrorKind::MinLength { limit } => one("too_short", format!("must have at least {limit} characters")),
        ValidationErrorKind::MinItems { limit } => one("too_short", format!("must have at least {limit} items")),
        ValidationErrorKind::MaxItems { limit } => one("too_long", format!("must have at most {limit} items")),
        ValidationErrorKind::MaxLength { limit } => one("too_long", format!("must have at most {limit} characters")),
        ValidationErrorKind::Minimum { limit } => one("too_small", format!("must be at least {limit}")),
        ValidationErrorKind::Maximum { limit } => one("too_big", format!("must be at most {limit}")),
        ValidationErrorKind::Pattern { pattern } => {
            let message = message(error, schema).map_or_else(|| format!("must match {pattern}"), str::to_owned);
            one("invalid_format", message)
        }
        ValidationErrorKind::Format { format } if format == IDENTIFIER => {
            one("invalid_format", "must not have white space at its ends or control characters".to_owned())
        }
        ValidationErrorKind::Format { format } => one("invalid_format", format!("must be a {format} (RFC 3339)")),
        ValidationErrorKind::Enum { options } => {
            // Null, which an optional enum allows as well, is not listed.
            let options = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
            one("invalid_value", format!("must be one of {}", options.join(", ")))
        }
        // An optional enum is a union of the enum and null.
        ValidationErrorKind::AnyOf { context } => {
            let best = context.iter().flatten().find(|inner| matches!(inner.kind(), ValidationErrorKind::Enum { .. }));
            best.map_or_else(
                || one("invalid_value", "has none of the allowed forms".to_owned()),
                |best| issues_of(best, input, schema),
            )
        }
        ValidationErrorKind::Type { .. } => one("invalid_type", format!("must be {}", expected_type(error))),
        _ => one("invalid_value", "is not allowed here".to_owned()),
    }
}

/// The message of the schema whose keyword is violated.
fn message<'s>(error: &ValidationError<'_>, schema: &'s Value) -> Option<&'s str> {
    let (field, _pattern) = error.schema_path().as_str().rsplit_once('/')?;
    schema.pointer(field)?.get(MESSAGE)?.as_str()
}

fn expected_type(error: &ValidationError<'_>) -> String {
    let ValidationErrorKind::Type { kind } = error.kind() else { return "of another type".to_owned() };
    match kind {
        TypeKind::Single(kind) => format!("of type {kind}"),
        TypeKind::Multiple(kinds) => {
            let names: Vec<String> = kinds.iter().map(|kind| kind.to_string()).filter(|name| name != "null").collect();
            format!("of type {}", names.join(" or "))
        }
    }
}
