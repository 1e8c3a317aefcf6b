//! The interface between the wires and an application.

use std::{
    fmt,
    future::ready,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use futures_util::stream::{BoxStream, Stream, StreamExt};
use serde_json::value::RawValue;

use crate::{
    access::Kind,
    context::{Allowance, Context},
    error::{Error, Result},
    idempotency::IdempotencyKey,
    input::Input,
};

/// What a message says of its call besides the input.
#[derive(Clone, Copy, Default)]
pub struct CallOptions<'a> {
    /// A mutation that has run with this key before is not run again by a service that keeps answers; any other ignores the
    /// key, and so do queries.
    pub key: Option<&'a IdempotencyKey>,
    /// The id of a JSON-RPC request, for traces.
    pub id: Option<&'a (dyn fmt::Display + Sync)>,
}

/// Runs calls and starts subscriptions. The wires read requests and write responses. The service does everything in
/// between: it finds the procedure, checks rights, limits and the input, and runs it.
pub trait Service: Send + Sync + 'static {
    /// Who is calling, as far as the transport can tell. The default is an anonymous caller.
    type Caller: Clone + Default + Send + Sync + 'static;

    /// Runs one call of a query or mutation. `name` may be unknown.
    fn call(
        &self,
        context: &Arc<Context<Self::Caller>>,
        name: &str,
        input: Input<'_>,
        options: CallOptions<'_>,
    ) -> impl Future<Output = Answer> + Send;

    /// Starts one subscription. Events that happen after this answer are not missed.
    fn subscribe(
        &self,
        context: &Arc<Context<Self::Caller>>,
        name: &str,
        input: Input<'_>,
    ) -> impl Future<Output = Answer<Subscription>> + Send;

    /// Counts a message that runs no procedure, such as one that can't be read, against the caller's limit. By default
    /// nothing is counted.
    fn count_refused(&self, context: &Context<Self::Caller>) -> impl Future<Output = Answer<()>> + Send {
        let _ = context;
        ready(Answer::uncounted(Ok(())))
    }
}

/// The outcome of a call.
#[derive(Debug)]
pub struct Answer<T = Box<RawValue>> {
    /// The output as JSON, or why there is none.
    pub result: Result<T>,
    /// None when the call was not counted against a limit.
    pub allowance: Option<Allowance>,
    /// Whether it is the kept answer to an earlier call with the same idempotency key.
    pub replayed: bool,
}

impl<T> Answer<T> {
    /// An answer, and what is left of the limit that it was counted against.
    pub fn counted(result: Result<T>, allowance: Option<Allowance>) -> Self {
        Self { result, allowance, replayed: false }
    }

    /// An answer of a call that was not counted.
    pub fn uncounted(result: Result<T>) -> Self {
        Self::counted(result, None)
    }
}

impl Answer<()> {
    /// The answer to a message that was refused because of `error`, or because the caller sends too many.
    pub fn refuse<T>(self, error: Error) -> Answer<T> {
        let allowance = self.allowance;
        Answer::counted(Err(self.error_or(error)), allowance)
    }

    /// The error of [`Self::refuse`].
    pub fn error_or(self, error: Error) -> Error {
        self.result.err().unwrap_or(error)
    }
}

impl Answer {
    /// The same answer to a call of `kind`, unless its output has more than `limit` bytes or the server lacks the memory
    /// for it. A mutation is answered in any case, because it was done.
    #[must_use]
    pub fn within<C>(self, limit: usize, context: &Context<C>, kind: Option<Kind>) -> Self {
        let result = self.result.and_then(|output| match output.get().len() {
            _ if kind == Some(Kind::Mutation) => Ok(output),
            bytes if bytes > limit => Err(Error::response_too_large(limit)),
            bytes => context.share.hold(bytes).map(|()| output),
        });
        Self { result, ..self }
    }
}

/// One event of a subscription.
#[derive(Debug)]
pub struct Event {
    /// The position to resume after. None for an event that can't be resumed after.
    pub id: Option<String>,
    /// The event as JSON.
    pub data: Box<RawValue>,
}

/// The input field with the id of the last event that a reconnecting client has seen.
pub const LAST_EVENT_ID: &str = "lastEventId";

/// A stream of events. It ends after an error, or without one when the server stops. It makes no progress while it is
/// not polled.
///
/// ```
/// use futures_util::stream;
/// use procedures::{Event, Subscription};
/// use serde_json::value::RawValue;
///
/// let events = ["1", "2"].map(|id| {
///     let data = RawValue::from_string(id.to_owned()).map_err(|_| procedures::Error::internal())?;
///     Ok(Event { id: Some(id.to_owned()), data })
/// });
/// let subscription = Subscription::new(stream::iter(events));
/// # drop(subscription);
/// ```
pub struct Subscription(BoxStream<'static, Result<Event>>);

impl Subscription {
    /// A subscription that delivers `events`.
    pub fn new(events: impl Stream<Item = Result<Event>> + Send + 'static) -> Self {
        // Nothing follows an error, whatever the stream does.
        let until_error = events.scan(false, |failed, event| {
            let next = (!*failed).then_some(event);
            *failed |= next.as_ref().is_some_and(Result::is_err);
            ready(next)
        });
        Self(until_error.boxed())
    }
}

impl Stream for Subscription {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}
