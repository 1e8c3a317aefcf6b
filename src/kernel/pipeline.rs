//! The steps of a call: count, check the input, find the caller, authorize, report the input's issues, run, audit, encode.
//! The order is fixed.

use std::{sync::Arc, time::Duration};

use procedures::{Input, Subscription, describe::Documents};
use serde_json::{Value, value::RawValue};
use tokio::time::timeout_at;

use super::{
    async_call::AsyncCall,
    audit::{Audited, Author},
    call::Call,
    caller::Caller,
    invocation::{Checked, Guarded, Invocation},
    run::{AsyncHandler, EncodedOutput, Read, Run, Write, WriteHandler, Written},
};
use crate::{
    db::{Batch, Company, DbConnection, Progress, dialect::log_position},
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
    /// Runs a call of a query or mutation.
    ///
    /// # Errors
    /// Those of the guards, in their order, and those of the procedure.
    pub async fn call(&self, input: Input<'_>) -> Result<EncodedOutput> {
        let input = self.invocation.admit(input).await?;
        self.invocation.with_provisioning(|| self.attempt(&input)).await
    }

    /// Starts a subscription.
    ///
    /// # Errors
    /// Those of [`Self::call`].
    pub async fn subscribe(&self, input: Input<'_>) -> Result<Subscription> {
        let input = self.invocation.admit(input).await?;
        self.invocation.with_provisioning(|| self.start(&input)).await
    }

    async fn attempt(&self, input: &Checked) -> Result<Guarded<EncodedOutput>> {
        match self.run {
            Run::Document(document) => self.document(*document, input),
            _ if input.is_err() => self.refuse(input).await,
            Run::Read(read) => self.read(read, input).await,
            Run::Write(write) => self.write(write, input).await,
            Run::Async(handler) => self.run_async(handler, input).await,
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
    fn document(&self, document: fn(&Documents) -> &RawValue, input: &Checked) -> Result<Guarded<EncodedOutput>> {
        input.as_ref().clone().map_err(Error::Validation)?;
        Ok(Guarded::Done(document(self.documents).to_owned()))
    }

    async fn read(
        &self,
        Read { handler, one_statement, needs, reading }: &Read,
        input: &Checked,
    ) -> Result<Guarded<EncodedOutput>> {
        let (db, deadline, snapshot) = (&self.invocation.services.db, self.invocation.deadline, !one_statement);
        let (this, handler, input) = (self.invocation.clone(), Arc::clone(handler), Arc::clone(input));
        let input = move || input.as_ref().clone().map_err(Error::Validation);
        if !db.may_try_replica() {
            let company = this.reads(needs, *reading);
            let work = move |conn: &mut DbConnection, batch: &mut Batch| {
                this.guarded(conn, batch, false, |call| handler(call, input()?)).map(Progress::Done)
            };
            return db.query(deadline, snapshot, company, work).await;
        }
        // A replica lags behind, so the guards run on the primary database, whose log tells how far behind it may be.
        let look_up = |call: &mut Call<'_>| Ok((call.caller.cloned(), log_position(call.conn)?));
        let (caller, position) = match this.read(look_up).await? {
            Guarded::Done(found) => found,
            Guarded::Unprovisioned(lack) => return Ok(Guarded::Unprovisioned(lack)),
        };
        let work = move |conn: &mut DbConnection| {
            let batch = &mut Batch::default();
            this.counted(|| handler(&mut this.call(conn, batch, caller.as_ref()), input()?))
        };
        db.query_replica(deadline, snapshot, *reading, position, work).await.map(Guarded::Done)
    }

    async fn write(&self, write: &Write, input: &Checked) -> Result<Guarded<EncodedOutput>> {
        let (this, handler, input) = (self.invocation.clone(), Arc::clone(&write.handler), Arc::clone(input));
        let company = if write.writes_in_steps { this.locks() } else { Company::default() };
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

    async fn run_async(&self, handler: &Arc<AsyncHandler>, input: &Checked) -> Result<Guarded<EncodedOutput>> {
        let this = &self.invocation;
        let caller = match this.look_up().await? {
            Guarded::Done(caller) => caller,
            Guarded::Unprovisioned(lack) => return Ok(Guarded::Unprovisioned(lack)),
        };
        let call = AsyncCall {
            services: Arc::clone(&this.services),
            context: Arc::clone(&this.context),
            procedure: this.procedure.name,
            deadline: this.deadline,
            caller,
            now: this.now,
        };
        let reply = handler(call, input.as_ref().clone().map_err(Error::Validation)?);
        // Database work observes the deadline itself; the extra time is for its outcome to be reported.
        let output = timeout_at((this.deadline + LAST_WRITE).into(), reply).await;
        output.map_err(|_elapsed| Error::Timeout)?.map(Guarded::Done)
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

/// Runs the handler of a mutation and writes the audit entry. If its step waits for those of other calls, both happen
/// after that.
///
/// # Errors
/// Those of the handler.
fn begin(
    this: &Invocation,
    call: &mut Call<'_>,
    handler: &WriteHandler,
    input: Value,
) -> Result<Progress<Guarded<EncodedOutput>>> {
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
) -> Result<Progress<Guarded<EncodedOutput>>> {
    let (procedure, request_id) = (this.procedure.name, this.context.request_id.as_str());
    let author = Author { actor, procedure, request_id, now: this.now };
    audited.record(conn, batch, author).map(Guarded::Done).map(Progress::Done)
}
