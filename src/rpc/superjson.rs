//! superjson's envelope around JSON (`{"json": …, "meta": {"values": …, "v": 1}}`): what JSON can't say about a value is
//! said beside it, by path. Outputs need it for their timestamps, which a schema tells; inputs may come with anything.

use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    dates::Dates,
    json::{self, MOST_ISSUES, Read},
};
use crate::error::Issue;

/// Annotations that an input may have, keys of a path and bytes of them: many times what any of our inputs needs, and
/// little to do.
const MOST: usize = 1000;
const DEPTH: usize = 16;
const PATH_BYTES: usize = 256;

/// An output with the paths of its timestamps.
#[derive(Serialize)]
struct Envelope<'a, T> {
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
    serde_json::value::to_raw_value(&Envelope { json, meta: values.map(|values| Meta { values, v: 1 }) })
}

/// Reads an input: what superjson wrote, with or without `meta`, or JSON without its envelope. Timestamps are taken only
/// where the input's type has some.
pub fn deserialize(text: &str, dates: &Dates) -> Read {
    let (value, mut issues) = json::read(text);
    let mut fields = match value {
        Some(Value::Object(fields)) if is_envelope(&fields) => fields,
        plain => return (plain, issues),
    };
    for issue in &mut issues {
        issue.path = issue.path.strip_prefix("json").unwrap_or(&issue.path).trim_start_matches('.').to_owned();
    }
    let mut value = fields.remove("json");
    if let Some(values) = fields.remove("meta").and_then(|mut meta| meta.get_mut("values").map(Value::take)) {
        let mut annotations = Vec::new();
        match collect(&values, &[], &mut annotations) {
            Some(()) => {
                let wrong = annotations.iter().filter_map(|(path, kind)| annotate(&mut value, path, kind, dates));
                issues.extend(wrong.take(MOST_ISSUES));
            }
            None => issues.push(Issue::new("", "invalid_value", "has superjson annotations that can't be read")),
        }
    }
    (Some(value.unwrap_or(Value::Null)), issues)
}

fn is_envelope(fields: &Map<String, Value>) -> bool {
    fields.contains_key("json") && fields.keys().all(|key| key == "json" || key == "meta")
}

type Path = Vec<String>;

/// Lists the annotations of a tree: an object has subtrees by path, an array is a kind and, where the value has parts,
/// an object of their subtrees. Equal references (`referentialEqualities`) are of objects, which no input has.
fn collect(tree: &Value, above: &[String], found: &mut Vec<(Path, String)>) -> Option<()> {
    let children = match tree {
        Value::Object(children) => Some(children),
        Value::Array(node) => {
            let children = node.get(1).map(Value::as_object);
            if found.len() == MOST {
                return None;
            }
            // `["class", n]` and its like are kinds with a name.
            let kind = match node.first()? {
                Value::String(kind) => kind,
                Value::Array(named) => named.first()?.as_str()?,
                _ => return None,
            };
            found.push((above.to_vec(), kind.to_owned()));
            children.flatten()
        }
        _ => return None,
    };
    for (key, subtree) in children.into_iter().flatten() {
        if found.len() == MOST {
            return None;
        }
        let mut path = above.to_vec();
        path.extend(split(key)?);
        if path.len() > DEPTH || path.iter().map(String::len).sum::<usize>() > PATH_BYTES {
            return None;
        }
        collect(subtree, &path, found)?;
    }
    Some(())
}

/// The keys of a path: joined by dots, with `\` before a dot or backslash that belongs to a key.
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

/// Turns the value at `path` into what it is annotated to be, as far as JSON has that.
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
            // What fits no JSON number stays text, and the schema says that this is no number.
            let number = value.as_str().and_then(|text| if text == "-0" { Some(0.into()) } else { text.parse().ok() });
            if let Some(number) = number.filter(serde_json::Number::is_i64) {
                *value = Value::Number(number);
            }
            None
        }
        other => refuse(&format!("a value of the kind {}", other.chars().take(30).collect::<String>())),
    }
}

fn step<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Value> {
    match value {
        Value::Object(fields) => fields.get_mut(key),
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    }
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
