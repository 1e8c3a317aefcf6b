//! Registration of procedures: the methods of [`Router`] take a handler function and describe the procedure.

use std::sync::Arc;

use futures_util::FutureExt;
use procedures::{Access, Bucket, Code, Kind, Signature, describe::Documents};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use super::{
    async_call::{AsyncCall, Reply},
    audit::Audited,
    call::Call,
    in_step::{self, InStep},
    json::{decode, encode},
    run::{Read, Run, Write, Written},
    subscription,
    watch::Watched,
};
use crate::{
    db::{Loader, Reading, need},
    error::Result,
};

/// Every procedure of the server with its handler.
pub type Registry = procedures::Registry<Run>;

/// The procedures of one namespace while they are being registered.
pub struct Router(procedures::Router<Run>);

/// Builds the registry of several namespaces.
///
/// # Errors
/// When two procedures share a name, or a registration is faulty.
pub fn registry(routers: Vec<Router>) -> anyhow::Result<Registry> {
    Registry::new(routers.into_iter().map(|router| router.0).collect())
}

impl Router {
    /// An empty namespace.
    pub fn new(namespace: &'static str) -> Self {
        Self(procedures::Router::new(namespace))
    }

    /// Registers a query. Its handler reads from one snapshot of the database.
    #[must_use]
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
        let handler = Arc::new(move |call: &mut Call<'_>, input| encode(&handler(call, decode(input)?)?));
        let run = Run::Read(Read { handler, one_statement: false, needs: Vec::new(), reading: Reading::Short });
        Self(self.0.register::<I, O>(Signature { name, kind: Kind::Query, access, docs }, run))
    }

    /// Registers a mutation. Its handler runs in one transaction, in which the kernel then writes the audit entry.
    #[must_use]
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
        let handler =
            move |call: &mut Call<'_>, input| handler(call, decode(input)?)?.try_map(encode).map(Written::Done);
        let run = Run::Write(Write { handler: Arc::new(handler), writes_in_steps: false });
        Self(self.0.register::<I, O>(Signature { name, kind: Kind::Mutation, access, docs }, run)).idempotent()
    }

    /// Registers a query whose handler waits for more than one read of the database. It runs its own reads.
    #[must_use]
    pub fn async_query<I, O>(
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
        Self(self.0.register::<I, O>(Signature { name, kind: Kind::Query, access, docs }, waiting(handler)))
    }

    /// Registers a mutation that makes its change in one [`Step`](InStep::Step), which may be taken for many callers with one
    /// statement. It takes no lock but those of its caller and of the rows that it changes.
    #[must_use]
    pub fn step<M: InStep>(self, name: &str, access: Access, docs: &'static str) -> Self {
        let run = Run::Write(Write { handler: Arc::new(in_step::begin::<M>), writes_in_steps: true });
        Self(self.0.register::<M::Input, M::Output>(Signature { name, kind: Kind::Mutation, access, docs }, run))
            .idempotent()
    }

    /// Registers a mutation whose handler also waits for another service. It runs its own reads and transactions.
    #[must_use]
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
        let signature = Signature { name, kind: Kind::Mutation, access, docs };
        Self(self.0.register::<I, O>(signature, waiting(handler))).idempotent()
    }

    /// Declares what a call with an idempotency key may answer.
    fn idempotent(self) -> Self {
        self.errors([Code::Conflict])
    }

    /// Registers a subscription. Its handler returns the [`Watch`](super::Watch) that selects the events.
    #[must_use]
    pub fn subscription<I, W>(
        self,
        name: &str,
        access: Access,
        docs: &'static str,
        handler: fn(&mut Call<'_>, I) -> Result<W>,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        W: Watched + 'static,
    {
        let handler: subscription::Handler<W::Log> =
            Arc::new(move |call, input| Ok(handler(call, decode(input)?)?.into_watch().map(|event| encode(&event))));
        let start = move |invocation, input| subscription::start(invocation, Arc::clone(&handler), input).boxed();
        let run = Run::Watch(Arc::new(start));
        Self(self.0.register::<I, W::Output>(Signature { name, kind: Kind::Subscription, access, docs }, run))
    }

    /// Registers `discover`, which returns one of the server's documents.
    #[must_use]
    pub fn discover(self, docs: &'static str, document: fn(&Documents) -> &RawValue) -> Self {
        Self(self.0.discover(docs, Run::Document(document)))
    }

    /// Declares that the last registered query runs a single SQL statement and so needs no transaction. A test checks
    /// it.
    #[must_use]
    pub fn one_statement(self) -> Self {
        Self(self.0.amend(|registration| {
            if let Run::Read(read) = &mut registration.handler {
                read.one_statement = true;
            }
        }))
    }

    /// Declares that the last registered query needs the rows that a loader has for the caller's id. They are loaded for
    /// all queries that wait, with one statement.
    #[must_use]
    pub fn loads<L: Loader>(self) -> Self {
        Self(self.0.amend(|registration| {
            if let Run::Read(read) = &mut registration.handler {
                read.needs.push(need::<L>);
            }
        }))
    }

    /// Declares that the last registered query reads by filters that its caller chooses, or a page of a whole table. It
    /// then has its database threads with others like it, and its statements are planned for the values at hand.
    #[must_use]
    pub fn browses(self) -> Self {
        Self(self.0.amend(|registration| {
            if let Run::Read(read) = &mut registration.handler {
                read.reading = Reading::Browsing;
            }
        }))
    }

    /// Gives the last registered procedure a second name, such as `k8s.getClusters`: its name on the old server.
    #[must_use]
    pub fn old_name(self, name: &'static str) -> Self {
        Self(self.0.old_name(name))
    }

    /// Declares errors that callers of the last registered procedure should expect.
    #[must_use]
    pub fn errors<const N: usize>(self, codes: [Code; N]) -> Self {
        Self(self.0.errors(codes))
    }

    /// Says what a call of the last registered procedure does that cannot be taken back easily. The explorer asks before
    /// it calls.
    #[must_use]
    pub fn consequence(self, text: &'static str) -> Self {
        Self(self.0.consequence(text))
    }

    /// Documents a call of the last registered procedure with its output. A test makes every such call.
    #[must_use]
    pub fn example(self, input: Value, output: impl Serialize) -> Self {
        Self(self.0.example(input, output))
    }

    /// Counts calls of the last registered procedure against `bucket` instead of the bucket of its kind.
    #[must_use]
    pub fn bucket(self, bucket: Bucket) -> Self {
        Self(self.0.bucket(bucket))
    }
}

/// The way in which a procedure with this handler runs.
fn waiting<I, O>(handler: fn(AsyncCall, I) -> Reply<O>) -> Run
where
    I: DeserializeOwned + 'static,
    O: Serialize + Send + 'static,
{
    Run::Async(Arc::new(move |call, input| {
        let reply = decode(input).map(|input| handler(call, input));
        async move { encode(&reply?.await?) }.boxed()
    }))
}
