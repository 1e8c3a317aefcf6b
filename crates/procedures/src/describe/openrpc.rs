//! The OpenRPC 1.4 document: for people, explorers and client generators.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    about::About,
    schemas::{Described, Schemas, description, fields},
};
use crate::{
    access::{Access, Bucket, Kind},
    error::Code,
    procedure::Example,
};

const VERSION: &str = "1.4.0";

/// An OpenRPC document.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OpenRpcDocument")]
pub struct OpenRpc<'a> {
    openrpc: &'static str,
    #[schemars(with = "Map<String, Value>")]
    info: Info<'a>,
    #[schemars(with = "Vec<Map<String, Value>>")]
    methods: Vec<Method<'a>>,
    #[schemars(with = "Map<String, Value>")]
    components: Components<'a>,
}

#[derive(Serialize)]
struct Info<'a> {
    title: &'static str,
    version: &'static str,
    description: &'static str,
    license: Value,
    #[serde(rename = "x-content-hash")]
    content_hash: &'a str,
}

#[derive(Serialize)]
struct Components<'a> {
    schemas: &'a BTreeMap<String, Value>,
    errors: BTreeMap<&'static str, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Method<'a> {
    name: &'static str,
    summary: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    tags: Value,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deprecated: bool,
    param_structure: &'static str,
    params: Vec<Descriptor<'a>>,
    result: Descriptor<'a>,
    errors: Vec<Value>,
    examples: Vec<Value>,
    #[serde(rename = "x-kind")]
    kind: Kind,
    #[serde(rename = "x-access")]
    access: Access,
    #[serde(rename = "x-bucket")]
    bucket: Bucket,
    #[serde(rename = "x-consequence", skip_serializing_if = "Option::is_none")]
    consequence: Option<&'static str>,
    #[serde(rename = "x-idempotency-key", skip_serializing_if = "std::ops::Not::not")]
    takes_key: bool,
    #[serde(rename = "x-old-name", skip_serializing_if = "Option::is_none")]
    old_name: Option<&'static str>,
    #[serde(rename = "x-canonical-name", skip_serializing_if = "Option::is_none")]
    canonical_name: Option<&'static str>,
    #[serde(rename = "x-event", skip_serializing_if = "Option::is_none")]
    event: Option<Value>,
}

/// A parameter or a result.
#[derive(Clone, Serialize)]
struct Descriptor<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    required: bool,
    schema: Value,
}

impl<'a> OpenRpc<'a> {
    /// Describes all procedures. `content_hash` becomes `info.x-content-hash`.
    pub fn of(schemas: &'a Schemas<'_>, about: &About, content_hash: &'a str) -> Self {
        let mut errors = BTreeMap::new();
        let mut methods = Vec::new();
        for described in &schemas.procedures {
            for code in described.procedure.expected_errors() {
                errors.insert(code.as_str(), error(code));
            }
            methods.push(method(described, about));
            if let Some(old_name) = described.procedure.old_name {
                let canonical = method(described, about);
                methods.push(Method {
                    name: old_name,
                    tags: tags(old_name),
                    deprecated: true,
                    old_name: None,
                    canonical_name: Some(described.procedure.name),
                    ..canonical
                });
            }
        }
        let info = Info {
            title: about.title,
            version: about.version,
            description: about.description,
            license: json!({"name": about.license}),
            content_hash,
        };
        Self { openrpc: VERSION, info, methods, components: Components { schemas: &schemas.types, errors } }
    }
}

fn method<'a>(described: &'a Described<'_>, about: &About) -> Method<'a> {
    let Described { procedure, input, output } = described;
    let subscription = procedure.kind == Kind::Subscription;
    let mut fields = fields(input);
    // Required ones come first, says OpenRPC. The others keep the order of the type.
    fields.sort_by_key(|field| !field.required);
    let params = fields.into_iter().map(|field| Descriptor {
        name: field.name,
        description: description(field.schema),
        required: field.required,
        schema: field.schema.clone(),
    });
    let result = match subscription {
        true => ("subscription", Some("The id that its events carry."), json!({"type": "string"})),
        false => ("result", None, output.clone()),
    };
    Method {
        name: procedure.name,
        summary: procedure.docs,
        description: described.remark(),
        tags: tags(procedure.name),
        deprecated: false,
        param_structure: "by-name",
        params: params.collect(),
        result: Descriptor { name: result.0, description: result.1, required: true, schema: result.2 },
        errors: procedure.expected_errors().map(|code| reference("errors", code.as_str())).collect(),
        examples: procedure.examples.iter().map(|example| pairing(example, !subscription)).collect(),
        kind: procedure.kind,
        access: procedure.access,
        bucket: procedure.bucket,
        consequence: procedure.consequence,
        takes_key: about.keeps_answers && procedure.kind == Kind::Mutation,
        old_name: procedure.old_name,
        canonical_name: None,
        event: subscription.then(|| {
            let examples: Vec<&Value> = procedure.examples.iter().filter_map(|one| one.output.as_ref()).collect();
            json!({"name": "event", "schema": output, "examples": examples})
        }),
    }
}

/// The namespace of a name.
fn tags(name: &str) -> Value {
    json!([{"name": name.split('.').next()}])
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn error(code: Code) -> Value {
    json!({
        "code": code.number(),
        "message": code.meaning(),
        "data": {"code": code.as_str(), "httpStatus": code.http_status()},
    })
}

/// An example, with its result where the document shows one.
fn pairing(example: &Example, with_result: bool) -> Value {
    let input = example.input.as_object();
    let params = input.into_iter().flatten().map(|(name, value)| json!({"name": name, "value": value}));
    let mut pairing = Map::new();
    pairing.insert("name".to_owned(), json!("example"));
    pairing.insert("params".to_owned(), params.collect());
    if let Some(output) = example.output.as_ref().filter(|_| with_result) {
        pairing.insert("result".to_owned(), json!({"name": "result", "value": output}));
    }
    Value::Object(pairing)
}
