//! A ready-made service: procedures that are functions of an application's state.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream::BoxStream,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use crate::{
    access::{Access, Kind},
    context::Context,
    error::{Code, Error, Result},
    input::{Input, decode},
    registry::Registry,
    router::{Router, Signature},
    service::{Answer, CallOptions, Event, Service, Subscription},
};

/// The state of an application whose procedures are functions of it.
///
/// ```
/// use procedures::{Access, Code, Error, Result, State};
///
/// struct Shop;
///
/// #[derive(Clone, Default)]
/// struct Customer {
///     name: Option<String>,
/// }
///
/// impl State for Shop {
///     type Caller = Customer;
///     type Error = Error;
///
///     fn authorize(&self, caller: &Customer, access: Access) -> Result<()> {
///         match (access, &caller.name) {
///             (Access::Public, _) | (Access::User, Some(_)) => Ok(()),
///             (_, None) => Err(Error::new(Code::Unauthorized, "Sign in first.")),
///             (Access::Service | Access::Admin, Some(_)) => Err(Error::new(Code::Forbidden, "The shop has no administrators.")),
///         }
///     }
/// }
/// ```
pub trait State: Send + Sync + 'static {
    /// Who is calling. The default is an anonymous caller.
    type Caller: Clone + Default + Send + Sync + 'static;
    /// The application's error type.
    type Error: Into<Error> + Send + 'static;

    /// Decides whether `caller` may use procedures with this access. The default allows public procedures only.
    ///
    /// # Errors
    /// UNAUTHORIZED or FORBIDDEN.
    fn authorize(&self, caller: &Self::Caller, access: Access) -> Result<()> {
        let _ = caller;
        match access {
            Access::Public => Ok(()),
            Access::User | Access::Service | Access::Admin => Err(Error::new(Code::Unauthorized, "Sign in first.")),
        }
    }
}

/// What a function gets besides its input.
pub struct FunctionCall<S: State> {
    /// The application's state.
    pub state: Arc<S>,
    /// The request.
    pub context: Arc<Context<S::Caller>>,
}

/// What an asynchronous function returns.
pub type FunctionReply<O, E = Error> = BoxFuture<'static, Result<O, E>>;

/// What a subscription returns: events, with the ids to resume after if its input has the field
/// [`LAST_EVENT_ID`](crate::LAST_EVENT_ID), else without ids. The stream should not end by itself: a client takes the end
/// for a lost connection and subscribes again.
pub type Events<O> = BoxStream<'static, (Option<String>, O)>;

type Watch<S, I, O> = fn(&FunctionCall<S>, I) -> Result<Events<O>, <S as State>::Error>;
type Run<S> = dyn Fn(FunctionCall<S>, Value) -> FunctionReply<Box<RawValue>> + Send + Sync;
type Start<S> = dyn Fn(FunctionCall<S>, Value) -> Result<Subscription> + Send + Sync;

/// How a procedure runs. The types of its input and output are erased.
pub enum Function<S: State> {
    /// Answers once.
    Call(Box<Run<S>>),
    /// Delivers events.
    Subscribe(Box<Start<S>>),
}

