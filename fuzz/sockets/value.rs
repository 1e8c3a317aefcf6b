//! Random JSON values: those that a schema allows, and those that break programs.

use rand::{Rng, RngExt, seq::IndexedRandom};
use serde_json::{Map, Value, json};

/// Values at the edges of what any field allows.
pub fn nasty(rng: &mut impl Rng) -> Value {
    match rng.random_range(0..26) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(0),
        4 => json!(9_007_199_254_740_992_u64),
        5 => json!(i64::MAX),
        6 => json!(u64::MAX),
        7 => json!(i64::MIN),
        8 => json!(1.5),
        9 => json!(1e308),
        10 => json!(""),
        11 => json!(" "),
        12 => json!("\0"),
        13 => json!("a".repeat(rng.random_range(1..5000))),
        14 => json!("é\u{202e}😀\u{feff}"),
        15 => json!("'; DROP TABLE users; --"),
        16 => json!("%_\\"),
        17 => json!("2026-02-30T25:00:00Z"),
        18 => json!("9999-12-31T23:59:59.999Z"),
        19 => json!([]),
        20 => json!({}),
        21 => nested(rng.random_range(1..140)),
        22 => json!(["a", 1, null, {"b": []}]),
        23 => json!({"__proto__": {"constructor": 1}, "a.b": 2, "": 3}),
        24 => json!("\u{7f}\u{1}\r\n"),
        _ => json!("-0"),
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |value, level| if level % 2 == 0 { json!([value]) } else { json!({"a": value}) })
}

/// A value that the schema of a parameter mostly allows.
pub fn fitting(rng: &mut impl Rng, schema: &Value) -> Value {
    if let Some(one) = schema["enum"].as_array().and_then(|all| all.choose(rng)) {
        return one.clone();
    }
    if let Some(one) = schema.get("const") {
        return one.clone();
    }
    for union in ["anyOf", "oneOf"] {
        if let Some(one) = schema[union].as_array().and_then(|all| all.choose(rng)) {
            return fitting(rng, one);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.choose(rng).and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("integer" | "number") => {
            let low = schema["minimum"].as_i64().unwrap_or(0);
            json!(rng.random_range(low..=low.saturating_add(30)))
        }
        Some("boolean") => json!(rng.random_bool(0.5)),
        Some("array") => (0..rng.random_range(0..4)).map(|_| fitting(rng, &schema["items"])).collect(),
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            let fields: Map<_, _> = fields.map(|(name, field)| (name.clone(), fitting(rng, field))).collect();
            fields.into()
        }
        Some("string") => match schema["format"].as_str() {
            Some("date-time") => json!("2026-03-04T05:06:07.008Z"),
            _ if rng.random_bool(0.5) => json!(format!("fuzz-{}", rng.random_range(0..400))),
            _ => json!(*["web", "a", "eu-central", "12", "PRO", "ACTIVE"].choose(rng).unwrap()),
        },
        _ => Value::Null,
    }
}
