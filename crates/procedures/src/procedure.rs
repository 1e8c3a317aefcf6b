//! The description of a procedure: what wires, documents and checks need to know, without how it runs.

use std::sync::Arc;

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::{
    access::{Access, Bucket, Kind},
    dates::Dates,
    error::Code,
    input::InputSchema,
};

/// A registered procedure.
#[derive(Debug)]
pub struct Procedure {
    /// `namespace.name`
    pub name: &'static str,
    /// A second name, kept for old clients.
    pub old_name: Option<&'static str>,
    /// What it does, in a sentence for callers.
    pub docs: &'static str,
    /// What a call does that cannot be taken back easily. A person should confirm it first.
    pub consequence: Option<&'static str>,
    /// Whether it reads, writes or streams.
    pub kind: Kind,
    /// Who may call it.
    pub access: Access,
    /// The rate limit that its calls count against.
    pub bucket: Bucket,
    /// The errors it may answer beyond those that every procedure may.
    pub errors: Vec<Code>,
    /// The compiled schema of its input type.
    pub input: InputSchema,
    /// Where its input has timestamps.
    pub input_dates: Dates,
    /// Where its output has timestamps.
    pub output_dates: Dates,
    /// The schemas of its types, for documents.
    pub schemas: TypeSchemas,
    /// Calls with their answers.
    pub examples: Vec<Example>,
}

/// A procedure that is shared by the registry and the calls in flight.
pub type SharedProcedure = Arc<Procedure>;

/// The schemas of a procedure's types. The generator collects the named types inside them.
#[derive(Clone, Copy, Debug)]
pub struct TypeSchemas {
    /// The input: an object.
    pub input: fn(&mut SchemaGenerator) -> Schema,
    /// The output; of a subscription, one event.
    pub output: fn(&mut SchemaGenerator) -> Schema,
}

/// A call with its answer.
#[derive(Clone, Debug)]
pub struct Example {
    /// The input: an object.
    pub input: Value,
    /// The output; of a subscription, one event. None where the output would contain this example itself.
    pub output: Option<Value>,
}

/// The errors that any procedure may answer.
const EVERYWHERE: [Code; 9] = [
    Code::BadRequest,
    Code::Unauthorized,
    Code::Forbidden,
    Code::MethodNotSupported,
    Code::TooManyRequests,
    Code::Timeout,
    Code::PayloadTooLarge,
    Code::InternalServerError,
    Code::ServiceUnavailable,
];

impl Procedure {
    /// The errors that callers should expect: those that every procedure may answer, then those declared.
    pub fn expected_errors(&self) -> impl Iterator<Item = Code> {
        // Calls of a public procedure need no credentials.
        let public = self.access == Access::Public;
        let applies = move |code: &Code| !(public && matches!(code, Code::Unauthorized | Code::Forbidden));
        EVERYWHERE.into_iter().filter(applies).chain(self.errors.iter().copied())
    }

    /// Whether `code` is among the expected errors.
    pub fn may_answer(&self, code: Code) -> bool {
        self.expected_errors().any(|expected| expected == code)
    }
}
