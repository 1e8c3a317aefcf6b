//! A strict JSON reader: duplicate keys and the NUL character are refused.
//!
//! serde_json keeps the last of two equal keys, and many databases can't store NUL.

use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::Issue;

/// Issues that one answer lists. A hostile input can have a hundred thousand.
pub const MAX_ISSUES: usize = 50;
/// Bytes of a path that are repeated in an issue. A hostile path can be as long as the request.
const PATH_BYTES: usize = 256;

/// What reading an input gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// None when reading stopped early.
    pub value: Option<Value>,
    /// What is wrong with it.
    pub issues: Vec<Issue>,
}

/// Reads one JSON value.
pub fn read(text: &str) -> Parsed {
    let mut issues = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { path: &Path::Root, issues: &mut issues }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    if value.is_err() {
        issues.push(Issue::new("", "invalid_value", "contains a value that can't be parsed, or is nested too deeply"));
    }
    Parsed { value: value.ok(), issues }
}

/// A position inside the value; formatted only for an issue.
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parent, last): (_, &dyn fmt::Display) = match self {
            Self::Root => return Ok(()),
            Self::Key(parent, key) => (parent, key),
            Self::Index(parent, index) => (parent, index),
        };
        match parent {
            Self::Root => write!(f, "{last}"),
            _ => write!(f, "{parent}.{last}"),
        }
    }
}

/// Text of at most [`PATH_BYTES`] bytes.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = PATH_BYTES.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.extend(text.get(..text.floor_char_boundary(room)));
        self.0.push('…');
        Err(fmt::Error)
    }
}

/// Largest number below which every whole number has a floating-point number of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The whole number that `1.0` or `1e0` stands for. None for a fraction, and where rounding may have changed the number.
fn as_integer(value: f64) -> Option<i64> {
    let is_exact = value.trunc() == value && value.abs() < EXACT;
    is_exact.then(|| format!("{value:.0}").parse().ok()).flatten()
}

struct Strict<'a> {
    path: &'a Path<'a>,
    issues: &'a mut Vec<Issue>,
}

impl Strict<'_> {
    /// Records an issue, up to the maximum.
    fn issue(&mut self, code: &'static str, message: &str) {
        if self.issues.len() < MAX_ISSUES {
            let mut path = Short(String::new());
            let _truncated = write!(path, "{}", self.path);
            self.issues.push(Issue::new(path.0, code, message));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        if let Some(integer) = as_integer(value) {
            return Ok(Value::from(integer));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(mut self, text: &str) -> Result<Value, E> {
        if text.contains('\0') {
            self.issue("invalid_format", "must not contain the NUL character");
        }
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        loop {
            let path = Path::Index(self.path, array.len());
            match items.next_element_seed(Strict { path: &path, issues: self.issues })? {
                Some(item) => array.push(item),
                None => return Ok(Value::Array(array)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let path = Path::Key(self.path, &key);
            let value = fields.next_value_seed(Strict { path: &path, issues: self.issues })?;
            if key.contains('\0') {
                return Err(A::Error::custom("NUL in a field name"));
            }
            if object.contains_key(&key) {
                Strict { path: &path, issues: self.issues }.issue("duplicate_field", "must not be given twice");
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
