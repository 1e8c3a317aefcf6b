//! Changes of values and of texts.

use rand::{Rng, RngExt, seq::IndexedRandom};
use serde_json::Value;

use crate::value::nasty;

/// Pieces that the formats give a meaning to, and that a serializer never writes.
const TOKENS: [&str; 18] = [
    "1e999",
    "-0.0",
    "\"\\ud800\"",
    "\\u0000",
    "[[[[[[[[",
    "{\"a\":",
    "}",
    "]",
    "\"",
    ",",
    "null",
    "NaN",
    "\u{feff}",
    "\t",
    "99999999999999999999",
    "\"id\":7,",
    "\"jsonrpc\":\"2.0\",",
    "//",
];

/// Changes a few places of a value, or none.
pub fn mutate(rng: &mut impl Rng, value: &mut Value) {
    if rng.random_bool(0.6) {
        return;
    }
    for _ in 0..rng.random_range(1..4) {
        change(rng, value);
    }
}

fn change(rng: &mut impl Rng, value: &mut Value) {
    let here = rng.random_bool(0.25);
    match value {
        Value::Object(fields) if !here && !fields.is_empty() => {
            let keys: Vec<String> = fields.keys().cloned().collect();
            let key = keys.choose(rng).unwrap();
            match rng.random_range(0..8) {
                0 => drop(fields.remove(key)),
                1 => {
                    let moved = fields.remove(key).unwrap();
                    fields.insert(key.to_uppercase(), moved);
                }
                2 => drop(fields.insert("unknown".to_owned(), nasty(rng))),
                _ => change(rng, fields.get_mut(key).unwrap()),
            }
        }
        Value::Array(items) if !here && !items.is_empty() => {
            let at = rng.random_range(0..items.len());
            match rng.random_range(0..6) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => change(rng, &mut items[at]),
            }
        }
        _ => *value = nasty(rng),
    }
}

/// The bytes of a text, now and then with a few changes.
pub fn scramble(rng: &mut impl Rng, text: String) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    if rng.random_bool(0.9) {
        return bytes;
    }
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => {
                let token = TOKENS.choose(rng).unwrap().bytes();
                bytes.splice(at..at, token);
            }
            2 => {
                let end = rng.random_range(at..=bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ if at < bytes.len() => bytes[at] = rng.random(),
            _ => bytes.push(rng.random()),
        }
    }
    bytes
}
