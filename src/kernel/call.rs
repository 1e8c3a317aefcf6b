//! What a handler gets, and what it gives back.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{caller::Caller, kernel::Kernel};
use crate::{
    auth::Credential,
    db::{DbConnection, Timestamp},
    error::{Error, Result},
    models::{audit::NewAuditEntry, user::User},
    stripe::Stripe,
};

/// What is left of a call's time for its own words when it has waited for the outside world as long as it could.
const MARGIN: Duration = Duration::from_secs(1);

/// What the edge knows of a request before any procedure is named. Shared by all calls of a batch.
#[derive(Clone, Debug)]
pub struct Context {
    pub request_id: String,
    /// None on a unix socket.
    pub address: Option<IpAddr>,
    pub credential: Credential,
}

/// One call of a synchronous procedure, on a database thread, inside its snapshot or transaction.
pub struct Call<'c> {
    pub conn: &'c mut DbConnection,
    pub(super) caller: Option<&'c Caller>,
    pub stripe: &'c Stripe,
    /// In the log, and in the caller's response.
    pub request_id: &'c str,
    pub now: Timestamp,
}

impl<'c> Call<'c> {
    /// Who is calling.
    ///
    /// # Errors
    /// UNAUTHORIZED in a public procedure, where nobody is looked up.
    pub fn caller(&self) -> Result<&'c User> {
        self.caller.map(|caller| &caller.user).ok_or(Error::Unauthorized("Nobody is signed in."))
    }

    /// Whether the caller is an admin, and uses a token that may be used as one.
    pub fn acts_as_admin(&self) -> bool {
        self.caller.is_some_and(Caller::acts_as_admin)
    }

    /// The user a self-service procedure is about: the caller, also when named.
    ///
    /// # Errors
    /// FORBIDDEN for anybody else.
    pub fn own(&self, user_id: Option<&str>) -> Result<&'c User> {
        let caller = self.caller()?;
        match user_id {
            Some(other) if other != caller.id => Err(Error::Forbidden("You can do this for yourself only.")),
            _ => Ok(caller),
        }
    }
}

/// One call of an asynchronous procedure: it holds no connection while it waits for the outside world.
pub struct AsyncCall {
    pub(super) kernel: Arc<Kernel>,
    pub(super) context: Arc<Context>,
    pub(super) procedure: &'static str,
    pub(super) deadline: Instant,
    pub(super) caller: Option<Caller>,
    pub now: Timestamp,
}

impl AsyncCall {
    /// Who is calling, as of the beginning of the call. None in a public procedure.
    pub fn caller(&self) -> Option<&User> {
        self.caller.as_ref().map(|caller| &caller.user)
    }

    pub fn stripe(&self) -> &Stripe {
        self.kernel.stripe()
    }

    /// By when whoever is asked outside should have answered: a little before the call must be.
    pub fn deadline(&self) -> Instant {
        self.deadline.checked_sub(MARGIN).unwrap_or(self.deadline)
    }

    /// Runs `work` on one snapshot.
    ///
    /// # Errors
    /// Those of `work`, and of [`crate::db::Database::read`].
    pub async fn read<T, W>(&self, mut work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Send + 'static,
    {
        let (caller, now) = (self.caller.clone(), self.now);
        let (kernel, context) = (Arc::clone(&self.kernel), Arc::clone(&self.context));
        let read = move |conn: &mut DbConnection| {
            let (stripe, request_id) = (kernel.stripe(), context.request_id.as_str());
            work(&mut Call { conn, caller: caller.as_ref(), stripe, request_id, now })
        };
        self.kernel.db().read(self.deadline, read).await
    }

    /// Runs `work` in one transaction, together with its audit row. The caller must still be there.
    ///
    /// # Errors
    /// Those of `work`, and of [`crate::db::Database::write`]; UNAUTHORIZED when the caller is gone.
    pub async fn write<T, W>(&self, mut work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<Audited<T>> + Send + 'static,
    {
        let (now, procedure, context) = (self.now, self.procedure, Arc::clone(&self.context));
        let (known, kernel) = (self.caller.clone(), Arc::clone(&self.kernel));
        let transaction = move |conn: &mut DbConnection| {
            let caller = known.as_ref().map(|known| known.again(conn)).transpose()?;
            let (stripe, request_id) = (kernel.stripe(), context.request_id.as_str());
            let mut call = Call { conn, caller: caller.as_ref(), stripe, request_id, now };
            work(&mut call)?.record(&mut call, procedure)
        };
        self.kernel.db().write(self.deadline, transaction).await
    }
}

/// A future that an asynchronous handler returns.
pub type Reply<O> = BoxFuture<'static, Result<O>>;

/// What a mutation returns: its output, and what the audit log says about it. The kernel writes the row.
#[derive(Clone, Debug)]
pub struct Audited<O> {
    pub(super) output: O,
    pub(super) change: Option<Change>,
}

#[derive(Clone, Debug)]
pub(super) struct Change {
    pub entity: &'static str,
    pub entity_id: String,
    pub detail: Value,
}

impl<O> Audited<O> {
    /// Something changed. `detail` must hold no secret: it is kept for ever.
    pub fn changed(output: O, entity: &'static str, entity_id: impl ToString, detail: Value) -> Self {
        Self { output, change: Some(Change { entity, entity_id: entity_id.to_string(), detail }) }
    }

    /// Everything was as asked for already.
    pub fn unchanged(output: O) -> Self {
        Self { output, change: None }
    }

    /// Writes the audit row, in the transaction of the change, and hands out the output.
    pub(super) fn record(self, call: &mut Call<'_>, procedure: &str) -> Result<O> {
        if let Some(change) = self.change {
            NewAuditEntry {
                created_at: call.now,
                actor_id: &call.caller()?.id,
                procedure,
                entity: change.entity,
                entity_id: &change.entity_id,
                detail: &change.detail.to_string(),
                request_id: call.request_id,
            }
            .insert(call.conn)?;
        }
        Ok(self.output)
    }
}
