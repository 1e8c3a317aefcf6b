//! The registrations of one namespace.

use std::sync::Arc;

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use crate::{
    access::{Access, Bucket, Kind},
    dates::Dates,
    error::Code,
    input::{InputSchema, schema},
    procedure::{Example, Procedure, SharedProcedure, TypeSchemas},
};

/// The procedures of one namespace while they are being registered. `H` is the type of the handlers: how a procedure
/// runs. Wires and documents do not use it.
///
/// ```
/// # use procedures::{Access, FunctionCall, Code, Error, NoInput, Registry, Router, State};
/// # struct Clock;
/// # impl State for Clock {
/// #     type Caller = ();
/// #     type Error = Error;
/// # }
/// # fn seconds(_: &FunctionCall<Clock>, _: NoInput) -> Result<u64, Error> {
/// #     Ok(0)
/// # }
/// let router = Router::new("clock")
///     .query("seconds", Access::Public, "Answers the seconds since the start.", seconds)
///     .old_name("time.getSeconds")
///     .errors([Code::ServiceUnavailable])
///     .example(serde_json::json!({}), 12);
///
/// let registry = Registry::new(vec![router])?;
/// let procedure = registry.catalogue().get("time.getSeconds").map(|procedure| procedure.name);
/// assert_eq!(procedure, Some("clock.seconds"));
/// # Ok::<(), anyhow::Error>(())
/// ```
pub struct Router<H> {
    namespace: &'static str,
    pub(crate) entries: Vec<Registration<H>>,
    /// The first faulty registration, which `Registry::new` reports.
    pub(crate) mistake: Option<anyhow::Error>,
}

/// A procedure and how it runs.
pub struct Registration<H> {
    /// The description.
    pub procedure: Procedure,
    /// How it runs.
    pub handler: H,
}

/// A procedure's name, who may call it and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// The name within its namespace.
    pub name: &'a str,
    /// Whether it reads, writes or streams.
    pub kind: Kind,
    /// Who may call it.
    pub access: Access,
    /// What it does, in a sentence for callers.
    pub docs: &'static str,
}

impl<H> Router<H> {
    /// An empty namespace.
    pub fn new(namespace: &'static str) -> Self {
        Self { namespace, entries: Vec::new(), mistake: None }
    }

    /// Registers a procedure that takes an `I` and answers an `O`; a subscription answers an `O` for each event. An
    /// application usually wraps this in methods that take its own kinds of functions.
    #[must_use]
    pub fn register<I, O>(mut self, signature: Signature<'_>, handler: H) -> Self
    where
        I: JsonSchema + 'static,
        O: Serialize + JsonSchema + 'static,
    {
        let Signature { name, kind, access, docs } = signature;
        // Names live as long as the process, so that they can be labels of metrics.
        let name: &'static str = format!("{}.{name}", self.namespace).leak();
        match InputSchema::of::<I>() {
            Ok(input) => {
                let procedure = Procedure {
                    name,
                    old_name: None,
                    docs,
                    consequence: None,
                    kind,
                    access,
                    bucket: if kind == Kind::Mutation { Bucket::WRITE } else { Bucket::READ },
                    errors: Vec::new(),
                    input_dates: Dates::of(input.document()),
                    output_dates: Dates::of(&schema::<O>()),
                    input,
                    schemas: TypeSchemas { input: I::json_schema, output: SchemaGenerator::subschema_for::<O> },
                    examples: Vec::new(),
                };
                self.entries.push(Registration { procedure, handler });
            }
            Err(mistake) => self.mistake = self.mistake.or(Some(mistake.context(name))),
        }
        self
    }

    /// Gives the last registered procedure a second name, namespace included, for old clients.
    #[must_use]
    pub fn old_name(self, name: &'static str) -> Self {
        self.amend(|registration| registration.procedure.old_name = Some(name))
    }

    /// Declares errors that callers of the last registered procedure should expect, besides those declared before.
    #[must_use]
    pub fn errors<const N: usize>(self, codes: [Code; N]) -> Self {
        self.amend(|registration| {
            let known = &mut registration.procedure.errors;
            for code in codes {
                if !known.contains(&code) {
                    known.push(code);
                }
            }
        })
    }

    /// Says what a call of the last registered procedure does that cannot be taken back easily, in sentences for the
    /// person who has to confirm it.
    #[must_use]
    pub fn consequence(self, text: &'static str) -> Self {
        self.amend(|registration| registration.procedure.consequence = Some(text))
    }

    /// Documents a call of the last registered procedure with its answer.
    #[must_use]
    pub fn example(mut self, input: Value, output: impl Serialize) -> Self {
        match serde_json::to_value(output) {
            Ok(output) => self.add_example(Example { input, output: Some(output) }),
            Err(error) => {
                self.mistake = self.mistake.or(Some(anyhow::Error::new(error).context("an example is not JSON")));
                self
            }
        }
    }

    /// Documents a call of the last registered procedure.
    #[must_use]
    pub fn add_example(self, example: Example) -> Self {
        self.amend(|registration| registration.procedure.examples.push(example))
    }

    /// Counts calls of the last registered procedure against `bucket` instead of the one that follows from its kind.
    #[must_use]
    pub fn bucket(self, bucket: Bucket) -> Self {
        self.amend(|registration| registration.procedure.bucket = bucket)
    }

    /// Changes the last registration.
    #[must_use]
    pub fn amend(mut self, change: impl FnOnce(&mut Registration<H>)) -> Self {
        if let Some(last) = self.entries.last_mut() {
            change(last);
        }
        self
    }
}

impl<H> Registration<H> {
    /// The parts, as the registry keeps them.
    pub(crate) fn share(self) -> (SharedProcedure, H) {
        (Arc::new(self.procedure), self.handler)
    }
}
