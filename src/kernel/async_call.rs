//! The argument of an asynchronous handler.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;

use super::{
    audit::{Audited, Author},
    call::Call,
    caller::Caller,
    client::Context,
    services::Services,
};
use crate::{
    db::{Batch, DbConnection, Timestamp},
    error::Result,
    models::user::User,
    stripe::Stripe,
};

/// The part of a call's time that is reserved for its own work after another service has answered.
const MARGIN: Duration = Duration::from_secs(1);

/// One call of an asynchronous procedure. It holds no database connection while it waits for another service.
pub struct AsyncCall {
    pub(super) services: Arc<Services>,
    pub(super) context: Arc<Context>,
    pub(super) procedure: &'static str,
    pub(super) deadline: Instant,
    pub(super) caller: Option<Caller>,
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
            let (stripe, request_id) = (&services.stripe, context.request_id.as_str());
            work(&mut Call { conn, batch: &mut Batch::default(), caller: caller.as_ref(), stripe, request_id, now })
        };
        self.services.db.read(self.deadline, read).await
    }

    /// Runs `work` in one transaction and writes its audit entry there. The caller is read again and locked.
    ///
    /// # Errors
    /// Those of `work`, and of [`crate::db::Database::write`]; UNAUTHORIZED when the caller was deleted.
    pub async fn write<T, W>(&self, mut work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<Audited<T>> + Send + 'static,
    {
        let (now, procedure, context) = (self.now, self.procedure, Arc::clone(&self.context));
        let (known, services) = (self.caller.clone(), Arc::clone(&self.services));
        let transaction = move |conn: &mut DbConnection| {
            let caller = known.as_ref().map(|known| known.reload(conn)).transpose()?;
            let (stripe, request_id) = (&services.stripe, context.request_id.as_str());
            let batch = &mut Batch::default();
            let mut call = Call { conn, batch, caller: caller.as_ref(), stripe, request_id, now };
            let audited = work(&mut call)?;
            let author = Author { actor: caller.as_ref(), procedure, request_id, now };
            audited.record(call.conn, call.batch, author)
        };
        self.services.db.write(self.deadline, transaction).await
    }
}

/// The future that an asynchronous handler returns.
pub type Reply<O> = BoxFuture<'static, Result<O>>;
