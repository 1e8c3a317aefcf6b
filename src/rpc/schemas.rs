//! The JSON Schemas (draft 7) of all procedures, and of the named types that they share.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use schemars::{
    Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
    transform::RecursiveTransform,
};
use serde_json::Value;

use super::{procedure::Procedure, registry::Registry};
use crate::error::ErrorData;

/// Where schemas look for named types.
const TYPES: &str = "/components/schemas";

/// Everything that the documents say of types.
pub struct Schemas<'r> {
    /// In the order of registration.
    pub procedures: Vec<Described<'r>>,
    /// By name. `$ref`s to them are `#/components/schemas/NAME`.
    pub types: BTreeMap<String, Value>,
}

/// A procedure and its types.
pub struct Described<'r> {
    pub procedure: &'r Procedure,
    /// An object.
    pub input: Value,
    /// Of a subscription, one event.
    pub output: Value,
}

impl Described<'_> {
    /// What there is to know of the input as a whole.
    pub fn remark(&self) -> Option<&str> {
        description(&self.input).filter(|_| !fields(&self.input).is_empty())
    }
}

/// A property of an object.
pub struct Field<'s> {
    pub name: &'s str,
    pub schema: &'s Value,
    pub required: bool,
}

impl<'r> Schemas<'r> {
    /// # Errors
    /// When a named type is read in another form than it is written, or two types share a name.
    pub fn of(registry: &'r Registry) -> Result<Self> {
        let (mut read, mut written) = (generator(Contract::Deserialize), generator(Contract::Serialize));
        let described = |procedure: &'r std::sync::Arc<Procedure>| Described {
            procedure,
            input: schema(&mut read, procedure.schemas.input),
            output: schema(&mut written, procedure.schemas.output),
        };
        let procedures = registry.procedures().map(described).collect();
        written.subschema_for::<ErrorData<'_>>();
        let mut types: BTreeMap<String, Value> = read.take_definitions(true).into_iter().collect();
        for (name, schema) in written.take_definitions(true) {
            let same = types.get(&name).is_none_or(|other| *other == schema);
            ensure!(same, "the type {name} has two forms");
            types.insert(name, schema);
        }
        Ok(Self { procedures, types })
    }
}

fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = TYPES.into();
        settings.contract = contract;
    });
    settings.with_transform(RecursiveTransform(plain_number)).into_generator()
}

/// Takes away the names of Rust's number types. They are no formats of JSON Schema, and OpenRPC's own tools refuse a
/// format that they don't know.
fn plain_number(schema: &mut Schema) {
    let number = |kind: &Value| kind == "integer" || kind == "number";
    let of_number = |kind: &Value| number(kind) || kind.as_array().is_some_and(|kinds| kinds.iter().any(number));
    if schema.get("type").is_some_and(of_number) {
        schema.remove("format");
    }
}

fn schema(generator: &mut SchemaGenerator, of: fn(&mut SchemaGenerator) -> Schema) -> Value {
    let mut schema = of(generator);
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema.to_value()
}

/// The properties of an object schema: first those that are required, each group in alphabetical order.
pub fn fields<'s>(schema: &'s Value) -> Vec<Field<'s>> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|required| required.iter().any(|one| one == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let field = |(name, schema): (&'s String, &'s Value)| Field { name, schema, required: is_required(name) };
    let mut fields: Vec<Field<'_>> = properties.into_iter().flatten().map(field).collect();
    fields.sort_by_key(|field| (!field.required, field.name));
    fields
}

/// What a schema says in words.
pub fn description(schema: &Value) -> Option<&str> {
    schema.get("description").and_then(Value::as_str)
}
