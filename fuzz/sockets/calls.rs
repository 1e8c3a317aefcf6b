//! The calls that a server offers, from its OpenRPC document.

use rand::{Rng, RngExt, seq::IndexedRandom};
use serde_json::{Map, Value};

use crate::value::fitting;

/// All methods of a server.
pub struct Calls(Vec<Method>);

/// A method.
pub struct Method {
    pub name: String,
    pub kind: String,
    params: Vec<Value>,
    examples: Vec<Value>,
}

impl Calls {
    /// Those in an OpenRPC document.
    pub fn of(document: &Value) -> Self {
        let methods: Vec<Method> = document["methods"].as_array().unwrap().iter().map(Method::of).collect();
        assert!(methods.len() > 20, "the document has only {} methods", methods.len());
        Self(methods)
    }

    /// Any of them. Deletions of users are rare, or soon there would be no users.
    pub fn any(&self, rng: &mut impl Rng) -> &Method {
        let method = self.0.choose(rng).unwrap();
        match method.name.as_str() {
            "user.delete" | "user.softDelete" if rng.random_bool(0.97) => self.0.choose(rng).unwrap(),
            _ => method,
        }
    }

    /// Any of this kind.
    pub fn of_kind(&self, rng: &mut impl Rng, kind: &str) -> &Method {
        loop {
            let method = self.any(rng);
            if method.kind == kind {
                return method;
            }
        }
    }
}

impl Method {
    fn of(method: &Value) -> Self {
        let examples = method["examples"].as_array().into_iter().flatten();
        let example = |example: &Value| {
            let params = example["params"].as_array().into_iter().flatten();
            let params: Map<_, _> =
                params.map(|param| (param["name"].as_str().unwrap().to_owned(), param["value"].clone())).collect();
            params.into()
        };
        Self {
            name: method["name"].as_str().unwrap().to_owned(),
            kind: method["x-kind"].as_str().unwrap().to_owned(),
            params: method["params"].as_array().unwrap().clone(),
            examples: examples.map(example).collect(),
        }
    }

    /// An input that is mostly valid.
    pub fn input(&self, rng: &mut impl Rng) -> Value {
        if let Some(example) = self.examples.choose(rng)
            && rng.random_bool(0.4)
        {
            return example.clone();
        }
        let mut input = Map::new();
        for param in &self.params {
            if param["required"] == true || rng.random_bool(0.4) {
                input.insert(param["name"].as_str().unwrap().to_owned(), fitting(rng, &param["schema"]));
            }
        }
        input.into()
    }
}
