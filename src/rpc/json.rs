//! JSON input, read strictly: strings are trimmed, a field given twice and the NUL character are refused.
//!
//! serde_json alone would keep the last of two equal keys, and PostgreSQL can't store NUL.

use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::Issue;

/// Issues that one answer lists. A hostile input can have a hundred thousand.
pub const MOST_ISSUES: usize = 50;
/// Bytes of a path that are echoed: no path of ours is nearly as long, and a hostile one can be as long as the text, once
/// for each thing that is wrong.
const PATH_ECHO: usize = 256;

/// A value, and what is wrong with it. No value: what is wrong ended the reading.
pub type Read = (Option<Value>, Vec<Issue>);

/// Reads one JSON value.
pub fn read(text: &str) -> Read {
    let mut issues = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { path: &Path::Root, issues: &mut issues }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    if value.is_err() {
        issues.push(Issue::new("", "invalid_value", "holds a value that can't be read, or is nested too deeply"));
    }
    (value.ok(), issues)
}

/// Where in the value we are; written out only when there is something to say.
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

/// Takes what fits, and then has no room for more.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = PATH_ECHO.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.extend(text.get(..text.floor_char_boundary(room)));
        self.0.push('…');
        Err(fmt::Error)
    }
}

struct Strict<'a> {
    path: &'a Path<'a>,
    issues: &'a mut Vec<Issue>,
}

impl Strict<'_> {
    /// Notes what is wrong. Of a value that has so much wrong with it, the rest need not be known.
    fn find(&mut self, code: &'static str, message: &str) {
        if self.issues.len() < MOST_ISSUES {
            let mut path = Short(String::new());
            let _cut_short = write!(path, "{}", self.path);
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
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(mut self, text: &str) -> Result<Value, E> {
        if text.contains('\0') {
            self.find("invalid_format", "must not contain the NUL character");
        }
        Ok(Value::String(text.trim().to_owned()))
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
                Strict { path: &path, issues: self.issues }.find("duplicate_field", "must not be given twice");
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
