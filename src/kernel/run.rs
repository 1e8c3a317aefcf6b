//! How a procedure runs.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use procedures::{Subscription, describe::Documents};
use serde_json::{Value, value::RawValue};

use super::{
    async_call::AsyncCall,
    audit::Audited,
    call::Call,
    invocation::{Attempt, Invocation},
};
use crate::error::Result;

type Output = Box<RawValue>;
pub(super) type Reader = dyn Fn(&mut Call<'_>, Value) -> Result<Output> + Send + Sync;
pub(super) type Writer = dyn Fn(&mut Call<'_>, Value) -> Result<Audited<Output>> + Send + Sync;
pub(super) type Waiter = dyn Fn(AsyncCall, Value) -> BoxFuture<'static, Result<Output>> + Send + Sync;
pub(super) type Starter = dyn Fn(Invocation, Value) -> BoxFuture<'static, Result<Attempt<Subscription>>> + Send + Sync;

/// How a procedure runs. The types of its input and output are erased.
pub enum Run {
    /// On a read connection.
    Read(Read),
    /// In a write transaction, together with its audit row.
    Write(Arc<Writer>),
    /// On the async runtime, with access to the database.
    Async(Arc<Waiter>),
    /// On a read connection at first, and then as long as the client stays.
    Watch(Arc<Starter>),
    /// From the server's documents, without the database.
    Document(fn(&Documents) -> &RawValue),
}

/// A handler that reads.
#[derive(Clone)]
pub struct Read {
    pub(super) handler: Arc<Reader>,
    /// Whether it promises to run a single statement, which needs no transaction to be consistent.
    pub(super) one_statement: bool,
}

impl Run {
    /// Whether it promises to run a single statement besides finding the caller.
    pub fn is_one_statement(&self) -> bool {
        matches!(self, Self::Read(Read { one_statement: true, .. }))
    }
}
