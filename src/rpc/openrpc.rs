//! The OpenRPC 1.4 document of a registry: what a person, an explorer or a generator of clients needs to know of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    procedure::{Access, Bucket, Example, Kind},
    schemas::{Described, Schemas, description, fields},
};
use crate::error::Code;

const VERSION: &str = "1.4.0";

const ABOUT: &str = "Users, customers and Kubernetes cluster configurations. Send JSON-RPC 2.0 messages by POST to `/`, or \
    over a WebSocket at the same address. Switch on `error.data.code`; `error.data` is an `ErrorData`.";

/// An OpenRPC document.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OpenRpcDocument")]
pub struct Document<'a> {
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

impl<'a> Document<'a> {
    pub fn of(schemas: &'a Schemas<'_>, content_hash: &'a str) -> Self {
        let mut errors = BTreeMap::new();
        let mut methods = Vec::new();
        for described in &schemas.procedures {
            for code in described.procedure.expected_errors() {
                errors.insert(code.as_str(), error(code));
            }
            methods.push(method(described));
            if let Some(old_name) = described.procedure.old_name {
                let canonical = method(described);
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
            title: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            description: ABOUT,
            license: json!({"name": env!("CARGO_PKG_LICENSE")}),
            content_hash,
        };
        Self { openrpc: VERSION, info, methods, components: Components { schemas: &schemas.types, errors } }
    }
}

fn method<'a>(described: &'a Described<'_>) -> Method<'a> {
    let Described { procedure, input, output } = described;
    let subscription = procedure.kind == Kind::Subscription;
    let params = fields(input).into_iter().map(|field| Descriptor {
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
        old_name: procedure.old_name,
        canonical_name: None,
        event: subscription.then(|| {
            let examples: Vec<&Value> = procedure.examples.iter().filter_map(|one| one.output.as_ref()).collect();
            json!({"name": "event", "schema": output, "examples": examples})
        }),
    }
}

/// The namespace.
fn tags(name: &str) -> Value {
    json!([{"name": name.split('.').next()}])
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn error(code: Code) -> Value {
    json!({
        "code": code.number(),
        "message": meaning(code),
        "data": {"code": code.as_str(), "httpStatus": code.http_status()},
    })
}

/// An example with its result, where the document shows one.
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

/// What an error means, whoever answers it. What a caller reads says more.
fn meaning(code: Code) -> &'static str {
    match code {
        Code::ParseError => "The request is not JSON.",
        Code::BadRequest => "The input is not valid; `data.issues` lists what is wrong with it.",
        Code::Unauthorized => "There is no token, or it is not good any more.",
        Code::PaymentRequired => "The caller's subscription does not cover this.",
        Code::Forbidden => "The caller may not do this.",
        Code::NotFound => "There is no such thing, or it is somebody else's.",
        Code::MethodNotSupported => "It can't be called in this way.",
        Code::Timeout => "The call took too long and was undone.",
        Code::Conflict => "Something is in the way; `data.conflictingId` names it.",
        Code::PreconditionFailed => "Things are not in the state that this needs.",
        Code::PayloadTooLarge => "The request or the answer is too large.",
        Code::UnsupportedMediaType => "The request is not sent as JSON.",
        Code::TooManyRequests => "The caller's limit is used up; wait for `data.retryAfterMs`.",
        Code::ClientClosedRequest => "The caller hung up.",
        Code::InternalServerError => "Something went wrong on the server's side.",
        Code::BadGateway => "The payment provider failed.",
        Code::GatewayTimeout => "The payment provider did not answer in time.",
        Code::ServiceUnavailable => "The server is busy or stopping; try again after `data.retryAfterMs`.",
    }
}
