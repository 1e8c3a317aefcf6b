//! The entry point of calls from all wires: finds the procedure, runs it, and records the outcome.

use std::{
    fmt::Display,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Instant,
};

use anyhow::anyhow;
use futures_util::FutureExt;
use procedures::{Answer, Bucket, CallOptions, Catalogue, Code, Input, Service, Subscription, describe::Documents};
use tracing::Instrument;

use super::{
    client::{Client, Context},
    documents::documents,
    holder::Asker,
    invocation::Invocation,
    limiter::{address_key, user_key, within},
    metrics::{HANDSHAKE, UNKNOWN},
    pipeline::Pipeline,
    router::Registry,
    services::Services,
};
use crate::{
    auth::Credential,
    db::Timestamp,
    error::{Error, Result, milliseconds},
};

/// Runs calls. One per server, shared by all wires.
pub struct Kernel {
    registry: Registry,
    documents: Documents,
    services: Arc<Services>,
}

impl Kernel {
    /// Runs the procedures of a registry.
    ///
    /// # Errors
    /// When the registry can't be described.
    pub fn new(registry: Registry, services: Services) -> anyhow::Result<Self> {
        let documents = documents(registry.catalogue())?;
        Ok(Self { registry, documents, services: Arc::new(services) })
    }

    /// The procedures that can be called.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        self.registry.catalogue()
    }

    /// The documents of the registry.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// The services that calls share.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The error for a name that no procedure has. It counts, or else guessing would be free.
    async fn unknown<T>(&self, context: &Context, name: &str, id: Option<&(dyn Display + Sync)>) -> Answer<T> {
        let started = Instant::now();
        let trace = self.services.traces.call(None, context.caller.door.as_str(), context.caller.parent.as_ref());
        let answer = self.count_refused(context).await.refuse(procedures::Error::unknown_procedure(name));
        let code = answer.result.as_ref().err().map(|error| error.code);
        let trace_id = trace.as_ref().map(|trace| trace.id());
        if let Some(trace) = trace {
            if let Some(id) = id {
                trace.request(id);
            }
            trace.end(answer.result.as_ref().err().map(|error| (error.code.as_str(), error.number())));
        }
        self.services.metrics.answered(UNKNOWN, code, started, &context.request_id);
        let (request_id, code) = (&context.request_id, code.map(Code::as_str));
        // The wires pass at most 100 characters of it.
        tracing::info!(%request_id, trace_id, code, procedure = name, "no such procedure");
        answer
    }

    /// Whether the credential of a client was verified: an API token or a session a moment ago.
    pub fn knows(&self, client: &Client) -> bool {
        match &client.credential {
            Credential::Jwt(_) => true,
            other => other.stored().is_some_and(|token| self.services.tokens.holder(token).is_some()),
        }
    }

    /// Looks up the API token or the session of a client, as the first call with it would, so that it is known from the start. Other
    /// credentials need no look-up.
    ///
    /// # Errors
    /// UNAUTHORIZED for an invalid token; TOO_MANY_REQUESTS; those of a read.
    pub async fn introduce(&self, client: &Client) -> Result<()> {
        if client.credential.stored().is_none() {
            return Ok(());
        }
        let asker = Asker {
            address: client.address,
            bucket: Bucket::READ,
            procedure: HANDSHAKE,
            now: Timestamp::now(),
            deadline: Instant::now() + self.services.timeouts.call,
        };
        self.services.holder(&client.credential, asker, None).await.map(drop).map_err(|refusal| refusal.error)
    }

    fn pipeline(&self, context: &Arc<Context>, name: &str) -> Option<Pipeline<'_>> {
        let started = Instant::now();
        let (procedure, run) = self.registry.get(name)?;
        let (wire, parent) = (context.caller.door.as_str(), context.caller.parent.as_ref());
        let invocation = Invocation {
            services: Arc::clone(&self.services),
            procedure: Arc::clone(procedure),
            context: Arc::clone(context),
            now: Timestamp::now(),
            deadline: started + self.services.timeouts.call,
            allowance: Arc::new(OnceLock::new()),
            idempotent: None,
            trace: self.services.traces.call(Some(procedure.name), wire, parent),
        };
        Some(Pipeline { invocation, run, documents: &self.documents })
    }

    /// Runs the work of an invocation and records the outcome.
    async fn conclude<T>(&self, invocation: &Invocation, work: impl Future<Output = Result<T>>) -> Answer<T> {
        let started = Instant::now();
        let (procedure, request_id) = (invocation.procedure.name, &invocation.context.request_id);
        let span = match &invocation.trace {
            None => tracing::info_span!("call", procedure, request_id),
            Some(trace) => tracing::info_span!("call", procedure, request_id, trace_id = trace.id()),
        };
        async {
            // Panics on database threads are caught there; this catches those of asynchronous code.
            let caught = AssertUnwindSafe(work).catch_unwind().await;
            let result = caught.unwrap_or_else(|_panic| Err(Error::Internal(anyhow!("a call panicked"))));
            self.record(invocation, &result, started);
            let allowance = invocation.allowance.get().copied().flatten();
            Answer::counted(result.map_err(Into::into), allowance)
        }
        .instrument(span)
        .await
    }

    fn record<T>(&self, invocation: &Invocation, result: &Result<T>, started: Instant) {
        let code = result.as_ref().err().map(Error::code);
        let (procedure, request_id) = (&invocation.procedure, &invocation.context.request_id);
        let elapsed = self.services.metrics.answered(procedure.name, code, started, request_id);
        if let Some(trace) = &invocation.trace {
            trace.end(code.map(|code| (code.as_str(), code.number())));
        }
        if let Some(code) = code.filter(|code| !procedure.may_answer(*code)) {
            tracing::error!(code = code.as_str(), "the procedure does not declare this error");
        }
        let elapsed_ms = milliseconds(elapsed);
        match result {
            Ok(_) => tracing::info!(elapsed_ms, "done"),
            Err(Error::Internal(detail)) => tracing::error!(elapsed_ms, detail = format!("{detail:#}"), "failed"),
            // Somebody may have to look whether it was made.
            Err(Error::OutcomeUnknown) => tracing::error!(elapsed_ms, "the database did not confirm the write"),
            Err(error) => tracing::info!(elapsed_ms, code = error.code().as_str(), "refused"),
        }
    }
}

