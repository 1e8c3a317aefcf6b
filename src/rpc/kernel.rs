//! The one way through a call: find the procedure, find the caller, authorize, limit, check the input, run, audit, encode.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::anyhow;
use futures_util::FutureExt;
use serde_json::{Value, value::RawValue};
use tracing::Instrument;

use super::{
    call::{AsyncCall, Call, Context},
    caller::{self, Found},
    limiter::{Allowance, Limiter, address_key, user_key},
    metrics::{Metrics, UNKNOWN},
    procedure::{Access, Kind, Procedure, Run},
    registry::Registry,
};
use crate::{
    auth::Credential,
    db::{self, Database, DbConnection, Timestamp},
    error::{Code, Error, Issue, Result, milliseconds},
};

/// Runs calls. One per server, shared by all transports.
pub struct Kernel {
    registry: Registry,
    db: Database,
    limiter: Limiter,
    metrics: Metrics,
    /// For what no database thread times: asynchronous procedures.
    timeout: Duration,
}

/// The outcome of a call, for a transport to write down.
#[derive(Debug)]
pub struct Answer {
    pub result: Result<Box<RawValue>>,
    /// None when the bucket is switched off, or the call never got that far.
    pub allowance: Option<Allowance>,
}

/// A call on its way. Cheap to clone, as a database thread may have to run it again.
#[derive(Clone)]
struct Invocation {
    kernel: Arc<Kernel>,
    procedure: Arc<Procedure>,
    context: Arc<Context>,
    input: Arc<Result<Value, Vec<Issue>>>,
    now: Timestamp,
    /// Counted against the limit once, however often the work is run.
    allowance: Arc<OnceLock<Option<Allowance>>>,
}

/// What one attempt comes to: an answer, or a caller who needs a row first.
enum Step<T> {
    Done(T),
    Stranger,
}