impl<S: State> Router<Function<S>> {
    /// Registers a function that reads.
    #[must_use]
    pub fn query<I, O>(
        self,
        name: &str,
        access: Access,
        docs: &'static str,
        function: fn(&FunctionCall<S>, I) -> Result<O, S::Error>,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        O: Serialize + JsonSchema + 'static,
    {
        self.register::<I, O>(Signature { name, kind: Kind::Query, access, docs }, immediate(function))
    }

    /// Registers a function that writes.
    #[must_use]
    pub fn mutation<I, O>(
        self,
        name: &str,
        access: Access,
        docs: &'static str,
        function: fn(&FunctionCall<S>, I) -> Result<O, S::Error>,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        O: Serialize + JsonSchema + 'static,
    {
        self.register::<I, O>(Signature { name, kind: Kind::Mutation, access, docs }, immediate(function))
    }

    /// Registers a function that waits for something before it answers.
    #[must_use]
    pub fn asynchronous<I, O>(
        self,
        signature: Signature<'_>,
        function: fn(FunctionCall<S>, I) -> FunctionReply<O, S::Error>,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        O: Serialize + JsonSchema + 'static,
    {
        let run = move |call, input| match decode(input) {
            Ok(input) => {
                let reply = function(call, input);
                async move { encode(&reply.await.map_err(Into::into)?) }.boxed()
            }
            Err(error) => ready(Err(error)).boxed(),
        };
        self.register::<I, O>(signature, Function::Call(Box::new(run)))
    }

    /// Registers a stream of events.
    #[must_use]
    pub fn subscription<I, O>(self, name: &str, access: Access, docs: &'static str, function: Watch<S, I, O>) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        O: Serialize + JsonSchema + 'static,
    {
        let start = move |call: FunctionCall<S>, input| {
            let events = function(&call, decode(input)?).map_err(Into::into)?;
            let events = events.map(|(id, data)| encode(&data).map(|data| Event { id, data }));
            // A panic ends the subscription.
            let events = AssertUnwindSafe(events).catch_unwind();
            Ok(Subscription::new(events.map(move |event| event.unwrap_or_else(|_panic| Err(panicked(&call.context))))))
        };
        let signature = Signature { name, kind: Kind::Subscription, access, docs };
        self.register::<I, O>(signature, Function::Subscribe(Box::new(start)))
    }
}

fn immediate<S: State, I, O>(function: fn(&FunctionCall<S>, I) -> Result<O, S::Error>) -> Function<S>
where
    I: DeserializeOwned + 'static,
    O: Serialize + 'static,
{
    let run = move |call: FunctionCall<S>, input| {
        let output = decode(input).and_then(|input| function(&call, input).map_err(Into::into));
        ready(output.and_then(|output| encode(&output))).boxed()
    };
    Function::Call(Box::new(run))
}

/// The error of a function that has panicked. The panic hook has reported where.
fn panicked<C>(context: &Context<C>) -> Error {
    tracing::error!(request_id = context.request_id, "a procedure panicked");
    Error::internal()
}

fn encode<O: Serialize>(output: &O) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(output).map_err(|error| {
        tracing::error!(%error, "an output could not be written");
        Error::internal()
    })
}

/// The service of an application whose procedures are functions of its state `S`.
pub struct Functions<S: State> {
    state: Arc<S>,
    registry: Registry<Function<S>>,
}

impl<S: State> Functions<S> {
    /// Runs the procedures of `registry` on `state`.
    pub fn new(state: S, registry: Registry<Function<S>>) -> Self {
        Self { state: Arc::new(state), registry }
    }

    /// Checks rights and input, and finds the function.
    fn admit(&self, context: &Arc<Context<S::Caller>>, name: &str, input: Input<'_>) -> Result<Admitted<'_, S>> {
        let (procedure, function) = self.registry.get(name).ok_or_else(|| Error::unknown_procedure(name))?;
        self.state.authorize(&context.caller, procedure.access)?;
        let input = procedure.input.check(input).map_err(Error::validation)?;
        Ok(Admitted {
            function,
            input,
            call: FunctionCall { state: Arc::clone(&self.state), context: Arc::clone(context) },
        })
    }
}

struct Admitted<'r, S: State> {
    function: &'r Function<S>,
    input: Value,
    call: FunctionCall<S>,
}

impl<S: State> Service for Functions<S> {
    type Caller = S::Caller;

    async fn call(
        &self,
        context: &Arc<Context<S::Caller>>,
        name: &str,
        input: Input<'_>,
        _: CallOptions<'_>,
    ) -> Answer {
        let Admitted { function, input, call } = match self.admit(context, name, input) {
            Ok(admitted) => admitted,
            Err(error) => return Answer::uncounted(Err(error)),
        };
        let Function::Call(run) = function else {
            return Answer::uncounted(Err(Error::method_not_supported("This is a subscription. Subscribe to it.")));
        };
        let answer = AssertUnwindSafe(async { run(call, input).await }).catch_unwind().await;
        Answer::uncounted(answer.unwrap_or_else(|_panic| Err(panicked(context))))
    }

    async fn subscribe(&self, context: &Arc<Context<S::Caller>>, name: &str, input: Input<'_>) -> Answer<Subscription> {
        let started = self.admit(context, name, input).and_then(|Admitted { function, input, call }| match function {
            Function::Subscribe(start) => {
                let started = catch_unwind(AssertUnwindSafe(|| start(call, input)));
                started.unwrap_or_else(|_panic| Err(panicked(context)))
            }
            Function::Call(_) => Err(Error::method_not_supported("This is not a subscription. Call it.")),
        });
        Answer::uncounted(started)
    }
}
