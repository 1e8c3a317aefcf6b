//! The guards around one call: who is calling, how often, and whether they may.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use procedures::{Access, Allowance, Input, Issue, SharedProcedure};
use serde_json::Value;

use super::{
    call::Call,
    caller::{self, Caller, Found},
    client::Context,
    limiter::{address_key, user_key},
    services::Services,
};
use crate::{
    auth::Credential,
    db::{self, DbConnection, Timestamp},
    error::{Error, Result},
};

/// A checked input, or what is wrong with it.
pub type Checked = Arc<Result<Value, Vec<Issue>>>;

/// One call in flight. Cheap to clone, because a database thread may have to run it again.
#[derive(Clone)]
pub struct Invocation {
    pub services: Arc<Services>,
    pub procedure: SharedProcedure,
    pub context: Arc<Context>,
    pub now: Timestamp,
    /// When the caller gives up and all work for them ends.
    pub deadline: Instant,
    /// Counted against the limit once, however often the work is run.
    pub allowance: Arc<OnceLock<Option<Allowance>>>,
}

/// The outcome of one attempt.
pub enum Attempt<T> {
    /// The work was done.
    Done(T),
    /// The caller must be created first.
    NoUser,
}

impl Invocation {
    /// Refuses callers without usable credentials, and checks the input. Its issues are reported later, to callers who may
    /// use the procedure.
    ///
    /// # Errors
    /// UNAUTHORIZED; TOO_MANY_REQUESTS.
    pub fn admit(&self, input: Input<'_>) -> Result<Checked> {
        if self.procedure.access != Access::Public {
            let client = &self.context.caller;
            if let Some(refusal) = caller::refusal(&client.credential) {
                // Without a user, calls count by address, so that tokens can't be guessed without limit.
                self.limit(address_key(client.address))?;
                return Err(refusal);
            }
            // A JWT names its user: over the limit, the database is not asked.
            if let Credential::Jwt(claims) = &client.credential {
                self.limit(user_key(&claims.subject))?;
            }
        }
        Ok(Arc::new(self.procedure.input.check(input)))
    }

    /// Runs `attempt`, and once more after creating the user on first sign-in.
    ///
    /// # Errors
    /// Those of `attempt`; UNAUTHORIZED for a deleted user.
    pub async fn with_provisioning<T, F>(&self, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<Attempt<T>>>,
    {
        let mut result = attempt().await;
        if let Ok(Attempt::NoUser) = result {
            result = match self.provision().await {
                Ok(()) => attempt().await,
                Err(error) => Err(error),
            };
        }
        let result = result.and_then(|attempt| match attempt {
            Attempt::Done(output) => Ok(output),
            Attempt::NoUser => Err(caller::GONE),
        });
        if let Err(Error::Unauthorized(_)) = result {
            // The database does not know them either.
            self.limit(address_key(self.context.caller.address))?;
        }
        result
    }

    /// Creates the user of a valid JWT on first sign-in.
    async fn provision(&self) -> Result<()> {
        let Credential::Jwt(claims) = &self.context.caller.credential else { return Err(caller::GONE) };
        let (claims, now) = (Arc::clone(claims), self.now);
        self.services.db.write(self.deadline, move |conn| caller::provision(conn, &claims, now)).await
    }

    /// The same call at a later time, with a deadline of its own.
    pub fn renewed(&self) -> Self {
        Self { now: Timestamp::now(), deadline: Instant::now() + self.services.timeouts.call, ..self.clone() }
    }

    /// Reads for a caller who was admitted before, if they still are.
    ///
    /// # Errors
    /// Those of the guards and of `work`.
    pub async fn again<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Send + 'static,
    {
        if let Some(refusal) = caller::refusal(&self.context.caller.credential) {
            return Err(refusal);
        }
        match self.read(work).await? {
            Attempt::Done(output) => Ok(output),
            Attempt::NoUser => Err(caller::GONE),
        }
    }

    /// Runs guarded work in one snapshot on the primary database.
    ///
    /// # Errors
    /// Those of the guards and of `work`.
    pub async fn read<T, W>(&self, mut work: W) -> Result<Attempt<T>>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Send + 'static,
    {
        let this = self.clone();
        self.services.db.read(self.deadline, move |conn| this.guarded(conn, false, &mut work)).await
    }

    /// Guards a call whose work is not done on the same connection.
    ///
    /// # Errors
    /// Those of the guards.
    pub async fn look_up(&self) -> Result<Attempt<Option<Caller>>> {
        self.read(|call| Ok(call.caller.cloned())).await
    }

    /// The guarded part of a call, on a database thread: who, how often, whether they may, and then the work.
    ///
    /// # Errors
    /// Those of the guards and of `work`.
    pub fn guarded<T>(
        &self,
        conn: &mut DbConnection,
        lock: bool,
        work: impl FnOnce(&mut Call<'_>) -> Result<T>,
    ) -> Result<Attempt<T>> {
        self.counted(|| {
            if self.procedure.access == Access::Public {
                self.limit(address_key(self.context.caller.address))?;
                return work(&mut self.call(conn, None)).map(Attempt::Done);
            }
            let caller = match caller::find(conn, &self.context.caller.credential, lock, self.now)? {
                Found::Caller(caller) => caller,
                Found::NoRow => return Ok(Attempt::NoUser),
            };
            self.limit(user_key(&caller.user.id))?;
            caller::authorize(&caller, self.procedure.access, self.procedure.kind)?;
            work(&mut self.call(conn, Some(&caller))).map(Attempt::Done)
        })
    }

    /// What a handler gets.
    pub fn call<'c>(&'c self, conn: &'c mut DbConnection, caller: Option<&'c Caller>) -> Call<'c> {
        let (stripe, request_id) = (&self.services.stripe, self.context.request_id.as_str());
        Call { conn, caller, stripe, request_id, now: self.now }
    }

    /// Counts the call against the limit of `key`, the first time it is asked to.
    ///
    /// # Errors
    /// TOO_MANY_REQUESTS.
    pub fn limit(&self, key: String) -> Result<()> {
        let allowance = self.allowance.get_or_init(|| self.services.limiter.check(self.procedure.bucket, &key));
        match allowance.and_then(|allowance| allowance.retry_after) {
            Some(retry_after) => Err(Error::TooManyRequests { retry_after }),
            None => Ok(()),
        }
    }

    /// Counts the statements that `work` runs.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn counted<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = db::statements();
        let result = work();
        self.services.metrics.ran(self.procedure.name, db::statements().saturating_sub(before));
        result
    }
}
