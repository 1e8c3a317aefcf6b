//! TypeScript from JSON Schemas: expressions, declarations and comments.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::describe::{
    about::About,
    schemas::{Described, description, fields},
};

/// The first lines of a file.
pub fn head(about: &About, content_hash: &str) -> String {
    let About { title, version, .. } = about;
    format!(
        "// x-content-hash: {content_hash}\n\
         // The procedures of {title} {version}, generated from its registry. Do not edit.\n"
    )
}

/// How types are written in one file.
#[derive(Clone, Copy)]
pub struct Printer {
    /// The type of a timestamp.
    pub moment: &'static str,
}

impl Printer {
    /// Declarations of all named types.
    pub fn declarations(self, types: &BTreeMap<String, Value>) -> String {
        types.iter().map(|(name, schema)| self.declaration(name, schema) + "\n").collect()
    }

    fn declaration(self, name: &str, schema: &Value) -> String {
        let docs = docs("", description(schema), None);
        if is_plain_object(schema) {
            return format!("{docs}export interface {name} {}\n", self.object(schema, ""));
        }
        match schema.get("oneOf").and_then(Value::as_array) {
            Some(alternatives) => {
                let lines = alternatives.iter().map(|one| self.alternative(one));
                format!("{docs}export type {name} =\n{};\n", lines.collect::<Vec<_>>().join("\n"))
            }
            None => format!("{docs}export type {name} = {};\n", self.expression(schema, "")),
        }
    }

    fn alternative(self, schema: &Value) -> String {
        format!("{}  | {}", docs("  ", description(schema), None), self.expression(schema, "  "))
    }

    /// The input of a procedure; `nothing` is the type where it takes none. Without required fields it may be left out.
    pub fn input(self, schema: &Value, nothing: &str, indent: &str) -> String {
        let fields = fields(schema);
        match fields.iter().any(|field| field.required) {
            _ if fields.is_empty() => nothing.to_owned(),
            true => self.expression(schema, indent),
            false => format!("{} | void", self.expression(schema, indent)),
        }
    }

    /// A type expression. Lines after the first begin with `indent`.
    pub fn expression(self, schema: &Value, indent: &str) -> String {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return reference.rsplit('/').next().unwrap_or("unknown").to_owned();
        }
        if let Some(value) = schema.get("const") {
            return value.to_string();
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return union(values.iter().map(Value::to_string));
        }
        let parts = |key: &str| schema.get(key).and_then(Value::as_array);
        let own = schema.get("type").map(|kinds| match kinds.as_array() {
            Some(kinds) => union(kinds.iter().map(|kind| self.one_of_type(kind, schema, indent))),
            None => self.one_of_type(kinds, schema, indent),
        });
        let own = own.filter(|_| {
            schema.get("properties").is_some() || ["anyOf", "oneOf", "allOf"].iter().all(|key| parts(key).is_none())
        });
        let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(parts);
        let alternatives = alternatives.map(|many| union(many.iter().map(|one| self.expression(one, indent))));
        let all = parts("allOf").into_iter().flatten().map(|one| self.expression(one, indent));
        let all: Vec<String> = own.into_iter().chain(alternatives).chain(all).collect();
        match all.as_slice() {
            [] => "unknown".to_owned(),
            [one] => one.clone(),
            many => many.iter().map(|one| grouped(one)).collect::<Vec<_>>().join(" & "),
        }
    }

    /// The values of one JSON type that a schema allows.
    fn one_of_type(self, kind: &Value, schema: &Value, indent: &str) -> String {
        match kind.as_str() {
            Some("string") if schema.get("format").is_some_and(|format| format == "date-time") => {
                self.moment.to_owned()
            }
            Some("integer") => "number".to_owned(),
            Some("array") => {
                let items =
                    schema.get("items").map_or_else(|| "unknown".to_owned(), |items| self.expression(items, indent));
                format!("{}[]", grouped(&items))
            }
            Some("object") => self.object(schema, indent),
            other => other.unwrap_or("unknown").to_owned(),
        }
    }

    fn object(self, schema: &Value, indent: &str) -> String {
        let fields = fields(schema);
        if fields.is_empty() {
            let values = schema.get("additionalProperties").filter(|values| values.is_object());
            let values = values.map_or_else(|| "unknown".to_owned(), |values| self.expression(values, indent));
            return format!("Record<string, {values}>");
        }
        let inner = format!("{indent}  ");
        let mut text = "{\n".to_owned();
        for field in fields {
            text += &docs(&inner, description(field.schema), None);
            let kind = self.expression(field.schema, &inner);
            text += &match field.required {
                true => format!("{inner}{}: {kind};\n", field.name),
                // An absent field may be spelled out.
                false => format!("{inner}{}?: {kind} | undefined;\n", field.name),
            };
        }
        text + indent + "}"
    }
}

/// An object that is nothing but its properties.
fn is_plain_object(schema: &Value) -> bool {
    schema.get("properties").is_some() && ["anyOf", "oneOf", "allOf"].iter().all(|key| schema.get(key).is_none())
}

/// Each alternative once.
fn union(alternatives: impl Iterator<Item = String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for one in alternatives {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct.join(" | ")
}

/// In parentheses where an operator follows or stands beside.
fn grouped(expression: &str) -> String {
    match expression.contains(" | ") && !expression.starts_with('{') {
        true => format!("({expression})"),
        false => expression.to_owned(),
    }
}

/// A JSDoc comment, or nothing.
pub fn docs(indent: &str, sentence: Option<&str>, deprecated: Option<&str>) -> String {
    let deprecated = deprecated.map(|instead| format!("@deprecated Use {instead}."));
    let lines: Vec<&str> = sentence.into_iter().flat_map(str::lines).chain(deprecated.as_deref()).collect();
    let text = lines.join(&format!("\n{indent} * ")).replace("*/", "*\\/");
    match lines.len() {
        0 => String::new(),
        1 => format!("{indent}/** {text} */\n"),
        _ => format!("{indent}/**\n{indent} * {text}\n{indent} */\n"),
    }
}

/// The comment of a procedure: what it does, and the description of its input as a whole.
pub fn procedure_docs(described: &Described<'_>, indent: &str) -> String {
    let sentences: Vec<&str> = std::iter::once(described.procedure.docs).chain(described.remark()).collect();
    docs(indent, Some(&sentences.join("\n")), None)
}
