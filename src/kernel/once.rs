//! Asynchronous mutations that were sent with an idempotency key. They use several transactions and other services, so the
//! key is taken before they begin, and they run to their end even if the client is gone.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use futures_util::FutureExt;
use serde_json::Value;
use tokio::time::timeout_at;
use tracing::Instrument;

use super::{
    async_call::AsyncCall,
    caller::Caller,
    idempotency::{Completed, Idempotent, Keyed},
    run::{AsyncHandler, EncodedOutput},
    services::Services,
};
use crate::{
    db::{Company, DbConnection, plain},
    error::{Error, Result},
    traces::Trace,
};

/// How much longer than the time of a call its key is taken, if the server stops meanwhile.
const MARGIN: Duration = Duration::from_secs(5);

/// A call that may run once.
pub(super) struct Once {
    pub services: Arc<Services>,
    pub idempotent: Arc<Idempotent>,
    pub caller: Caller,
    /// When the call must have been answered.
    pub until: Instant,
    /// The trace of the call.
    pub trace: Option<Trace>,
}

impl Once {
    /// Runs the handler, unless there is an answer to an earlier call.
    ///
    /// # Errors
    /// Those of [`Keyed::claim`] and of the handler.
    pub async fn run(self, handler: Arc<AsyncHandler>, call: AsyncCall, input: Value) -> Result<Completed> {
        let longest = self.services.timeouts.call + MARGIN;
        let claim = move |keyed: Keyed<'_>, conn: &mut DbConnection| keyed.claim(conn, longest);
        if let Some(completed) = self.write(call.deadline, claim).await? {
            return Ok(completed);
        }
        let until = self.until;
        let work = async move {
            let reply = AssertUnwindSafe(async move { handler(call, input).await }).catch_unwind();
            let result = match timeout_at(until.into(), reply).await {
                Ok(Ok(result)) => result,
                Ok(Err(_panic)) => Err(Error::Internal(anyhow!("an idempotent call panicked"))),
                Err(_elapsed) => Err(Error::Timeout),
            };
            self.settle(&result).await;
            result.map(Completed::from)
        };
        let running = tokio::spawn(work.in_current_span());
        let ended = timeout_at(until.into(), running).await.map_err(|_elapsed| Error::Timeout)?;
        ended.unwrap_or_else(|error| Err(Error::Internal(error.into())))
    }

    /// Stores the answer unless its last change has done so, or gives the key back. A failure of that is not one of the call.
    async fn settle(&self, result: &Result<EncodedOutput>) {
        if self.idempotent.is_stored() {
            return;
        }
        let deadline = Instant::now() + self.services.timeouts.call;
        let settled = match result {
            Ok(output) => {
                let output = output.clone();
                self.write(deadline, move |keyed, conn| keyed.complete(conn, &output)).await
            }
            Err(_) => self.write(deadline, |keyed, conn| keyed.release(conn)).await,
        };
        if let Err(error) = settled {
            tracing::warn!(error = error.detail(), "could not settle an idempotency key");
        }
    }

    /// Runs `work` in one transaction, with the caller's row locked.
    async fn write<T, W>(&self, deadline: Instant, mut work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(Keyed<'_>, &mut DbConnection) -> Result<T> + Send + 'static,
    {
        let (idempotent, caller) = (Arc::clone(&self.idempotent), self.caller.clone());
        let work = move |conn: &mut DbConnection| {
            let caller = caller.reload(conn)?;
            work(idempotent.of(&caller.user.id), conn)
        };
        self.services.db.write_together(deadline, Company::none(self.trace.clone()), plain(work)).await
    }
}
