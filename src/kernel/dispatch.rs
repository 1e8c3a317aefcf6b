//! The entry point of calls from all wires: finds the procedure, runs it, and records the outcome.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::anyhow;
use futures_util::FutureExt;
use procedures::{Answer, Catalogue, Code, Input, Procedure, Service, Subscription, describe::Documents};
use tracing::Instrument;

use super::{
    client::{Client, Context},
    documents::documents,
    invocation::Invocation,
    metrics::UNKNOWN,
    pipeline::Pipeline,
    router::Registry,
    services::Services,
};
use crate::{
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

    fn pipeline(&self, context: &Arc<Context>, name: &str) -> Result<Pipeline<'_>, procedures::Error> {
        let started = Instant::now();
        let Some((procedure, run)) = self.registry.get(name) else {
            self.services.metrics.answered(UNKNOWN, Some(Code::NotFound), started.elapsed());
            tracing::info!(request_id = %context.request_id, code = Code::NotFound.as_str(), "no such procedure");
            return Err(procedures::Error::unknown_procedure(name));
        };
        let invocation = Invocation {
            services: Arc::clone(&self.services),
            procedure: Arc::clone(procedure),
            context: Arc::clone(context),
            now: Timestamp::now(),
            deadline: started + self.services.timeouts.call,
            allowance: Arc::new(OnceLock::new()),
        };
        Ok(Pipeline { invocation, run, documents: &self.documents })
    }

    /// Runs the work of an invocation and records the outcome.
    async fn conclude<T>(&self, invocation: &Invocation, work: impl Future<Output = Result<T>>) -> Answer<T> {
        let (started, procedure) = (Instant::now(), &invocation.procedure);
        let span = tracing::info_span!("call", procedure = procedure.name, request_id = %invocation.context.request_id);
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
            Err(error) => tracing::info!(elapsed_ms, code = error.code().as_str(), "refused"),
        }
    }
}

impl Service for Kernel {
    type Caller = Client;

    async fn call(&self, context: &Arc<Context>, name: &str, input: Input<'_>) -> Answer {
        match self.pipeline(context, name) {
            Ok(pipeline) => self.conclude(&pipeline.invocation, pipeline.call(input)).await,
            Err(error) => Answer::uncounted(Err(error)),
        }
    }

    async fn subscribe(&self, context: &Arc<Context>, name: &str, input: Input<'_>) -> Answer<Subscription> {
        match self.pipeline(context, name) {
            Ok(pipeline) => self.conclude(&pipeline.invocation, pipeline.subscribe(input)).await,
            Err(error) => Answer::uncounted(Err(error)),
        }
    }
}
