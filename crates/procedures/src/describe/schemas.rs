//! The JSON Schemas (draft 7) of all procedures, and of the named types that they share.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use schemars::{
    Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
    transform::RecursiveTransform,
};
use serde_json::Value;

use super::about::About;
use crate::{error::ErrorData, procedure::Procedure, registry::Catalogue};

/// Where schemas look for named types.
const TYPES: &str = "/components/schemas";

/// The types of all procedures.
#[derive(Debug)]
pub struct Schemas<'r> {
    /// In the order of registration.
    pub procedures: Vec<Described<'r>>,
    /// By name. `$ref`s to them are `#/components/schemas/NAME`.
    pub types: BTreeMap<String, Value>,
}

/// A procedure and its types.
#[derive(Debug)]
pub struct Described<'r> {
    /// The procedure.
    pub procedure: &'r Procedure,
    /// The schema of the input: an object.
    pub input: Value,
    /// The schema of the output; of a subscription, one event.
    pub output: Value,
}

impl Described<'_> {
    /// The description of the input as a whole, unless it is empty.
    pub fn remark(&self) -> Option<&str> {
        description(&self.input).filter(|_| !fields(&self.input).is_empty())
    }
}

/// A property of an object.
#[derive(Debug)]
pub struct Field<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its schema.
    pub schema: &'s Value,
    /// Whether it must be present.
    pub required: bool,
}

impl<'r> Schemas<'r> {
    /// Derives the schemas of all procedures.
    ///
    /// # Errors
    /// When a named type is read in another form than it is written, or two types share a name.
    pub fn of(catalogue: &'r Catalogue, about: &About) -> Result<Self> {
        let (mut read, mut written) = (generator(Contract::Deserialize), generator(Contract::Serialize));
        let described = |procedure: &'r Procedure| Described {
            procedure,
            input: schema(&mut read, procedure.schemas.input),
            output: schema(&mut written, procedure.schemas.output),
        };
        let procedures = catalogue.procedures().map(described).collect();
        written.subschema_for::<ErrorData<'_>>();
        let details = about.error_details.map(|details| details(&mut written).to_value());
        let mut types: BTreeMap<String, Value> = read.take_definitions(true).into_iter().collect();
        for (name, schema) in written.take_definitions(true) {
            let same = types.get(&name).is_none_or(|other| *other == schema);
            ensure!(same, "the type {name} has two forms");
            types.insert(name, schema);
        }
        if let (Some(data), Some(details)) = (types.get_mut("ErrorData"), details) {
            add_properties(data, &details);
        }
        Ok(Self { procedures, types })
    }
}

/// Adds the optional properties of one object schema to another.
fn add_properties(schema: &mut Value, more: &Value) {
    let own = schema.get_mut("properties").and_then(Value::as_object_mut);
    let more = more.get("properties").and_then(Value::as_object);
    if let (Some(own), Some(more)) = (own, more) {
        own.extend(more.clone());
    }
}

fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = TYPES.into();
        settings.contract = contract;
    });
    settings.with_transform(RecursiveTransform(plain_number)).into_generator()
}

/// Removes the names of Rust's number types. They are not formats of JSON Schema, and OpenRPC's own tools refuse unknown
/// formats.
fn plain_number(schema: &mut Schema) {
    let number = |kind: &Value| kind == "integer" || kind == "number";
    let of_number = |kind: &Value| number(kind) || kind.as_array().is_some_and(|kinds| kinds.iter().any(number));
    if schema.get("type").is_some_and(of_number) {
        // Unlike `remove`, this keeps the order of the others.
        schema.ensure_object().shift_remove("format");
    }
}

fn schema(generator: &mut SchemaGenerator, of: fn(&mut SchemaGenerator) -> Schema) -> Value {
    let mut schema = of(generator);
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema.to_value()
}

/// The properties of an object schema, in the order of the type.
pub fn fields<'s>(schema: &'s Value) -> Vec<Field<'s>> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|required| required.iter().any(|one| one == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let field = |(name, schema): (&'s String, &'s Value)| Field { name, schema, required: is_required(name) };
    properties.into_iter().flatten().map(field).collect()
}

/// The description of a schema.
pub fn description(schema: &Value) -> Option<&str> {
    schema.get("description").and_then(Value::as_str)
}
