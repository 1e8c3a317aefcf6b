//! The ways in which a procedure runs.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use procedures::{Subscription, describe::Documents};
use serde_json::{Value, value::RawValue};

use super::{
    async_call::AsyncCall,
    audit::Audited,
    call::Call,
    invocation::{Guarded, Invocation},
};
use crate::{
    db::{Batch, NeedOf, Reading},
    error::Result,
};

/// An output as JSON.
pub(super) type EncodedOutput = Box<RawValue>;
/// A handler of a query.
pub(super) type ReadHandler = dyn Fn(&mut Call<'_>, Value) -> Result<EncodedOutput> + Send + Sync;
/// A handler of a mutation.
pub(super) type WriteHandler = dyn Fn(&mut Call<'_>, Value) -> Result<Written> + Send + Sync;
/// The result of a mutation, once its steps are taken.
pub(super) type AfterStep = Box<dyn FnOnce(&mut Batch) -> Result<Audited<EncodedOutput>> + Send>;
/// A handler that runs asynchronously.
pub(super) type AsyncHandler = dyn Fn(AsyncCall, Value) -> BoxFuture<'static, Result<EncodedOutput>> + Send + Sync;
/// Starts a subscription.
pub(super) type SubscriptionStart =
    dyn Fn(Invocation, Value) -> BoxFuture<'static, Result<Guarded<Subscription>>> + Send + Sync;

/// The way in which a procedure runs, with its handler. The types of its input and output are erased.
pub enum Run {
    /// On a read connection.
    Read(Read),
    /// In a write transaction, together with its audit entry.
    Write(Write),
    /// On the asynchronous runtime; the handler runs its own reads and, in a mutation, transactions.
    Async(Arc<AsyncHandler>),
    /// As a subscription, until the client or the server ends it.
    Watch(Arc<SubscriptionStart>),
    /// By returning a document, without access to the database.
    Document(fn(&Documents) -> &RawValue),
}

/// The handler of a query.
#[derive(Clone)]
pub struct Read {
    pub(super) handler: Arc<ReadHandler>,
    /// Whether it is declared to run a single statement, which is consistent without a transaction.
    pub(super) one_statement: bool,
    /// The rows that it needs for its caller's id.
    pub(super) needs: Vec<NeedOf>,
    /// How it reads.
    pub(super) reading: Reading,
}

/// The handler of a mutation.
#[derive(Clone)]
pub struct Write {
    pub(super) handler: Arc<WriteHandler>,
    /// Whether it writes in the steps of a batch only, so that it may run in one transaction with others.
    pub(super) writes_in_steps: bool,
}

/// What a mutation has done.
pub(super) enum Written {
    /// All of it.
    Done(Audited<EncodedOutput>),
    /// Its step waits for those of other calls.
    Waits(AfterStep),
}

impl Run {
    /// Whether the handler is declared to run a single SQL statement, not counting the look-up of the caller.
    pub fn is_one_statement(&self) -> bool {
        matches!(self, Self::Read(Read { one_statement: true, .. }))
    }

    /// Whether the handler is declared to read by filters that its caller chooses.
    pub fn browses(&self) -> bool {
        matches!(self, Self::Read(Read { reading: Reading::Browsing, .. }))
    }
}
