//! The steps of a call: count, check the input, find the caller, authorize, report the input's issues, run, audit, encode.
//! The order is fixed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use procedures::{IdempotencyKey, Input, Kind, Subscription, describe::Documents};
use serde_json::{Value, value::RawValue};
use tokio::time::timeout_at;

use super::{
    async_call::AsyncCall,
    audit::{Audited, Author},
    call::Call,
    caller::Caller,
    idempotency::{Completed, Idempotent},
    invocation::{Checked, Guarded, Invocation},
    once::Once,
    run::{AsyncHandler, EncodedOutput, Read, Run, Write, WriteHandler, Written},
};
use crate::{
    db::{Batch, DbConnection, Progress, Reader, log_position},
    error::{Error, Result},
};

/// How long after the deadline an asynchronous procedure may still report the outcome of its last write.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// A call and the way its procedure runs.
pub(super) struct Pipeline<'k> {
    /// The call.
    pub invocation: Invocation,
    /// The way in which its procedure runs.
    pub run: &'k Run,
    /// The generated documents.
    pub documents: &'k Documents,
}

impl Pipeline<'_> {
    /// Runs a call of a query or mutation. A mutation that has run with this `key` before is not run again.
    ///
    /// # Errors
    /// Those of the guards, in their order, and those of the procedure.
    pub async fn call(&self, input: Input<'_>, key: Option<&IdempotencyKey>) -> Result<Completed> {
        let input = self.invocation.admit(input).await?;
        let completed = self.invocation.with_provisioning(|| self.attempt(&input, key)).await;
        if self.invocation.procedure.kind == Kind::Mutation {
            self.invocation.note_write();
        }
        completed
    }

    /// Starts a subscription.
    ///
    /// # Errors
    /// Those of [`Self::call`].
    pub async fn subscribe(&self, input: Input<'_>) -> Result<Subscription> {
        let input = self.invocation.admit(input).await?;
        self.invocation.with_provisioning(|| self.start(&input)).await
    }

    async fn attempt(&self, input: &Checked, key: Option<&IdempotencyKey>) -> Result<Guarded<Completed>> {
        match self.run {
            Run::Document(document) => self.document(*document, input),
            _ if input.is_err() => self.refuse(input).await,
            Run::Read(read) => self.read(read, input).await,
            Run::Write(write) => self.write(write, input, key).await,
            // Boxed, or every call would have room for it, and copy it.
            Run::Async(handler) => Box::pin(self.run_async(handler, input, key)).await,
            Run::Watch(_) => self.wrong_kind("This is a subscription. Subscribe to it.").await,
        }
    }

    async fn start(&self, input: &Checked) -> Result<Guarded<Subscription>> {
        match (self.run, input.as_ref()) {
            (_, Err(_)) => self.refuse(input).await,
            (Run::Watch(start), Ok(input)) => start(self.invocation.clone(), input.clone()).await,
            _ => self.wrong_kind("This is not a subscription. Call it.").await,
        }
    }

    /// Returns a document, without access to the database.
    fn document(&self, document: fn(&Documents) -> &RawValue, input: &Checked) -> Result<Guarded<Completed>> {
        input.as_ref().clone().map_err(Error::Validation)?;
        Ok(Guarded::Done(document(self.documents).to_owned().into()))
    }

    async fn read(
        &self,
        Read { handler, one_statement, needs, reading }: &Read,
        input: &Checked,
    ) -> Result<Guarded<Completed>> {
        let (db, deadline, snapshot) = (&self.invocation.services.db, self.invocation.deadline, !one_statement);
        let (this, handler, input) = (self.invocation.clone(), Arc::clone(handler), Arc::clone(input));
        let input = move || input.as_ref().clone().map_err(Error::Validation);
        if !db.may_try_replica() {
            let company = this.reads(needs, *reading);
            let work = move |conn: &mut DbConnection, batch: &mut Batch| {
                this.guarded(conn, batch, false, |call| handler(call, input()?).map(Completed::from))
                    .map(Progress::Done)
            };
            return db.query(deadline, snapshot, company, work).await;
        }
        // A replica lags behind, so the guards run on the primary database, whose log tells how far behind it may be.
        let asked = Instant::now();
        let look_up = |call: &mut Call<'_>| Ok((call.caller.cloned(), log_position::current(call.conn)?));
        let (caller, position) = match this.read(look_up).await? {
            Guarded::Done(found) => found,
            Guarded::Unprovisioned(lack) => return Ok(Guarded::Unprovisioned(lack)),
        };
        let who = caller.as_ref().map(|caller| caller.user.id.clone());
        let reader = position.map(|position| Reader { who, asked, position });
        let work = move |conn: &mut DbConnection| {
            let batch = &mut Batch::default();
            this.counted(|| handler(&mut this.call(conn, batch, caller.as_ref()), input()?).map(Completed::from))
        };
        let trace = self.invocation.trace.clone();
        db.query_replica(deadline, snapshot, *reading, reader, trace, work).await.map(Guarded::Done)
    }

    async fn write(&self, write: &Write, input: &Checked, key: Option<&IdempotencyKey>) -> Result<Guarded<Completed>> {
        let (this, handler, input) = (self.keyed(input, key), Arc::clone(&write.handler), Arc::clone(input));
        let company = if write.writes_in_steps { this.locks() } else { this.alone() };
        let work = move |conn: &mut DbConnection, batch: &mut Batch| {
            let input = input.as_ref().clone().map_err(Error::Validation);
            let guarded = this.guarded(conn, batch, true, |call| begin(&this, call, &*handler, input?))?;
            Ok(match guarded {
                Guarded::Done(progress) => progress,
                Guarded::Unprovisioned(lack) => Progress::Done(Guarded::Unprovisioned(lack)),
            })
        };
        self.invocation.services.db.write_together(self.invocation.deadline, company, work).await
    }

    async fn run_async(
        &self,
        handler: &Arc<AsyncHandler>,
        input: &Checked,
        key: Option<&IdempotencyKey>,
    ) -> Result<Guarded<Completed>> {
        let this = self.keyed(input, key);
        let caller = match this.look_up().await? {
            Guarded::Done(caller) => caller,
            Guarded::Unprovisioned(lack) => return Ok(Guarded::Unprovisioned(lack)),
        };
        let until = this.deadline + LAST_WRITE;
        let call = AsyncCall {
            services: Arc::clone(&this.services),
            context: Arc::clone(&this.context),
            procedure: this.procedure.name,
            access: this.procedure.access,
            deadline: this.deadline,
            caller,
            idempotent: this.idempotent.clone(),
            trace: this.trace.clone(),
            now: this.now,
        };
        let input = input.as_ref().clone().map_err(Error::Validation)?;
        if let (Some(idempotent), Some(caller)) = (call.idempotent.clone(), call.caller.clone()) {
            let once =
                Once { services: Arc::clone(&this.services), idempotent, caller, until, trace: this.trace.clone() };
            return once.run(Arc::clone(handler), call, input).await.map(Guarded::Done);
        }
        // Database work observes the deadline itself; the extra time is for its outcome to be reported.
        let output = timeout_at(until.into(), handler(call, input)).await;
        output.map_err(|_elapsed| Error::Timeout)?.map(|output| Guarded::Done(output.into()))
    }

    /// The invocation of a mutation, with what it was sent under a key. A query may be repeated without one.
    fn keyed(&self, input: &Checked, key: Option<&IdempotencyKey>) -> Invocation {
        let mut invocation = self.invocation.clone();
        let is_mutation = invocation.procedure.kind == Kind::Mutation;
        if let (Some(key), Ok(input)) = (key.filter(|_| is_mutation), input.as_ref()) {
            invocation.idempotent = Some(Idempotent::new(key, invocation.procedure.name, input, invocation.now));
        }
        invocation
    }

    /// Reports the issues of an input to callers who may use the procedure. A read connection is enough for that.
    async fn refuse<T: Send + 'static>(&self, input: &Checked) -> Result<Guarded<T>> {
        let input = Arc::clone(input);
        let refuse = move |_: &mut Call<'_>| Err(Error::Validation(input.as_ref().clone().err().unwrap_or_default()));
        self.invocation.read(refuse).await
    }

    /// Refuses a call of the wrong kind, which passes the guards and counts like any other.
    async fn wrong_kind<T>(&self, why: &'static str) -> Result<Guarded<T>> {
        match self.invocation.look_up().await? {
            Guarded::Done(_) => Err(Error::MethodNotSupported(why)),
            Guarded::Unprovisioned(lack) => Ok(Guarded::Unprovisioned(lack)),
        }
    }
}