impl Service for Kernel {
    type Caller = Client;

    async fn call(
        &self,
        context: &Arc<Context>,
        name: &str,
        input: Input<'_>,
        CallOptions { key, id }: CallOptions<'_>,
    ) -> Answer {
        let Some(pipeline) = self.pipeline(context, name) else { return self.unknown(context, name, id).await };
        if let (Some(trace), Some(id)) = (&pipeline.invocation.trace, id) {
            trace.request(id);
        }
        // Boxed, or each of the futures around it would hold and copy it.
        let work = Box::pin(pipeline.call(input, key));
        let Answer { result, allowance, .. } = self.conclude(&pipeline.invocation, work).await;
        let replayed = result.as_ref().is_ok_and(|completed| completed.replayed);
        Answer { result: result.map(|completed| completed.output), allowance, replayed }
    }

    async fn subscribe(&self, context: &Arc<Context>, name: &str, input: Input<'_>) -> Answer<Subscription> {
        match self.pipeline(context, name) {
            Some(pipeline) => self.conclude(&pipeline.invocation, Box::pin(pipeline.subscribe(input))).await,
            None => self.unknown(context, name, None).await,
        }
    }

    /// Counts a message as a read of the user, if that is known without the database, else of the client address.
    async fn count_refused(&self, context: &Context) -> Answer<()> {
        let client = &context.caller;
        let user_id = match &client.credential {
            Credential::Jwt(claims) if !claims.is_expired() => Some(Arc::from(claims.subject.as_str())),
            other => other.stored().and_then(|token| self.services.tokens.holder(token)),
        };
        let key = user_id.map_or_else(|| address_key(client.address), |id| user_key(&id));
        let allowance = self.services.limiter.check(Bucket::READ, &key).await;
        Answer::counted(within(allowance).map_err(Into::into), allowance)
    }
}
