//! The OpenRPC document as a client reads it.

use std::{ops::Deref, sync::LazyLock};

use clusterdesk::kernel::documents;
use serde_json::Value;

use super::catalogue;

/// The OpenRPC document, parsed.
#[derive(Clone)]
pub struct Described(Value);

/// The OpenRPC document of the server.
pub fn document() -> Described {
    static DOCUMENT: LazyLock<Described> = LazyLock::new(|| {
        let documents = documents(&catalogue()).unwrap();
        Described(serde_json::from_str(&documents.openrpc.text).unwrap())
    });
    DOCUMENT.clone()
}

impl Deref for Described {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Described {
    pub fn method(&self, name: &str) -> &Value {
        let methods = self.0["methods"].as_array().unwrap();
        methods.iter().find(|method| method["name"] == name).unwrap_or_else(|| panic!("{name} is not described"))
    }

    pub fn parameter(&self, method: &str, name: &str) -> &Value {
        let params = self.method(method)["params"].as_array().unwrap();
        params.iter().find(|param| param["name"] == name).unwrap_or_else(|| panic!("{method} has no {name}"))
    }

    /// The value with every `$ref` replaced by its target.
    pub fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::Object(members) => match members.get("$ref") {
                Some(reference) => {
                    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
                    self.resolve(self.0.pointer(pointer).unwrap_or_else(|| panic!("the document has no {pointer}")))
                }
                None => members.iter().map(|(key, value)| (key.clone(), self.resolve(value))).collect(),
            },
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            other => other.clone(),
        }
    }

    /// The validation errors of a value against a schema.
    pub fn issues(&self, schema: &Value, value: &Value) -> Vec<String> {
        let validator = jsonschema::options().should_validate_formats(true).build(&self.resolve(schema)).unwrap();
        validator.iter_errors(value).map(|error| error.to_string()).collect()
    }
}
