//! superjson's envelope around JSON (`{"json": …, "meta": {"values": …, "v": 1}}`): types that JSON lacks are annotated by
//! path. Outputs need it for timestamps, which are known from the schema; inputs may come with any annotation.

use serde::Serialize;
use serde_json::{Map, Number, Value, json, value::RawValue};

use crate::{
    dates::Dates,
    error::Issue,
    input::{self, MAX_ISSUES, Parsed},
};

/// Annotations of an input, and keys of their tree.
const MAX_ANNOTATIONS: usize = 1000;
/// Keys in the path of an annotation.
const DEPTH: usize = 16;
/// Bytes of the keys in the path of an annotation.
const PATH_BYTES: usize = 256;
/// Bytes of a text that is converted to a number. The longest 64-bit integer has 20; parsing a number of a million digits
/// takes milliseconds.
const NUMBER_BYTES: usize = 64;

/// An output with the paths of its timestamps.
#[derive(Serialize)]
struct Wrapped<'a, T> {
    json: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
}

#[derive(Serialize)]
struct Meta {
    values: Value,
    v: u8,
}

/// Wraps `json`, in which the values at `dates` are timestamps.
pub fn serialize<T: Serialize>(json: &T, dates: Vec<String>) -> serde_json::Result<Box<RawValue>> {
    let date = || json!(["Date"]);
    let values = match dates.as_slice() {
        [] => None,
        [root] if root.is_empty() => Some(date()),
        _ => Some(Value::Object(dates.into_iter().map(|path| (path, date())).collect())),
    };
    serde_json::value::to_raw_value(&Wrapped { json, meta: values.map(|values| Meta { values, v: 1 }) })
}

/// Reads an input: superjson with or without `meta`, or JSON without the envelope. Timestamps are accepted only where the
/// input's type has some.
pub fn deserialize(text: &str, dates: &Dates) -> Parsed {
    let Parsed { value, mut issues } = input::read(text);
    let mut fields = match value {
        Some(Value::Object(fields)) if is_envelope(&fields) => fields,
        plain => return Parsed { value: plain, issues },
    };
    for issue in &mut issues {
        issue.path = issue.path.strip_prefix("json").unwrap_or(&issue.path).trim_start_matches('.').to_owned();
    }
    let mut value = fields.remove("json");
    if let Some(values) = fields.remove("meta").and_then(|mut meta| meta.get_mut("values").map(Value::take)) {
        let mut annotations = Annotations::default();
        match annotations.collect(&values, &[]) {
            Some(()) => {
                let annotated = annotations.found.iter();
                let wrong = annotated.filter_map(|(path, kind)| annotate(&mut value, path, kind, dates));
                issues.extend(wrong.take(MAX_ISSUES));
            }
            None => issues.push(Issue::new("", "invalid_value", "has superjson annotations that can't be read")),
        }
    }
    Parsed { value: Some(value.unwrap_or(Value::Null)), issues }
}

fn is_envelope(fields: &Map<String, Value>) -> bool {
    fields.contains_key("json") && fields.keys().all(|key| key == "json" || key == "meta")
}

type Path = Vec<String>;

/// The annotations of a tree.
#[derive(Default)]
struct Annotations {
    found: Vec<(Path, String)>,
    /// Keys of the tree, counted because a key without an annotation costs as much as one with it.
    keys: usize,
}

impl Annotations {
    /// Collects the annotations below the path `above`: an object maps paths to subtrees; an array holds a kind and,
    /// where the value has parts, an object of their subtrees. `referentialEqualities` concern shared objects and are
    /// ignored. None when the tree is malformed or too large.
    fn collect(&mut self, tree: &Value, above: &[String]) -> Option<()> {
        let children = match tree {
            Value::Object(children) => Some(children),
            Value::Array(node) => {
                // Kinds such as `["class", n]` carry a name.
                let kind = match node.first()? {
                    Value::String(kind) => kind,
                    Value::Array(named) => named.first()?.as_str()?,
                    _ => return None,
                };
                self.found.push((above.to_vec(), kind.to_owned()));
                node.get(1).and_then(Value::as_object)
            }
            _ => return None,
        };
        for (key, subtree) in children.into_iter().flatten() {
            if self.keys == MAX_ANNOTATIONS {
                return None;
            }
            self.keys = self.keys.saturating_add(1);
            let mut path = above.to_vec();
            path.extend(split(key)?);
            if path.len() > DEPTH || path.iter().map(String::len).sum::<usize>() > PATH_BYTES {
                return None;
            }
            self.collect(subtree, &path)?;
        }
        Some(())
    }
}

/// Splits a path at its dots. Dots and backslashes inside a key are escaped by `\`.
fn split(path: &str) -> Option<Path> {
    if path.len() > 2 * PATH_BYTES {
        return None;
    }
    let mut keys = vec![String::new()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' if keys.len() == DEPTH => return None,
            '.' => keys.push(String::new()),
            '\\' => keys.last_mut()?.push(characters.next().filter(|escaped| matches!(escaped, '.' | '\\'))?),
            other => keys.last_mut()?.push(other),
        }
    }
    Some(keys)
}

/// Converts the value at `path` to the annotated type, as far as JSON has it.
fn annotate(root: &mut Option<Value>, path: &[String], kind: &str, dates: &Dates) -> Option<Issue> {
    if kind == "undefined" {
        remove(root, path);
        return None;
    }
    let value = path.iter().try_fold(root.as_mut()?, |value, key| step(value, key))?;
    let refuse = |what: &str| Some(Issue::new(path.join("."), "invalid_type", format!("must not be {what}")));
    match kind {
        "Date" if dates.at(path) => None,
        "Date" => refuse("a Date"),
        "bigint" | "number" => {
            // Text that is not a JSON integer stays text, and the schema reports the wrong type.
            if let Some(number) = value.as_str().map(str::trim).and_then(integer) {
                *value = Value::Number(number);
            }
            None
        }
        other => refuse(&format!("a value of the kind {}", other.chars().take(30).collect::<String>())),
    }
}

fn integer(text: &str) -> Option<Number> {
    match text {
        "-0" => Some(0.into()),
        _ if text.len() > NUMBER_BYTES => None,
        _ => text.parse().ok().filter(Number::is_i64),
    }
}

fn step<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Value> {
    match value {
        Value::Object(fields) => fields.get_mut(key),
        Value::Array(items) => items.get_mut(index(key)?),
        _ => None,
    }
}

/// An array index as superjson writes it. `parse` alone also reads "+1" and "01", so that one item would have as many
/// paths as there are annotations.
fn index(key: &str) -> Option<usize> {
    let is_canonical = key == "0" || !key.starts_with(['0', '+']);
    key.parse().ok().filter(|_| is_canonical)
}

fn remove(root: &mut Option<Value>, path: &[String]) {
    let Some((last, above)) = path.split_last() else {
        *root = None;
        return;
    };
    let parent = root.as_mut().and_then(|root| above.iter().try_fold(root, |value, key| step(value, key)));
    if let Some(Value::Object(fields)) = parent {
        fields.remove(last);
    }
}
