//! The entry point of calls from all wires: finds the procedure, runs it, and records the outcome.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::anyhow;
use futures_util::FutureExt;
use procedures::{Answer, Bucket, Catalogue, Code, Input, Procedure, Service, Subscription, describe::Documents};
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
    fn unknown<T>(&self, context: &Context, name: &str) -> Answer<T> {
        let started = Instant::now();
        let answer = self.count_refused(context).refuse(procedures::Error::unknown_procedure(name));
        let code = answer.result.as_ref().err().map(|error| error.code);
        self.services.metrics.answered(UNKNOWN, code, started.elapsed());
        tracing::info!(request_id = %context.request_id, code = code.map(Code::as_str), "no such procedure");
        answer
    }

    /// Whether the credential of a client was verified: that of an API token a moment ago.
    pub fn knows(&self, client: &Client) -> bool {
        match &client.credential {
            Credential::Jwt(_) => true,
            Credential::ApiToken(token) => self.services.tokens.holder(token).is_some(),
            Credential::Anonymous | Credential::Rejected(_) | Credential::Unverifiable => false,
        }
    }

    /// Looks up the API token of a client, as the first call with it would, so that it is known from the start. Other
    /// credentials need no look-up.
    ///
    /// # Errors
    /// UNAUTHORIZED for an invalid token; TOO_MANY_REQUESTS; those of a read.
    pub async fn introduce(&self, client: &Client) -> Result<()> {
        let Credential::ApiToken(token) = &client.credential else { return Ok(()) };
        let asker = Asker {
            address: client.address,
            bucket: Bucket::READ,
            procedure: HANDSHAKE,
            now: Timestamp::now(),
            deadline: Instant::now() + self.services.timeouts.call,
        };
        self.services.holder(token, asker).await.map(drop).map_err(|refusal| refusal.error)
    }

    fn pipeline(&self, context: &Arc<Context>, name: &str) -> Option<Pipeline<'_>> {
        let started = Instant::now();
        let (procedure, run) = self.registry.get(name)?;
        let invocation = Invocation {
            services: Arc::clone(&self.services),
            procedure: Arc::clone(procedure),
            context: Arc::clone(context),
            now: Timestamp::now(),
            deadline: started + self.services.timeouts.call,
            allowance: Arc::new(OnceLock::new()),
        };
        Some(Pipeline { invocation, run, documents: &self.documents })
    }

    /// Runs the work of an invocation and records the outcome.
    async fn conclude<T>(&self, invocation: &Invocation, work: impl Future<Output = Result<T>>) -> Answer<T> {
        let (started, procedure) = (Instant::now(), &invocation.procedure);
        let span = tracing::info_span!("call", procedure = procedure.name, request_id = invocation.context.request_id);
        async {
            // Panics on database threads are caught there; this catches those of asynchronous code.
            let caught = AssertUnwindSafe(work).catch_unwind().await;
            let result = caught.unwrap_or_else(|_panic| Err(Error::Internal(anyhow!("a call panicked"))));
            self.record(procedure, &result, started.elapsed());
            let allowance = invocation.allowance.get().copied().flatten();
            Answer { result: result.map_err(Into::into), allowance }
        }
        .instrument(span)
        .await
    }

    fn record<T>(&self, procedure: &Procedure, result: &Result<T>, elapsed: Duration) {
        let code = result.as_ref().err().map(Error::code);
        self.services.metrics.answered(procedure.name, code, elapsed);
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

    async fn call(&self, context: &Arc<Context>, name: &str, input: Input<'_>) -> Answer {
        match self.pipeline(context, name) {
            Some(pipeline) => self.conclude(&pipeline.invocation, pipeline.call(input)).await,
            None => self.unknown(context, name),
        }
    }

    async fn subscribe(&self, context: &Arc<Context>, name: &str, input: Input<'_>) -> Answer<Subscription> {
        match self.pipeline(context, name) {
            Some(pipeline) => self.conclude(&pipeline.invocation, pipeline.subscribe(input)).await,
            None => self.unknown(context, name),
        }
    }

    /// Counts a message as a read of the user, if that is known without the database, else of the client address.
    fn count_refused(&self, context: &Context) -> Answer<()> {
        let client = &context.caller;
        let user_id = match &client.credential {
            Credential::Jwt(claims) if !claims.is_expired() => Some(Arc::from(claims.subject.as_str())),
            Credential::ApiToken(token) => self.services.tokens.holder(token),
            _ => None,
        };
        let key = user_id.map_or_else(|| address_key(client.address), |id| user_key(&id));
        let allowance = self.services.limiter.check(Bucket::READ, &key);
        Answer { result: within(allowance).map_err(Into::into), allowance }
    }
}
