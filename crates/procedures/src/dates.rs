//! Where a type has timestamps, according to its schema. superjson annotates each of them, since JSON has no such type.

use serde_json::Value;

/// Levels of references and nested types that are followed.
const DEPTH: u8 = 32;

/// The timestamps of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// The value itself is a timestamp.
    here: bool,
    fields: Vec<(String, Dates)>,
    items: Option<Box<Dates>>,
}

impl Dates {
    /// The timestamps of the values that a JSON Schema describes.
    pub fn of(schema: &Value) -> Self {
        let mut dates = Self::default();
        dates.read(schema, schema, DEPTH);
        dates
    }

    fn read(&mut self, schema: &Value, root: &Value, depth: u8) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix('#'));
        if let Some(target) = reference.and_then(|pointer| root.pointer(pointer)) {
            self.read(target, root, depth);
        }
        self.here |= schema.get("format").is_some_and(|format| format == "date-time");
        for union in ["anyOf", "oneOf", "allOf"] {
            for member in schema.get(union).and_then(Value::as_array).into_iter().flatten() {
                self.read(member, root, depth);
            }
        }
        for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let mut dates = Self::default();
            dates.read(field, root, depth);
            self.add(name, dates);
        }
        if let Some(item) = schema.get("items") {
            let mut dates = Self::default();
            dates.read(item, root, depth);
            if !dates.is_empty() {
                self.items = Some(Box::new(dates));
            }
        }
    }

    /// Merges fields of one name in several members of a union.
    fn add(&mut self, name: &str, dates: Self) {
        if dates.is_empty() {
            return;
        }
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => {
                known.here |= dates.here;
                known.items = known.items.take().or(dates.items);
                for (name, dates) in dates.fields {
                    known.add(&name, dates);
                }
            }
            None => self.fields.push((name.to_owned(), dates)),
        }
    }

    /// Whether the type has no timestamps.
    pub fn is_empty(&self) -> bool {
        !self.here && self.fields.is_empty() && self.items.is_none()
    }

    /// Whether there may be a timestamp at this path.
    pub fn at(&self, path: &[String]) -> bool {
        let Some((key, rest)) = path.split_first() else { return self.here };
        let field = self.fields.iter().find(|(name, _)| name == key).map(|(_, dates)| dates);
        field.or(self.items.as_deref()).is_some_and(|dates| dates.at(rest))
    }

    /// Adds the paths of the timestamps in `value`, in superjson's notation, below `path`.
    pub fn find(&self, value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) if self.here => found.push(path.to_owned()),
            Value::Object(fields) => {
                for (name, dates) in &self.fields {
                    if let Some(value) = fields.get(name) {
                        dates.find(value, &join(path, name), found);
                    }
                }
            }
            Value::Array(items) => {
                let Some(dates) = &self.items else { return };
                for (index, item) in items.iter().enumerate() {
                    dates.find(item, &join(path, &index.to_string()), found);
                }
            }
            _ => {}
        }
    }
}

/// Joins a key to the path above it by a dot. Dots and backslashes in the key are escaped by `\`.
fn join(above: &str, key: &str) -> String {
    let key = key.replace('\\', "\\\\").replace('.', "\\.");
    if above.is_empty() { key } else { format!("{above}.{key}") }
}
