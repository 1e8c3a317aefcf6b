//! Where calls come in, whatever the wire: finds the procedure, has it run, and notes how that ended.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use futures_util::FutureExt;
use serde_json::value::RawValue;
use tracing::Instrument;

use super::{
    call::Context,
    documents::Documents,
    invocation::Invocation,
    limiter::{Allowance, Limiter},
    metrics::{Metrics, UNKNOWN},
    procedure::Procedure,
    registry::Registry,
};
use crate::{
    db::{Database, Timestamp},
    error::{Code, Error, Result, milliseconds},
};

/// Runs calls. One per server, shared by all transports.
pub struct Kernel {
    registry: Registry,
    documents: Documents,
    db: Database,
    limiter: Limiter,
    metrics: Metrics,
    /// From a call's arrival to its answer.
    timeout: Duration,
}

/// The outcome of a call, for a transport to write down.
#[derive(Debug)]
pub struct Answer {
    pub result: Result<Box<RawValue>>,
    /// None when the bucket is switched off, or the call never got that far.
    pub allowance: Option<Allowance>,
}

impl Kernel {
    /// # Errors
    /// When the registry can't be described.
    pub fn new(
        registry: Registry,
        db: Database,
        limiter: Limiter,
        metrics: Metrics,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let documents = Documents::of(&registry)?;
        Ok(Self { registry, documents, db, limiter, metrics, timeout })
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    pub fn db(&self) -> &Database {
        &self.db
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Runs one call. `params` is the JSON text of its input, if it has one.
    pub async fn call(self: &Arc<Self>, context: &Arc<Context>, name: &str, params: Option<&str>) -> Answer {
        let started = Instant::now();
        let Some(procedure) = self.registry.get(name) else {
            self.metrics.answered(UNKNOWN, Some(Code::NotFound), started.elapsed());
            tracing::info!(request_id = %context.request_id, code = Code::NotFound.as_str(), "no such procedure");
            return Answer { result: Err(Error::UnknownMethod(name.to_owned())), allowance: None };
        };
        let span = tracing::info_span!("call", procedure = procedure.name, request_id = %context.request_id);
        let invocation = Invocation {
            kernel: Arc::clone(self),
            procedure: Arc::clone(procedure),
            context: Arc::clone(context),
            now: Timestamp::now(),
            deadline: started + self.timeout,
            allowance: Arc::default(),
        };
        async {
            // A handler's panic is caught on its database thread; this is for whatever runs here.
            let caught = AssertUnwindSafe(invocation.run(params)).catch_unwind().await;
            let result = caught.unwrap_or_else(|_panic| Err(Error::Internal(anyhow!("a call panicked"))));
            self.note(procedure, &result, started.elapsed());
            Answer { result, allowance: invocation.allowance.get().copied().flatten() }
        }
        .instrument(span)
        .await
    }

    fn note(&self, procedure: &Procedure, result: &Result<Box<RawValue>>, elapsed: Duration) {
        let code = result.as_ref().err().map(Error::code);
        self.metrics.answered(procedure.name, code, elapsed);
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
