//! One call's way: find the caller, count it, authorize, check the input, run, audit, encode. Always in this order.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use serde_json::{Value, value::RawValue};
use tokio::time::timeout_at;

use super::{
    call::{AsyncCall, Call, Context},
    caller::{self, Caller, Found},
    kernel::Kernel,
    limiter::{Allowance, address_key, user_key},
    procedure::{Access, Procedure, Run},
};
use crate::{
    auth::Credential,
    db::{self, DbConnection, Timestamp},
    error::{Error, Issue, Result},
};

/// How long after the deadline an asynchronous procedure may still say how its last write ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A checked input, or what is wrong with it.
type Input = Arc<Result<Value, Vec<Issue>>>;

/// A call on its way. Cheap to clone, as a database thread may have to run it again.
#[derive(Clone)]
pub(super) struct Invocation {
    pub kernel: Arc<Kernel>,
    pub procedure: Arc<Procedure>,
    pub context: Arc<Context>,
    pub now: Timestamp,
    /// When the caller gives up, and all work for them ends.
    pub deadline: Instant,
    /// Counted against the limit once, however often the work is run.
    pub allowance: Arc<OnceLock<Option<Allowance>>>,
}

/// What one attempt comes to: an answer, or a caller who needs a row first.
enum Step<T> {
    Done(T),
    Stranger,
}

impl Invocation {
    /// # Errors
    /// Those of the guards, in their order, and those of the procedure.
    pub async fn run(&self, params: Option<&str>) -> Result<Box<RawValue>> {
        if self.procedure.access != Access::Public {
            if let Some(refusal) = caller::refusal(&self.context.credential) {
                // Nobody to look up: whoever it is counts by address, also when guessing tokens.
                self.limit(address_key(self.context.address))?;
                return Err(refusal);
            }
            // A JWT says whose it is: over the limit, no database thread is bothered.
            if let Credential::Jwt(claims) = &self.context.credential {
                self.limit(user_key(&claims.subject))?;
            }
        }
        let input = Arc::new(self.procedure.input.check(params));
        let result = self.provisioned(&input).await;
        if let Err(Error::Unauthorized(_)) = result {
            // The database has said that it is nobody.
            self.limit(address_key(self.context.address))?;
        }
        result
    }

    /// Runs the call; a caller without a row gets one first.
    async fn provisioned(&self, input: &Input) -> Result<Box<RawValue>> {
        if let Step::Done(output) = self.attempt(input).await? {
            return Ok(output);
        }
        let Credential::Jwt(claims) = &self.context.credential else { return Err(caller::GONE) };
        let (claims, now) = (Arc::clone(claims), self.now);
        self.kernel.db().write(self.deadline, move |conn| caller::provision(conn, &claims, now)).await?;
        match self.attempt(input).await? {
            Step::Done(output) => Ok(output),
            Step::Stranger => Err(caller::GONE),
        }
    }

    async fn attempt(&self, input: &Input) -> Result<Step<Box<RawValue>>> {
        let (db, deadline, snapshot) = (self.kernel.db(), self.deadline, !self.procedure.one_statement);
        let (this, input) = (self.clone(), Arc::clone(input));
        if let Err(issues) = input.as_ref() {
            // Callers learn what is wrong with an input only where they may use it. The writer is not needed for that.
            let issues = issues.clone();
            let refuse = move |_: &mut Call<'_>| Err(Error::Validation(issues.clone()));
            return db.read(deadline, move |conn| this.guarded(conn, false, &refuse)).await;
        }
        let input = move || input.as_ref().clone().map_err(Error::Validation);
        match &self.procedure.run {
            Run::Read(handler) if db.has_replica() => {
                let Step::Done(caller) = self.look_up().await? else { return Ok(Step::Stranger) };
                let handler = Arc::clone(handler);
                let work = move |conn: &mut DbConnection| {
                    this.counted(|| handler(&mut Call { conn, caller: caller.as_ref(), now: this.now }, input()?))
                };
                db.query(deadline, snapshot, work).await.map(Step::Done)
            }
            Run::Read(handler) => {
                let handler = Arc::clone(handler);
                let work = move |conn: &mut DbConnection| this.guarded(conn, false, |call| handler(call, input()?));
                db.query(deadline, snapshot, work).await
            }
            Run::Write(handler) => {
                let handler = Arc::clone(handler);
                let work = move |conn: &mut DbConnection| {
                    this.guarded(conn, true, |call| {
                        handler(call, input()?)?.record(call, this.procedure.name, &this.context.request_id)
                    })
                };
                db.write(deadline, work).await
            }
            Run::Discover => {
                self.limit(address_key(self.context.address))?;
                input()?;
                Ok(Step::Done(self.kernel.documents().discovered.clone()))
            }
            Run::Async(handler) => {
                let Step::Done(caller) = self.look_up().await? else { return Ok(Step::Stranger) };
                let call = AsyncCall {
                    kernel: Arc::clone(&self.kernel),
                    context: Arc::clone(&self.context),
                    procedure: self.procedure.name,
                    deadline,
                    caller,
                    now: self.now,
                };
                let reply = handler(call, input()?);
                // Its database work ends at the deadline by itself, and may say how.
                let output = timeout_at((deadline + LAST_WORDS).into(), reply).await;
                output.map_err(|_late| Error::Timeout)?.map(Step::Done)
            }
        }
    }

    /// Guards a call whose work is not done on the same connection.
    async fn look_up(&self) -> Result<Step<Option<Caller>>> {
        let this = self.clone();
        self.kernel
            .db()
            .read(self.deadline, move |conn| this.guarded(conn, false, |call| Ok(call.caller.cloned())))
            .await
    }

    /// The guarded part of a call, on a database thread: who, how often, whether they may, and then the work.
    fn guarded<T>(
        &self,
        conn: &mut DbConnection,
        lock: bool,
        work: impl FnOnce(&mut Call<'_>) -> Result<T>,
    ) -> Result<Step<T>> {
        self.counted(|| {
            if self.procedure.access == Access::Public {
                self.limit(address_key(self.context.address))?;
                return work(&mut Call { conn, caller: None, now: self.now }).map(Step::Done);
            }
            let caller = match caller::find(conn, &self.context.credential, lock, self.now)? {
                Found::Caller(caller) => caller,
                Found::Stranger => return Ok(Step::Stranger),
            };
            self.limit(user_key(&caller.user.id))?;
            caller::authorize(&caller, self.procedure.access, self.procedure.kind)?;
            work(&mut Call { conn, caller: Some(&caller), now: self.now }).map(Step::Done)
        })
    }

    /// Counts the call, the first time it is asked to.
    fn limit(&self, key: String) -> Result<()> {
        let allowance = self.allowance.get_or_init(|| self.kernel.limiter().check(self.procedure.bucket, &key));
        match allowance.and_then(|allowance| allowance.retry_after) {
            Some(retry_after) => Err(Error::TooManyRequests { retry_after }),
            None => Ok(()),
        }
    }

    /// Counts the statements that `work` runs.
    fn counted<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = db::statements();
        let result = work();
        self.kernel.metrics().ran(self.procedure.name, db::statements().saturating_sub(before));
        result
    }
}
