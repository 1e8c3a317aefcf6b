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
    feed::Seat,
    input::Input,
    kernel::Kernel,
    limiter::{Allowance, address_key, user_key},
    procedure::{Access, Procedure, Run},
    subscription::{Subscription, Watcher},
};
use crate::{
    auth::Credential,
    db::{self, DbConnection, Timestamp},
    error::{Error, Issue, Result},
    models::cluster_event::ClusterEvent,
};

/// How long after the deadline an asynchronous procedure may still say how its last write ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A checked input, or what is wrong with it.
type Checked = Arc<Result<Value, Vec<Issue>>>;

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
    pub async fn run(&self, input: Input<'_>) -> Result<Box<RawValue>> {
        let input = self.admit(input)?;
        let first = self.attempt(&input).await;
        self.settle(match self.introduce(matches!(first, Ok(Step::Stranger))).await {
            Ok(true) => self.attempt(&input).await,
            Ok(false) => first,
            Err(error) => Err(error),
        })
    }

    /// # Errors
    /// Those of [`Self::run`]; BAD_REQUEST for a position to resume from that is none.
    pub async fn subscribe(&self, input: Input<'_>) -> Result<Subscription> {
        let input = self.admit(input)?;
        let first = self.begin(&input).await;
        let watcher = self.settle(match self.introduce(matches!(first, Ok(Step::Stranger))).await {
            Ok(true) => self.begin(&input).await,
            Ok(false) => first,
            Err(error) => Err(error),
        });
        watcher.map(Watcher::into_subscription)
    }

    /// Refuses who presents nothing usable, and checks the input.
    fn admit(&self, input: Input<'_>) -> Result<Checked> {
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
        Ok(Arc::new(self.procedure.input.check(input)))
    }

    /// Gives a stranger the row that the next attempt needs. False for everybody else.
    async fn introduce(&self, stranger: bool) -> Result<bool> {
        if !stranger {
            return Ok(false);
        }
        let Credential::Jwt(claims) = &self.context.credential else { return Err(caller::GONE) };
        let (claims, now) = (Arc::clone(claims), self.now);
        self.kernel.db().write(self.deadline, move |conn| caller::provision(conn, &claims, now)).await?;
        Ok(true)
    }

    /// What the last attempt comes to.
    fn settle<T>(&self, step: Result<Step<T>>) -> Result<T> {
        let result = step.and_then(|step| match step {
            Step::Done(output) => Ok(output),
            Step::Stranger => Err(caller::GONE),
        });
        if let Err(Error::Unauthorized(_)) = result {
            // The database has said that it is nobody.
            self.limit(address_key(self.context.address))?;
        }
        result
    }

    async fn attempt(&self, input: &Checked) -> Result<Step<Box<RawValue>>> {
        let (db, deadline, snapshot) = (self.kernel.db(), self.deadline, !self.procedure.one_statement);
        let (this, input) = (self.clone(), Arc::clone(input));
        // Nobody is looked up to discover, and no database is needed.
        if input.is_err() && !matches!(self.procedure.run, Run::Discover) {
            return self.refuse(&input).await;
        }
        let input = move || input.as_ref().clone().map_err(Error::Validation);
        match &self.procedure.run {
            Run::Read(handler) if db.has_replica() => {
                let Step::Done(caller) = self.look_up().await? else { return Ok(Step::Stranger) };
                let handler = Arc::clone(handler);
                let work = move |conn: &mut DbConnection| {
                    this.counted(|| handler(&mut this.call(conn, caller.as_ref()), input()?))
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
                    this.guarded(conn, true, |call| handler(call, input()?)?.record(call, this.procedure.name))
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
            Run::Watch(_) => {
                // A call of the wrong kind is verified and counted like any other.
                let Step::Done(_) = self.look_up().await? else { return Ok(Step::Stranger) };
                Err(Error::MethodNotSupported("This is a subscription: listen to it instead.".into()))
            }
        }
    }

    /// Callers learn what is wrong with an input only where they may use it. The writer is not needed for that.
    async fn refuse<T: Send + 'static>(&self, input: &Checked) -> Result<Step<T>> {
        let (this, input) = (self.clone(), Arc::clone(input));
        let refuse = move |_: &mut Call<'_>| Err(Error::Validation(input.as_ref().clone().err().unwrap_or_default()));
        self.kernel.db().read(self.deadline, move |conn| this.guarded(conn, false, &refuse)).await
    }

    /// Begins a subscription. The seat is taken first: what is committed while we look is not missed.
    async fn begin(&self, input: &Checked) -> Result<Step<Watcher>> {
        if input.is_err() {
            return self.refuse(input).await;
        }
        let Run::Watch(handler) = &self.procedure.run else {
            // A subscription to the wrong kind is verified and counted like any other.
            let Step::Done(_) = self.look_up().await? else { return Ok(Step::Stranger) };
            return Err(Error::MethodNotSupported("This is no subscription: call it instead.".into()));
        };
        let seat = Seat::take(&self.kernel);
        let (this, handler, input) = (self.clone(), Arc::clone(handler), Arc::clone(input));
        let look = move |call: &mut Call<'_>| {
            let watch = handler(call, input.as_ref().clone().map_err(Error::Validation)?)?;
            watch.authorize(call)?;
            Ok((watch, ClusterEvent::newest(call.conn)?))
        };
        match self.kernel.db().read(self.deadline, move |conn| this.guarded(conn, false, &look)).await? {
            Step::Done((watch, newest)) => Watcher::new(self.clone(), watch, seat, newest).map(Step::Done),
            Step::Stranger => Ok(Step::Stranger),
        }
    }

    /// The same call at a later time, with a deadline of its own.
    pub fn renewed(&self) -> Self {
        Self { now: Timestamp::now(), deadline: Instant::now() + self.kernel.timeout(), ..self.clone() }
    }

    /// Does more reading for a caller who was let in before, if they would be let in now.
    ///
    /// # Errors
    /// Those of the guards and of `work`.
    pub async fn again<T, W>(&self, mut work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Call<'_>) -> Result<T> + Send + 'static,
    {
        if let Some(refusal) = caller::refusal(&self.context.credential) {
            return Err(refusal);
        }
        let this = self.clone();
        match self.kernel.db().read(self.deadline, move |conn| this.guarded(conn, false, &mut work)).await? {
            Step::Done(output) => Ok(output),
            Step::Stranger => Err(caller::GONE),
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
                return work(&mut self.call(conn, None)).map(Step::Done);
            }
            let caller = match caller::find(conn, &self.context.credential, lock, self.now)? {
                Found::Caller(caller) => caller,
                Found::Stranger => return Ok(Step::Stranger),
            };
            self.limit(user_key(&caller.user.id))?;
            caller::authorize(&caller, self.procedure.access, self.procedure.kind)?;
            work(&mut self.call(conn, Some(&caller))).map(Step::Done)
        })
    }

    fn call<'c>(&'c self, conn: &'c mut DbConnection, caller: Option<&'c Caller>) -> Call<'c> {
        Call { conn, caller, stripe: self.kernel.stripe(), request_id: &self.context.request_id, now: self.now }
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
