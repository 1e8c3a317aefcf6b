//! The OpenRPC document as a reader of it sees it.

use std::ops::Deref;

use super::catalogue::catalogue;
use clusterdesk::kernel::documents;
use serde_json::Value;

pub struct Described(Value);

pub fn document() -> Described {
    let documents = documents(&catalogue()).unwrap();
    Described(serde_json::from_str(&documents.openrpc.text).unwrap())
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

    /// The same with everything it refers to in its place.
    pub fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::Object(members) => match members.get("$ref") {
                Some(reference) => {
                    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
                    self.resolve(self.0.pointer(pointer).unwrap_or_else(|| panic!("there is no {pointer}")))
                }
                None => members.iter().map(|(key, value)| (key.clone(), self.resolve(value))).collect(),
            },
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            other => other.clone(),
        }
    }

    /// What is wrong with a value of this schema.
    pub fn issues(&self, schema: &Value, value: &Value) -> Vec<String> {
        let validator = jsonschema::options().should_validate_formats(true).build(&self.resolve(schema)).unwrap();
        validator.iter_errors(value).map(|error| error.to_string()).collect()
    }
}
