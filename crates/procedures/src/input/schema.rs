//! The schema that documents an input is the one that checks it, so every limit is written once, on the type.

use anyhow::{Context, anyhow};
use jsonschema::Validator;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    identifier::{IDENTIFIER, is_identifier},
    issues::issues_of,
    source::Input,
    strict::{MAX_ISSUES, Parsed},
};
use crate::error::{Error, Issue, Result};

/// The compiled schema of an input type (JSON Schema draft 7).
#[derive(Debug)]
pub struct InputSchema {
    document: Value,
    validator: Validator,
}

impl InputSchema {
    /// Derives and compiles the schema of `I`.
    ///
    /// # Errors
    /// When the schema does not compile, which is a bug in the type's attributes.
    pub fn of<I: JsonSchema>() -> anyhow::Result<Self> {
        let document = schema::<I>();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_format(IDENTIFIER, is_identifier)
            .build(&document)
            .map_err(|why| anyhow!("{why}"))
            .context("the input schema does not compile")?;
        Ok(Self { document, validator })
    }

    /// The schema itself, with named types spelled out.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Reads, trims and checks the input of a call: nothing, an object, or an array of one object.
    ///
    /// # Errors
    /// Every issue, up to 50.
    pub fn check(&self, input: Input<'_>) -> Result<Value, Vec<Issue>> {
        let Parsed { value, mut issues } = input.read();
        let Some(value) = value else { return Err(issues) };
        let mut input = match value {
            Value::Null => Value::Object(Map::new()),
            Value::Array(mut items) if items.len() <= 1 => {
                // Paths start inside the object.
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
        trim(&mut input, Some(&self.document));
        issues.extend(
            self.validator
                .iter_errors(&input)
                .flat_map(|error| issues_of(&error, &input, &self.document))
                .take(MAX_ISSUES),
        );
        if issues.is_empty() {
            return Ok(input);
        }
        if issues.len() >= MAX_ISSUES {
            issues.truncate(MAX_ISSUES);
            issues.push(Issue::new("", "too_many_issues", "has more issues than are listed here"));
        }
        Err(issues)
    }
}

/// Trims every string of an input but its identifiers.
fn trim(value: &mut Value, schema: Option<&Value>) {
    let part = |keyword: &str| schema.and_then(|schema| schema.get(keyword));
    match value {
        Value::String(text) if part("format").and_then(Value::as_str) != Some(IDENTIFIER) => {
            let trimmed = text.trim();
            if trimmed.len() < text.len() {
                *text = trimmed.to_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| trim(item, part("items"))),
        Value::Object(fields) => {
            let properties = part("properties");
            fields.iter_mut().for_each(|(name, field)| trim(field, properties.and_then(|known| known.get(name))));
        }
        _ => {}
    }
}

/// The JSON Schema (draft 7) of a type. Named types are spelled out where they are used, so that the validator's message
/// about an enum names its values.
pub fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Decodes a checked input.
///
/// # Errors
/// BAD_REQUEST for what a schema can't express, such as a day that does not exist.
pub fn decode<I: DeserializeOwned>(input: Value) -> Result<I> {
    serde_path_to_error::deserialize(input).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { "" } else { &path };
        Error::validation(vec![Issue::new(path, "invalid_value", "is not a value of the documented type")])
    })
}
