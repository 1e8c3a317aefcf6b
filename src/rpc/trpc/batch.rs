//! The calls of one request, run side by side, and their answers: one, an array, or a line as each is ready.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Transformer, Verb,
    request::{Call, Request, calls},
    shape::refuse,
};
use crate::{
    config::Limits,
    error::{Error, Result},
    rpc::{
        call::Context,
        dates::Dates,
        kernel::Kernel,
        limiter::Allowance,
        procedure::{Kind, Procedure},
    },
};

/// The calls of one request.
pub struct Calls {
    pub(super) kernel: Arc<Kernel>,
    pub(super) context: Arc<Context>,
    pub(super) transformer: Transformer,
    verb: Verb,
    batch: bool,
    pub(super) calls: Vec<Arc<Call>>,
    response_bytes: usize,
    pub(super) last_event_id: Option<String>,
    /// Between two signs of life on a stream of events.
    pub(super) ping: Duration,
}

/// What one call came to.
pub(super) struct Outcome {
    pub path: String,
    pub procedure: Option<Arc<Procedure>>,
    pub result: Result<Box<RawValue>>,
    allowance: Option<Allowance>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status of HTTP: that of all calls if they agree, else 207.
    pub status: u16,
    /// For METHOD_NOT_SUPPORTED: the method that would do.
    pub allow: Option<&'static str>,
    pub body: String,
    /// The scarcest allowance that the calls left their caller.
    pub allowance: Option<Allowance>,
}

#[derive(Serialize)]
struct Success<'a> {
    result: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    data: &'a RawValue,
}

impl Calls {
    /// # Errors
    /// BAD_REQUEST for a batch that is too large or mixes kinds: the answer to all of its calls.
    pub fn new(kernel: &Arc<Kernel>, context: Arc<Context>, request: &Request<'_>, limits: &Limits) -> Result<Self> {
        Ok(Self {
            kernel: Arc::clone(kernel),
            context,
            transformer: request.transformer,
            verb: request.verb,
            batch: request.batch,
            calls: calls(kernel, request, limits.batch_entries)?,
            response_bytes: limits.response_bytes,
            last_event_id: request.last_event_id.map(str::to_owned),
            ping: limits.ping_interval,
        })
    }

    /// Whether the answer is a stream of events.
    pub fn subscribes(&self) -> bool {
        let subscribes =
            |call: &Arc<Call>| call.procedure.as_ref().is_some_and(|found| found.kind == Kind::Subscription);
        !self.batch && self.calls.iter().any(subscribes)
    }

    /// Runs all calls and answers when the last of them is done.
    pub async fn answer(self) -> Answer {
        let outcomes = join_all(self.calls.iter().map(|call| self.run(call))).await;
        let mut statuses = outcomes.iter().map(Outcome::status);
        let first = statuses.next().unwrap_or(200);
        let status = if statuses.all(|status| status == first) { first } else { 207 };
        let allowance = outcomes.iter().filter_map(|outcome| outcome.allowance).min_by_key(|left| left.remaining);
        let refused = outcomes.iter().find(|outcome| outcome.status() == 405);
        let allow = refused.and_then(|outcome| outcome.procedure.as_ref()).map(|procedure| match procedure.kind {
            Kind::Mutation => "POST",
            Kind::Query | Kind::Subscription => "GET, POST",
        });
        let mut body = String::new();
        for outcome in outcomes {
            let mut text = self.written(&outcome);
            if body.len().saturating_add(text.get().len()) > self.response_bytes {
                let error = Error::response_too_large(self.response_bytes);
                text = refuse(self.transformer, &error, Some(&outcome.path), &self.context.request_id);
            }
            if self.batch {
                body.push(if body.is_empty() { '[' } else { ',' });
            }
            body.push_str(text.get());
        }
        if self.batch {
            body.push(']');
        }
        Answer { status, allow, body, allowance }
    }

    pub(super) async fn run(&self, call: &Call) -> Outcome {
        let (procedure, path) = (call.procedure.clone(), call.echo().to_owned());
        if let Err(error) = call.accept(self.verb, self.batch) {
            tracing::info!(request_id = %self.context.request_id, code = error.code().as_str(), "not a call");
            return Outcome { path, procedure, result: Err(error), allowance: None };
        }
        let answer = self.kernel.call(&self.context, &path, call.input(self.transformer)).await;
        let result = answer.result.and_then(|output| match output.get().len() > self.response_bytes {
            true => Err(Error::response_too_large(self.response_bytes)),
            false => Ok(output),
        });
        Outcome { path, procedure, result, allowance: answer.allowance }
    }

    /// An outcome as it stands in an answer.
    fn written(&self, outcome: &Outcome) -> Box<RawValue> {
        let none = Dates::default();
        let dates = outcome.procedure.as_ref().map_or(&none, |procedure| &procedure.output_dates);
        let written = outcome.result.as_ref().map(|output| {
            let data = self.transformer.output(output, "", output, dates)?;
            to_raw_value(&Success { result: Data { data: &data } }).map_err(|why| Error::Internal(why.into()))
        });
        let refuse = |error: &Error| refuse(self.transformer, error, Some(&outcome.path), &self.context.request_id);
        match written {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => refuse(&error),
            Err(error) => refuse(error),
        }
    }
}

impl Outcome {
    fn status(&self) -> u16 {
        self.result.as_ref().err().map_or(200, |error| error.code().http_status())
    }
}
