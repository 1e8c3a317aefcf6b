//! Inputs: the schema that documents an input is the one that checks it, so every limit is written once, on the type.

use anyhow::{Context, anyhow};
use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::json::{self, MOST_ISSUES, Read};
use crate::error::{Error, Issue, Result};

/// Characters of an unknown field's name that are echoed.
const NAME_ECHO: usize = 100;

/// The input of a procedure that takes none.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
// Without the empty list the validator does not say which field is too many.
#[schemars(extend("properties" = {}))]
pub struct NoInput {}

/// The input of one call, as a wire hands it over.
pub enum Input<'a> {
    /// JSON text, if there is any.
    Text(Option<&'a str>),
    /// The wire has a way of its own to read it, as strict as ours.
    Late(Box<dyn FnOnce() -> Read + Send + 'a>),
}

impl<'a> Input<'a> {
    /// An input that is not looked at before its caller is let in.
    pub fn late(read: impl FnOnce() -> Read + Send + 'a) -> Self {
        Self::Late(Box::new(read))
    }

    pub fn read(self) -> Read {
        match self {
            Self::Text(text) => text.map_or((Some(Value::Null), Vec::new()), json::read),
            Self::Late(read) => read(),
        }
    }
}

/// The compiled schema of an input type (JSON Schema draft 7).
pub struct InputSchema {
    document: Value,
    validator: Validator,
}

impl InputSchema {
    /// # Errors
    /// When the type's schema is not one: a mistake of ours that stops start-up.
    pub fn of<I: JsonSchema>() -> anyhow::Result<Self> {
        let document = schema::<I>();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&document)
            .map_err(|why| anyhow!("{why}"))
            .context("an input schema is broken")?;
        Ok(Self { document, validator })
    }

    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Reads and checks the input of a call: nothing, an object, or an array of one object.
    ///
    /// # Errors
    /// Every issue.
    pub fn check(&self, input: Input<'_>) -> Result<Value, Vec<Issue>> {
        let (value, mut issues) = input.read();
        let Some(value) = value else { return Err(issues) };
        let input = match value {
            Value::Null => Value::Object(Map::new()),
            Value::Array(mut items) if items.len() <= 1 => {
                // Paths begin in the one object.
                for issue in &mut issues {
                    issue.path = issue.path.strip_prefix("0").unwrap_or(&issue.path).trim_start_matches('.').to_owned();
                }
                match items.pop() {
                    None | Some(Value::Null) => Value::Object(Map::new()),
                    Some(item) => item,
                }
            }
            Value::Array(_) => return Err(vec![Issue::new("", "invalid_type", "must be one object")]),
            other => other,
        };
        issues.extend(self.validator.iter_errors(&input).flat_map(|error| issues_of(&error, &input)).take(MOST_ISSUES));
        if issues.is_empty() {
            return Ok(input);
        }
        if issues.len() >= MOST_ISSUES {
            issues.truncate(MOST_ISSUES);
            issues.push(Issue::new("", "too_many_issues", "has more issues than are listed here"));
        }
        Err(issues)
    }
}

/// The JSON Schema (draft 7) of a type. Named types are spelled out where they are used: what the validator says of an
/// enum names its values.
pub fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The typed input from a checked one.
///
/// # Errors
/// BAD_REQUEST for what a schema can't say: an integer written with a fraction, a day that does not exist.
pub fn decode<I: DeserializeOwned>(input: Value) -> Result<I> {
    serde_path_to_error::deserialize(input).map_err(|error| {
        let path = error.path().to_string();
        Error::field(if path == "." { "" } else { &path }, "invalid_value", "is not a value of the documented type")
    })
}

fn issues_of(error: &ValidationError<'_>, input: &Value) -> Vec<Issue> {
    let path = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let below = |field: &str| {
        let field: String = field.chars().take(NAME_ECHO).collect();
        if path.is_empty() { field } else { format!("{path}.{field}") }
    };
    let one = |code, message: String| vec![Issue::new(path.clone(), code, message)];
    let unknown = |field: &String| Issue::new(below(field), "unknown_field", "is not a field of this input");
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().take(MOST_ISSUES).map(unknown).collect()
        }
        // Of an object that may have no fields the validator says only that it has some.
        ValidationErrorKind::FalseSchema => {
            let object = input.pointer(error.instance_path().as_str()).and_then(Value::as_object);
            object.into_iter().flat_map(Map::keys).take(MOST_ISSUES).map(unknown).collect()
        }
        ValidationErrorKind::Required { property } => {
            vec![Issue::new(below(property.as_str().unwrap_or_default()), "required", "is required")]
        }
        ValidationErrorKind::MinLength { limit: 1 } => one("too_short", "must not be empty".to_owned()),
        ValidationErrorKind::MinLength { limit } => one("too_short", format!("must have at least {limit} characters")),
        ValidationErrorKind::MaxLength { limit } => one("too_long", format!("must have at most {limit} characters")),
        ValidationErrorKind::Minimum { limit } => one("too_small", format!("must be at least {limit}")),
        ValidationErrorKind::Maximum { limit } => one("too_big", format!("must be at most {limit}")),
        ValidationErrorKind::Pattern { pattern } => one("invalid_format", format!("must match {pattern}")),
        ValidationErrorKind::Format { format } => one("invalid_format", format!("must be a {format} (RFC 3339)")),
        ValidationErrorKind::Enum { options } => {
            // An optional enum has null among its values, which is for machines to know.
            let options = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
            one("invalid_value", format!("must be one of {}", options.join(", ")))
        }
        // An optional enum is "one of these, or null".
        ValidationErrorKind::AnyOf { context } => {
            let best = context.iter().flatten().find(|inner| matches!(inner.kind(), ValidationErrorKind::Enum { .. }));
            best.map_or_else(
                || one("invalid_value", "has none of the allowed forms".to_owned()),
                |best| issues_of(best, input),
            )
        }
        ValidationErrorKind::Type { .. } => one("invalid_type", format!("must be {}", expected_type(error))),
        _ => one("invalid_value", "is not allowed here".to_owned()),
    }
}

fn expected_type(error: &ValidationError<'_>) -> String {
    use jsonschema::error::TypeKind;
    let ValidationErrorKind::Type { kind } = error.kind() else { return "of another type".to_owned() };
    match kind {
        TypeKind::Single(kind) => format!("of type {kind}"),
        TypeKind::Multiple(kinds) => {
            let names: Vec<String> = kinds.iter().map(|kind| kind.to_string()).filter(|name| name != "null").collect();
            format!("of type {}", names.join(" or "))
        }
    }
}
