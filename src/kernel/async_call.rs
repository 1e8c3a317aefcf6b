//! The argument of an asynchronous handler.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use procedures::{Access, Kind};
use serde::Serialize;

use super::{
    audit::{Audited, Author},
    call::Call,
    caller::{Caller, authorize},
    client::Context,
    idempotency::Idempotent,
    json::encode,
    services::Services,
};
use crate::{
    db::{Batch, Company, DbConnection, Timestamp, plain},
    error::Result,
    models::user::User,
    stripe::Stripe,
    traces::Trace,
};

/// The part of a call's time that is reserved for its own work after another service has answered.
const MARGIN: Duration = Duration::from_secs(1);

/// One call of an asynchronous procedure. It holds no database connection while it waits for another service.
pub struct AsyncCall {
    pub(super) services: Arc<Services>,
    pub(super) context: Arc<Context>,
    pub(super) procedure: &'static str,
    pub(super) access: Access,
    pub(super) deadline: Instant,
    pub(super) caller: Option<Caller>,
    pub(super) idempotent: Option<Arc<Idempotent>>,
    pub(super) trace: Option<Trace>,
    /// When the call arrived.
    pub now: Timestamp,
}

impl AsyncCall {
    /// The caller, as read when the call began. None in a public procedure.
    pub fn caller(&self) -> Option<&User> {
        self.caller.as_ref().map(|caller| &caller.user)
    }

    /// The client of Stripe's API.
    pub fn stripe(&self) -> &Stripe {
        &self.services.stripe
    }

    /// The time by which other services must have answered: one second before the deadline of the call.
    pub fn deadline(&self) -> Instant {
        self.deadline.checked_sub(MARGIN).unwrap_or(self.deadline)
    }

    /// Runs `work` in one snapshot of the database.
    ///
    /// # Errors
    /// Those of `work`, and of [`crate::db::Database::read`].
    pub async fn read<T, W>(&self, mut work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Send + 'static,
    {
        let (caller, now) = (self.caller.clone(), self.now);
        let (services, context) = (Arc::clone(&self.services), Arc::clone(&self.context));
        let read = move |conn: &mut DbConnection| {
            let (stripe, traffic) = (&services.stripe, &services.metrics.traffic);
            let (batch, request_id) = (&mut Batch::default(), context.request_id.as_str());
            work(&mut Call { conn, batch, caller: caller.as_ref(), stripe, traffic, request_id, now })
        };
        self.services.db.query(self.deadline, true, Company::none(self.trace.clone()), plain(read)).await
    }

    /// Runs `work` in one transaction and writes its audit entry there. The caller is read again and locked.
    ///
    /// # Errors
    /// Those of `work`, and of [`crate::db::Database::write`]; UNAUTHORIZED when the caller was deleted, and FORBIDDEN when they
    /// have lost the role that the procedure needs.
    pub async fn write<T, W>(&self, mut work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<Audited<T>> + Send + 'static,
    {
        let (now, procedure, context) = (self.now, self.procedure, Arc::clone(&self.context));
        let access = self.access;
        let (known, services) = (self.caller.clone(), Arc::clone(&self.services));
        let transaction = move |conn: &mut DbConnection| {
            let caller = known.as_ref().map(|known| known.reload(conn)).transpose()?;
            if let Some(caller) = &caller {
                authorize(caller, access, Kind::Mutation)?;
            }
            let (stripe, traffic) = (&services.stripe, &services.metrics.traffic);
            let (batch, request_id) = (&mut Batch::default(), context.request_id.as_str());
            let mut call = Call { conn, batch, caller: caller.as_ref(), stripe, traffic, request_id, now };
            let audited = work(&mut call)?;
            let author = Author { actor: caller.as_ref(), client: &context.caller, procedure, request_id, now };
            audited.record(call.conn, call.batch, author)
        };
        let company = Company::none(self.trace.clone());
        self.services.db.write_together(self.deadline, company, plain(transaction)).await
    }

    /// Writes the audit entry of the last change. In the same transaction it stores `output` as the answer to a call with an
    /// idempotency key, so that a repeated call makes the change once.
    ///
    /// # Errors
    /// Those of [`Self::write`].
    pub async fn finish<O: Serialize>(&self, output: O, change: Audited<()>) -> Result<O> {
        let (encoded, idempotent) = (encode(&output)?, self.idempotent.clone());
        let last = move |call: &mut Call<'_>| {
            if let (Some(idempotent), Some(caller)) = (&idempotent, call.caller) {
                idempotent.of(&caller.user.id).complete(call.conn, &encoded)?;
            }
            Ok(change.clone())
        };
        self.write(last).await?;
        if let Some(idempotent) = &self.idempotent {
            idempotent.note_stored();
        }
        Ok(output)
    }
}

/// The future that an asynchronous handler returns.
pub type Reply<O> = BoxFuture<'static, Result<O>>;
