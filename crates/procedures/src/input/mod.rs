//! Inputs: read strictly, checked by the JSON Schema that documents them, then decoded.

mod identifier;
mod issues;
mod schema;
mod source;
mod strict;

pub use self::{
    identifier::is_identifier,
    schema::{InputSchema, decode, schema},
    source::{Input, NoInput},
    strict::{MAX_ISSUES, Parsed, read},
};
