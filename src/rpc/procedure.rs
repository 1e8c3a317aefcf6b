//! A procedure and its registration: a plain function, and around it data that the kernel acts on.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, value::RawValue};

use super::{
    call::{AsyncCall, Audited, Call, Reply},
    dates::Dates,
    input::{InputSchema, NoInput, decode, schema},
    openrpc::Document,
    watch::Watch,
};
use crate::error::{Code, Error, Result};

/// Who may call a procedure. Every registration says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anybody, with or without a token.
    Public,
    /// Any authenticated caller.
    User,
    /// Role ADMIN.
    Admin,
}

/// Which rate limit a call counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bucket {
    Read,
    Write,
    Stripe,
}

/// What a procedure does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Query,
    Mutation,
    /// A stream of events.
    Subscription,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

type Output = Box<RawValue>;
type Reader = dyn Fn(&mut Call<'_>, Value) -> Result<Output> + Send + Sync;
type Writer = dyn Fn(&mut Call<'_>, Value) -> Result<Audited<Output>> + Send + Sync;
type Waiter = dyn Fn(AsyncCall, Value) -> BoxFuture<'static, Result<Output>> + Send + Sync;
type Starter = dyn Fn(&mut Call<'_>, Value) -> Result<Watch<Result<Output>>> + Send + Sync;

/// How a procedure runs. The types of its input and output are gone from here on.
#[derive(Clone)]
pub(super) enum Run {
    /// On a read connection.
    Read(Arc<Reader>),
    /// In a write transaction, together with its audit row.
    Write(Arc<Writer>),
    /// On the runtime, with the database at hand.
    Async(Arc<Waiter>),
    /// On a read connection to begin, and then for as long as somebody listens.
    Watch(Arc<Starter>),
    /// Not at all: the kernel answers with the document of its registry.
    Discover,
}

/// What the types of a procedure look like in JSON. Named types inside them go into the generator's definitions.
#[derive(Clone, Copy)]
pub struct Schemas {
    /// The input: an object.
    pub input: fn(&mut SchemaGenerator) -> Schema,
    /// The output; of a subscription, one event.
    pub output: fn(&mut SchemaGenerator) -> Schema,
}

/// A call, and the answer it gets in the little world that `routers::example` shows.
pub struct Example {
    pub input: Value,
    /// The output; of a subscription, one event. None where it would contain this example itself.
    pub output: Option<Value>,
}

/// A registered procedure.
pub struct Procedure {
    /// `namespace.name`
    pub name: &'static str,
    /// What the old server called it, where that differs.
    pub old_name: Option<&'static str>,
    /// What it does, for callers: a sentence.
    pub docs: &'static str,
    pub kind: Kind,
    pub access: Access,
    pub bucket: Bucket,
    /// What it may answer beyond what every procedure may.
    pub errors: Vec<Code>,
    /// The schema of its input type, compiled.
    pub input: InputSchema,
    /// Where its input and its output have timestamps.
    pub input_dates: Dates,
    pub output_dates: Dates,
    pub schemas: Schemas,
    pub examples: Vec<Example>,
    /// Whether it promises to run a single statement, which needs no transaction to be consistent.
    pub one_statement: bool,
    pub(super) run: Run,
}

/// What any procedure may answer.
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
    /// The errors that callers are told to expect: those declared here, and those that are possible everywhere.
    pub fn expected_errors(&self) -> impl Iterator<Item = Code> {
        // Who calls a public procedure does not matter.
        let public = self.access == Access::Public;
        let everywhere = EVERYWHERE.into_iter();
        let everywhere =
            everywhere.filter(move |code| !(public && matches!(code, Code::Unauthorized | Code::Forbidden)));
        everywhere.chain(self.errors.iter().copied())
    }

    pub fn may_answer(&self, code: Code) -> bool {
        self.expected_errors().any(|expected| expected == code)
    }
}

/// The procedures of one namespace, as they are being registered.
pub struct Router {
    namespace: &'static str,
    pub(super) procedures: Vec<Procedure>,
    /// The first mistake; start-up reports it.
    pub(super) mistake: Option<anyhow::Error>,
}

impl Router {
    pub fn new(namespace: &'static str) -> Self {
        Self { namespace, procedures: Vec::new(), mistake: None }
    }

    /// Registers a function that reads. It sees one snapshot of the database.
    pub fn query<I, O>(
        self,
        name: &str,
        access: Access,
        docs: &'static str,
        handler: fn(&mut Call<'_>, I) -> Result<O>,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        O: Serialize + JsonSchema + 'static,
    {
        let run = Run::Read(Arc::new(move |call, input| encode(&handler(call, decode(input)?)?)));
        self.add::<I, O>(name, access, docs, Kind::Query, run)
    }

    /// Registers a function that writes. It runs in one transaction, with the audit row it returns.
    pub fn mutation<I, O>(
        self,
        name: &str,
        access: Access,
        docs: &'static str,
        handler: fn(&mut Call<'_>, I) -> Result<Audited<O>>,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        O: Serialize + JsonSchema + 'static,
    {
        let run = Run::Write(Arc::new(move |call, input| {
            let Audited { output, change } = handler(call, decode(input)?)?;
            Ok(Audited { output: encode(&output)?, change })
        }));
        self.add::<I, O>(name, access, docs, Kind::Mutation, run)
    }

    /// Registers a function that waits for something outside before, between or after its database work.
    pub fn async_mutation<I, O>(
        self,
        name: &str,
        access: Access,
        docs: &'static str,
        handler: fn(AsyncCall, I) -> Reply<O>,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        O: Serialize + JsonSchema + Send + 'static,
    {
        let run = Run::Async(Arc::new(move |call, input| match decode(input) {
            Ok(input) => {
                let reply = handler(call, input);
                Box::pin(async move { encode(&reply.await?) })
            }
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }));
        self.add::<I, O>(name, access, docs, Kind::Mutation, run)
    }

    /// Registers a stream of events. The function says what is watched; the kernel delivers it.
    pub fn subscription<I, O>(
        self,
        name: &str,
        access: Access,
        docs: &'static str,
        handler: fn(&mut Call<'_>, I) -> Result<Watch<O>>,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        O: Serialize + JsonSchema + 'static,
    {
        let run =
            Run::Watch(Arc::new(move |call, input| Ok(handler(call, decode(input)?)?.map(|event| encode(&event)))));
        self.add::<I, O>(name, access, docs, Kind::Subscription, run)
    }

    /// Registers the procedure that answers with the OpenRPC document. It is for everybody, and needs no database.
    pub fn discover(self, name: &str, docs: &'static str) -> Self {
        let router = self.add::<NoInput, Document<'_>>(name, Access::Public, docs, Kind::Query, Run::Discover);
        let example = Example { input: Value::Object(Map::new()), output: None };
        router.amend(|procedure| procedure.examples.push(example))
    }

    /// Names the last registered procedure as the old server did, in full.
    pub fn old_name(self, name: &'static str) -> Self {
        self.amend(|procedure| procedure.old_name = Some(name))
    }

    /// Adds errors that callers of the last registered procedure should expect.
    pub fn errors<const N: usize>(self, codes: [Code; N]) -> Self {
        self.amend(|procedure| procedure.errors.extend(codes))
    }

    /// Shows a call of the last registered procedure and its answer. A test makes every such call.
    pub fn example(mut self, input: Value, output: impl Serialize) -> Self {
        match serde_json::to_value(output) {
            Ok(output) => self.amend(|procedure| procedure.examples.push(Example { input, output: Some(output) })),
            Err(why) => {
                self.mistake = self.mistake.or(Some(anyhow::Error::new(why).context("an example is no JSON")));
                self
            }
        }
    }

    /// Counts the last registered procedure against another bucket than its kind's.
    pub fn bucket(self, bucket: Bucket) -> Self {
        self.amend(|procedure| procedure.bucket = bucket)
    }

    /// Spares the last registered query its transaction: it runs one statement. A test holds it to that.
    pub fn one_statement(self) -> Self {
        self.amend(|procedure| procedure.one_statement = true)
    }

    fn add<I: JsonSchema, O: JsonSchema>(
        mut self,
        name: &str,
        access: Access,
        docs: &'static str,
        kind: Kind,
        run: Run,
    ) -> Self {
        // Names live as long as the process; jsonrpsee asks for that.
        let name: &'static str = format!("{}.{name}", self.namespace).leak();
        let bucket = if kind == Kind::Mutation { Bucket::Write } else { Bucket::Read };
        match InputSchema::of::<I>() {
            Ok(input) => self.procedures.push(Procedure {
                input_dates: Dates::of(input.document()),
                output_dates: Dates::of(&schema::<O>()),
                name,
                old_name: None,
                docs,
                kind,
                access,
                bucket,
                errors: Vec::new(),
                input,
                schemas: Schemas { input: I::json_schema, output: SchemaGenerator::subschema_for::<O> },
                examples: Vec::new(),
                one_statement: false,
                run,
            }),
            Err(mistake) => self.mistake = self.mistake.or(Some(mistake.context(name))),
        }
        self
    }

    fn amend(mut self, change: impl FnOnce(&mut Procedure)) -> Self {
        if let Some(last) = self.procedures.last_mut() {
            change(last);
        }
        self
    }
}

fn encode<O: Serialize>(output: &O) -> Result<Output> {
    serde_json::value::to_raw_value(output).map_err(|why| Error::Internal(why.into()))
}
