//! Where calls come in, whatever the wire: finds the procedure, has it run, and notes how that ended.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use futures_util::FutureExt;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tracing::Instrument;

use super::{
    call::Context,
    documents::Documents,
    feed::Feed,
    input::Input,
    invocation::Invocation,
    limiter::{Allowance, Limiter},
    metrics::{Metrics, UNKNOWN},
    procedure::Procedure,
    registry::Registry,
    subscription::Subscription,
};
use crate::{
    config::Limits,
    db::{Database, Timestamp},
    error::{Code, Error, Result, milliseconds},
    stripe::Stripe,
};

/// Runs calls. One per server, shared by all transports.
pub struct Kernel {
    registry: Registry,
    documents: Documents,
    db: Database,
    limiter: Limiter,
    metrics: Metrics,
    stripe: Stripe,
    feed: Feed,
    /// True once the server is stopping.
    draining: watch::Receiver<bool>,
    /// From a call's arrival to its answer.
    timeout: Duration,
    /// Between two looks at who listens to a subscription.
    recheck: Duration,
}

/// The outcome of a call, for a transport to write down.
#[derive(Debug)]
pub struct Answer<T = Box<RawValue>> {
    pub result: Result<T>,
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
        stripe: Stripe,
        limits: &Limits,
        draining: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let documents = Documents::of(&registry)?;
        let (timeout, recheck) = (limits.call_timeout, limits.recheck_interval);
        let feed = Feed::new(limits);
        Ok(Self { registry, documents, db, limiter, metrics, stripe, feed, draining, timeout, recheck })
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

    pub fn stripe(&self) -> &Stripe {
        &self.stripe
    }

    pub(super) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(super) fn draining(&self) -> &watch::Receiver<bool> {
        &self.draining
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn recheck(&self) -> Duration {
        self.recheck
    }

    /// Runs one call of a query or mutation.
    pub async fn call(self: &Arc<Self>, context: &Arc<Context>, name: &str, input: Input<'_>) -> Answer {
        match self.invocation(context, name) {
            Ok(invocation) => self.conclude(&invocation, invocation.run(input)).await,
            Err(error) => Answer { result: Err(error), allowance: None },
        }
    }

    /// Begins one subscription. It misses nothing that is committed after this answer.
    pub async fn subscribe(
        self: &Arc<Self>,
        context: &Arc<Context>,
        name: &str,
        input: Input<'_>,
    ) -> Answer<Subscription> {
        match self.invocation(context, name) {
            Ok(invocation) => self.conclude(&invocation, invocation.subscribe(input)).await,
            Err(error) => Answer { result: Err(error), allowance: None },
        }
    }

    fn invocation(self: &Arc<Self>, context: &Arc<Context>, name: &str) -> Result<Invocation> {
        let started = Instant::now();
        let Some(procedure) = self.registry.get(name) else {
            self.metrics.answered(UNKNOWN, Some(Code::NotFound), started.elapsed());
            tracing::info!(request_id = %context.request_id, code = Code::NotFound.as_str(), "no such procedure");
            return Err(Error::UnknownMethod(name.to_owned()));
        };
        Ok(Invocation {
            kernel: Arc::clone(self),
            procedure: Arc::clone(procedure),
            context: Arc::clone(context),
            now: Timestamp::now(),
            deadline: started + self.timeout,
            allowance: Arc::default(),
        })
    }

    /// Sees the work of an invocation to its end, and notes how that was.
    async fn conclude<T>(&self, invocation: &Invocation, work: impl Future<Output = Result<T>>) -> Answer<T> {
        let (started, procedure) = (Instant::now(), &invocation.procedure);
        let span = tracing::info_span!("call", procedure = procedure.name, request_id = %invocation.context.request_id);
        async {
            // A handler's panic is caught on its database thread; this is for whatever runs here.
            let caught = AssertUnwindSafe(work).catch_unwind().await;
            let result = caught.unwrap_or_else(|_panic| Err(Error::Internal(anyhow!("a call panicked"))));
            self.note(procedure, &result, started.elapsed());
            Answer { result, allowance: invocation.allowance.get().copied().flatten() }
        }
        .instrument(span)
        .await
    }

    fn note<T>(&self, procedure: &Procedure, result: &Result<T>, elapsed: Duration) {
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