impl Kernel {
    pub fn new(registry: Registry, db: Database, limiter: Limiter, metrics: Metrics, timeout: Duration) -> Self {
        Self { registry, db, limiter, metrics, timeout }
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn db(&self) -> &Database {
        &self.db
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Runs one call. `params` is the JSON text of its input, if it has one.
    pub async fn call(self: &Arc<Self>, context: &Arc<Context>, name: &str, params: Option<&str>) -> Answer {
        let started = Instant::now();
        let Some(procedure) = self.registry.get(name) else {
            self.metrics.answered(UNKNOWN, Some(Code::NotFound), started.elapsed());
            return Answer { result: Err(Error::UnknownMethod(name.to_owned())), allowance: None };
        };
        let span = tracing::info_span!("call", procedure = procedure.name, request_id = %context.request_id);
        let invocation = Invocation {
            kernel: Arc::clone(self),
            procedure: Arc::clone(procedure),
            context: Arc::clone(context),
            input: Arc::new(procedure.input.check(params)),
            now: Timestamp::now(),
            allowance: Arc::default(),
        };
        async {
            // A handler's panic is caught on its database thread; this one is for asynchronous handlers.
            let caught = AssertUnwindSafe(invocation.run()).catch_unwind().await;
            let result =
                caught.unwrap_or_else(|_panic| Err(Error::Internal(anyhow!("an asynchronous handler panicked"))));
            self.note(procedure, &result, started.elapsed());
            Answer { result, allowance: invocation.allowance.get().copied().flatten() }
        }
        .instrument(span)
        .await
    }

    fn note(&self, procedure: &Procedure, result: &Result<Box<RawValue>>, elapsed: Duration) {
        let code = result.as_ref().err().map(Error::code);
        self.metrics.answered(procedure.name, code, elapsed);
        let elapsed_ms = milliseconds(elapsed);
        match result {
            Ok(_) if procedure.kind == Kind::Mutation => tracing::info!(elapsed_ms, "done"),
            Ok(_) => tracing::debug!(elapsed_ms, "done"),
            Err(Error::Internal(detail)) => tracing::error!(elapsed_ms, detail = format!("{detail:#}"), "failed"),
            Err(error) => tracing::info!(elapsed_ms, code = error.code().as_str(), "refused"),
        }
    }

    async fn provision(&self, context: &Arc<Context>, now: Timestamp) -> Result<()> {
        let Credential::Jwt(claims) = &context.credential else { return Err(caller::GONE) };
        let claims = Arc::clone(claims);
        self.db.write(move |conn| caller::provision(conn, &claims, now)).await
    }
}

impl Invocation {
    async fn run(&self) -> Result<Box<RawValue>> {
        if self.procedure.access != Access::Public
            && let Some(refusal) = caller::refusal(&self.context.credential)
        {
            // Nobody to look up: whoever it is counts by address, also when guessing tokens.
            self.limit(address_key(self.context.address))?;
            return Err(refusal);
        }
        let result = self.provisioned().await;
        if let Err(Error::Unauthorized(_)) = result {
            // The same once the database has said that it is nobody.
            self.limit(address_key(self.context.address))?;
        }
        result
    }

    /// Runs the call; a caller without a row gets one first.
    async fn provisioned(&self) -> Result<Box<RawValue>> {
        match self.attempt().await? {
            Step::Done(output) => Ok(output),
            Step::Stranger => {
                // Before the write: a deleted user's token must not keep the writer busy.
                if let Credential::Jwt(claims) = &self.context.credential {
                    self.limit(user_key(&claims.subject))?;
                }
                self.kernel.provision(&self.context, self.now).await?;
                match self.attempt().await? {
                    Step::Done(output) => Ok(output),
                    Step::Stranger => Err(caller::GONE),
                }
            }
        }
    }

    async fn attempt(&self) -> Result<Step<Box<RawValue>>> {
        let db = &self.kernel.db;
        let this = self.clone();
        if let Err(issues) = self.input.as_ref() {
            // Callers learn what is wrong with an input only where they may use it. The writer is not needed for that.
            let issues = issues.clone();
            return db.read(move |conn| this.on_thread(conn, false, |_| Err(Error::Validation(issues.clone())))).await;
        }
        match &self.procedure.run {
            Run::Read(handler) if db.has_replica() => {
                let Step::Done(caller) =
                    db.read(move |conn| this.on_thread(conn, false, |call| Ok(call.caller.cloned()))).await?
                else {
                    return Ok(Step::Stranger);
                };
                let (this, handler) = (self.clone(), Arc::clone(handler));
                let work = move |conn: &mut DbConnection| {
                    this.counted(|| handler(&mut Call { conn, caller: caller.as_ref(), now: this.now }, this.input()?))
                };
                db.query(!self.procedure.one_statement, work).await.map(Step::Done)
            }
            Run::Read(handler) => {
                let handler = Arc::clone(handler);
                let work =
                    move |conn: &mut DbConnection| this.on_thread(conn, false, |call| handler(call, this.input()?));
                db.query(!self.procedure.one_statement, work).await
            }
            Run::Write(handler) => {
                let handler = Arc::clone(handler);
                let work = move |conn: &mut DbConnection| {
                    this.on_thread(conn, true, |call| {
                        let audited = handler(call, this.input()?)?;
                        audited.record(call, this.procedure.name, &this.context.request_id)
                    })
                };
                db.write(work).await
            }
            Run::Async(handler) => {
                let Step::Done(caller) =
                    db.read(move |conn| this.on_thread(conn, false, |call| Ok(call.caller.cloned()))).await?
                else {
                    return Ok(Step::Stranger);
                };
                let call = AsyncCall {
                    kernel: Arc::clone(&self.kernel),
                    context: Arc::clone(&self.context),
                    procedure: self.procedure.name,
                    caller,
                    now: self.now,
                };
                let reply = handler(call, self.input()?);
                let output =
                    tokio::time::timeout(self.kernel.timeout, reply).await.map_err(|_late| Error::Timeout)??;
                Ok(Step::Done(output))
            }
        }
    }

    /// The guarded part of a call, on a database thread: who, whether they may, how often, and then the work.
    fn on_thread<T>(
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
            caller::authorize(&caller, self.procedure.access, self.procedure.kind)?;
            self.limit(user_key(&caller.user.id))?;
            work(&mut Call { conn, caller: Some(&caller.user), now: self.now }).map(Step::Done)
        })
    }

    fn limit(&self, key: String) -> Result<()> {
        let allowance = self.allowance.get_or_init(|| self.kernel.limiter.check(self.procedure.bucket, &key));
        match allowance.and_then(|allowance| allowance.retry_after) {
            Some(retry_after) => Err(Error::TooManyRequests { retry_after }),
            None => Ok(()),
        }
    }

    /// Counts the statements that `work` runs.
    fn counted<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = db::statements();
        let result = work();
        self.kernel.metrics.ran(self.procedure.name, db::statements().saturating_sub(before));
        result
    }

    fn input(&self) -> Result<Value> {
        self.input.as_ref().clone().map_err(Error::Validation)
    }
}
