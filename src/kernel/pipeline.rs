//! One call's way: admit, find the caller, count, authorize, check the input, run, audit, encode. Always in this order.

use std::{sync::Arc, time::Duration};

use procedures::{Input, Subscription, describe::Documents};
use serde_json::value::RawValue;
use tokio::time::timeout_at;

use super::{
    async_call::AsyncCall,
    call::Call,
    invocation::{Attempt, Checked, Invocation},
    limiter::address_key,
    run::{Read, Run, Waiter, Writer},
};
use crate::{
    db::DbConnection,
    error::{Error, Result},
};

/// How long after the deadline an asynchronous procedure may still report how its last write ended.
const LAST_WRITE: Duration = Duration::from_secs(1);

type Output = Box<RawValue>;

/// A call and how it runs.
pub(super) struct Pipeline<'k> {
    pub invocation: Invocation,
    pub run: &'k Run,
    pub documents: &'k Documents,
}

impl Pipeline<'_> {
    /// Runs a call of a query or mutation.
    ///
    /// # Errors
    /// Those of the guards, in their order, and those of the procedure.
    pub async fn call(&self, input: Input<'_>) -> Result<Output> {
        let input = self.invocation.admit(input)?;
        self.invocation.with_provisioning(|| self.attempt(&input)).await
    }

    /// Starts a subscription.
    ///
    /// # Errors
    /// Those of [`Self::call`].
    pub async fn subscribe(&self, input: Input<'_>) -> Result<Subscription> {
        let input = self.invocation.admit(input)?;
        self.invocation.with_provisioning(|| self.start(&input)).await
    }

    async fn attempt(&self, input: &Checked) -> Result<Attempt<Output>> {
        match self.run {
            Run::Document(document) => self.document(*document, input),
            _ if input.is_err() => self.refuse(input).await,
            Run::Read(read) => self.read(read, input).await,
            Run::Write(handler) => self.write(handler, input).await,
            Run::Async(handler) => self.wait(handler, input).await,
            Run::Watch(_) => self.wrong_kind("This is a subscription. Subscribe to it.").await,
        }
    }

    async fn start(&self, input: &Checked) -> Result<Attempt<Subscription>> {
        match (self.run, input.as_ref()) {
            (_, Err(_)) => self.refuse(input).await,
            (Run::Watch(start), Ok(input)) => start(self.invocation.clone(), input.clone()).await,
            _ => self.wrong_kind("This is not a subscription. Call it.").await,
        }
    }

    /// Answers without the database.
    fn document(&self, document: fn(&Documents) -> &RawValue, input: &Checked) -> Result<Attempt<Output>> {
        self.invocation.limit(address_key(self.invocation.context.caller.address))?;
        input.as_ref().clone().map_err(Error::Validation)?;
        Ok(Attempt::Done(document(self.documents).to_owned()))
    }

    async fn read(&self, Read { handler, one_statement }: &Read, input: &Checked) -> Result<Attempt<Output>> {
        let (db, deadline, snapshot) = (&self.invocation.services.db, self.invocation.deadline, !one_statement);
        let (this, handler, input) = (self.invocation.clone(), Arc::clone(handler), Arc::clone(input));
        let input = move || input.as_ref().clone().map_err(Error::Validation);
        if !db.has_replica() {
            let work = move |conn: &mut DbConnection| this.guarded(conn, false, |call| handler(call, input()?));
            return db.query(deadline, snapshot, work).await;
        }
        // A replica lags behind: whether the caller may is asked of the primary.
        let Attempt::Done(caller) = this.look_up().await? else { return Ok(Attempt::NoUser) };
        let work =
            move |conn: &mut DbConnection| this.counted(|| handler(&mut this.call(conn, caller.as_ref()), input()?));
        db.query(deadline, snapshot, work).await.map(Attempt::Done)
    }

    async fn write(&self, handler: &Arc<Writer>, input: &Checked) -> Result<Attempt<Output>> {
        let (this, handler, input) = (self.invocation.clone(), Arc::clone(handler), Arc::clone(input));
        let work = move |conn: &mut DbConnection| {
            let input = input.as_ref().clone().map_err(Error::Validation);
            this.guarded(conn, true, |call| handler(call, input?)?.record(call, this.procedure.name))
        };
        self.invocation.services.db.write(self.invocation.deadline, work).await
    }

    async fn wait(&self, handler: &Arc<Waiter>, input: &Checked) -> Result<Attempt<Output>> {
        let this = &self.invocation;
        let Attempt::Done(caller) = this.look_up().await? else { return Ok(Attempt::NoUser) };
        let call = AsyncCall {
            services: Arc::clone(&this.services),
            context: Arc::clone(&this.context),
            procedure: this.procedure.name,
            deadline: this.deadline,
            caller,
            now: this.now,
        };
        let reply = handler(call, input.as_ref().clone().map_err(Error::Validation)?);
        // Its database work observes the deadline by itself, and then knows how it ended.
        let output = timeout_at((this.deadline + LAST_WRITE).into(), reply).await;
        output.map_err(|_elapsed| Error::Timeout)?.map(Attempt::Done)
    }

    /// Reports the issues of an input, to callers who may use the procedure. A write connection is not needed for that.
    async fn refuse<T: Send + 'static>(&self, input: &Checked) -> Result<Attempt<T>> {
        let input = Arc::clone(input);
        let refuse = move |_: &mut Call<'_>| Err(Error::Validation(input.as_ref().clone().err().unwrap_or_default()));
        self.invocation.read(refuse).await
    }

    /// A call of the wrong kind is verified and counted like any other.
    async fn wrong_kind<T>(&self, why: &'static str) -> Result<Attempt<T>> {
        match self.invocation.look_up().await? {
            Attempt::Done(_) => Err(Error::MethodNotSupported(why)),
            Attempt::NoUser => Ok(Attempt::NoUser),
        }
    }
}