/// Runs the handler of a mutation, writes the audit entry, and stores the answer to a call with a key. If its step waits for
/// those of other calls, all of that happens afterwards. A call that was answered before is answered again.
///
/// # Errors
/// Those of the handler.
fn begin(
    this: &Invocation,
    call: &mut Call<'_>,
    handler: &WriteHandler,
    input: Value,
) -> Result<Progress<Guarded<Completed>>> {
    if let (Some(idempotent), Some(caller)) = (&this.idempotent, call.caller)
        && let Some(completed) = idempotent.of(&caller.user.id).recall(call.conn, call.batch)?
    {
        return Ok(Progress::Done(Guarded::Done(completed)));
    }
    let after = match handler(call, input)? {
        Written::Done(audited) => return end(this, call.conn, call.batch, call.caller, audited),
        Written::Waits(after) => after,
    };
    if !call.batch.is_group() {
        let audited = after(call.batch)?;
        return end(this, call.conn, call.batch, call.caller, audited);
    }
    let (this, caller) = (this.clone(), call.caller.cloned());
    Ok(Progress::Waits(Box::new(move |conn, batch| {
        this.counted(|| {
            let audited = after(batch)?;
            end(&this, conn, batch, caller.as_ref(), audited)
        })
    })))
}

fn end(
    this: &Invocation,
    conn: &mut DbConnection,
    batch: &mut Batch,
    actor: Option<&Caller>,
    audited: Audited<EncodedOutput>,
) -> Result<Progress<Guarded<Completed>>> {
    let (procedure, request_id) = (this.procedure.name, this.context.request_id.as_str());
    let author = Author { actor, client: &this.context.caller, procedure, request_id, now: this.now };
    if let (Some(idempotent), Some(caller)) = (&this.idempotent, actor) {
        idempotent.of(&caller.user.id).store(conn, batch, audited.stored())?;
    }
    let output = audited.record(conn, batch, author)?;
    Ok(Progress::Done(Guarded::Done(output.into())))
}
