//! The calls of one request, run concurrently, and the response with all their answers.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    call::{ProcedureCall, calls},
    request::{Request, Verb},
    shape::refuse,
    transformer::Transformer,
};
use crate::{
    access::Kind,
    context::{Allowance, Context},
    dates::Dates,
    error::{Error, Result},
    idempotency::IdempotencyKey,
    limits::Limits,
    procedure::SharedProcedure,
    registry::Catalogue,
    service::{Answer, CallOptions, Service},
};

/// The calls of one request.
pub struct Calls<S: Service> {
    pub(super) service: Arc<S>,
    pub(super) context: Arc<Context<S::Caller>>,
    /// How inputs are read.
    pub(super) reads: Transformer,
    /// How the answer is written.
    pub(super) transformer: Transformer,
    pub(super) calls: Vec<ProcedureCall>,
    /// What the client calls the only call.
    key: Option<IdempotencyKey>,
    verb: Verb,
    batch: bool,
    response_bytes: usize,
}

/// The outcome of one call.
pub(super) struct Answered {
    pub path: String,
    pub procedure: Option<SharedProcedure>,
    pub result: Result<Box<RawValue>>,
    allowance: Option<Allowance>,
    replayed: bool,
}

/// A whole response.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status: that of all calls if they agree, else 207.
    pub status: u16,
    /// For METHOD_NOT_SUPPORTED: the methods that would work.
    pub allow: Option<&'static str>,
    /// JSON.
    pub body: Bytes,
    /// The scarcest allowance of the calls.
    pub allowance: Option<Allowance>,
    /// Whether the only call got the kept answer to an earlier one.
    pub replayed: bool,
}

#[derive(Serialize)]
struct Success<'a> {
    result: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    data: &'a RawValue,
}

impl<S: Service> Calls<S> {
    /// Splits a request into calls.
    ///
    /// # Errors
    /// BAD_REQUEST for a batch that is too large, mixes kinds, or has one idempotency key for several calls: the answer to
    /// all of its calls.
    pub fn new(
        service: &Arc<S>,
        catalogue: &Catalogue,
        context: Arc<Context<S::Caller>>,
        request: &Request,
        limits: &Limits,
    ) -> Result<Self> {
        let calls = calls(catalogue, request, limits.batch_entries)?;
        if request.key.is_some() && calls.len() > 1 {
            return Err(IdempotencyKey::is_ambiguous());
        }
        Ok(Self {
            service: Arc::clone(service),
            context,
            reads: request.transformer,
            transformer: request.answer,
            calls,
            key: request.key.clone(),
            verb: request.verb,
            batch: request.batch,
            response_bytes: limits.response_bytes,
        })
    }

    /// Runs all calls and answers when the last one is done.
    pub async fn answer(self) -> Response {
        let mut outcomes = join_all(self.calls.iter().map(|call| self.run(call))).await;
        let body = self.body(&mut outcomes);
        let mut statuses = outcomes.iter().map(Answered::status);
        let first = statuses.next().unwrap_or(200);
        let status = if statuses.all(|status| status == first) { first } else { 207 };
        let allowance = Allowance::scarcest(outcomes.iter().filter_map(|outcome| outcome.allowance));
        let refused = outcomes.iter().find(|outcome| outcome.status() == 405);
        let allow = refused.and_then(|outcome| outcome.procedure.as_ref()).map(|procedure| match procedure.kind {
            Kind::Mutation => "POST",
            Kind::Query | Kind::Subscription => "GET, POST",
        });
        let replayed = outcomes.iter().any(|outcome| outcome.replayed);
        Response { status, allow, body: self.context.share.clone().keep(body), allowance, replayed }
    }

    /// Writes all outcomes. One that can't be written, or does not fit, becomes an error.
    fn body(&self, outcomes: &mut [Answered]) -> String {
        let mut body = String::new();
        for outcome in outcomes {
            let room = self.response_bytes.saturating_sub(body.len());
            let written = self.written(outcome).and_then(|text| match text.get().len() > room {
                true => Err(Error::response_too_large(self.response_bytes)),
                false => Ok(text),
            });
            let text = written.unwrap_or_else(|error| {
                let text = refuse(self.transformer, &error, Some(&outcome.path), &self.context.request_id);
                outcome.result = Err(error);
                text
            });
            if self.batch {
                body.push(if body.is_empty() { '[' } else { ',' });
            }
            body.push_str(text.get());
        }
        if self.batch {
            body.push(']');
        }
        body
    }

    pub(super) async fn run(&self, call: &ProcedureCall) -> Answered {
        let (procedure, path) = (call.procedure.clone(), call.echo().to_owned());
        let answer = match call.accept(self.verb, self.batch) {
            Ok(()) => {
                let options = CallOptions { key: self.key.as_ref(), ..CallOptions::default() };
                let answer = self.service.call(&self.context, &path, call.input(self.reads), options).await;
                answer.within(self.response_bytes, &self.context, procedure.as_ref().map(|known| known.kind))
            }
            Err(error) => {
                let request_id = &self.context.request_id;
                tracing::info!(request_id, code = error.code.as_str(), procedure = path, "invalid call");
                self.service.count_refused(&self.context).await.refuse(error)
            }
        };
        let Answer { result, allowance, replayed } = answer;
        Answered { path, procedure, result, allowance, replayed }
    }

    /// A success as it is written.
    fn written(&self, outcome: &Answered) -> Result<Box<RawValue>> {
        let none = Dates::default();
        let dates = outcome.procedure.as_ref().map_or(&none, |procedure| &procedure.output_dates);
        let output = outcome.result.as_ref().map_err(Clone::clone)?;
        let data = self.transformer.output(output, "", output, dates)?;
        to_raw_value(&Success { result: Data { data: &data } }).map_err(|_never| Error::internal())
    }
}

impl Answered {
    fn status(&self) -> u16 {
        self.result.as_ref().err().map_or(200, |error| error.code.http_status())
    }
}
