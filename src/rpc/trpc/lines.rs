//! A batch answered call by call, each as soon as it is done: JSON lines that tRPC's `httpBatchStreamLink` puts together
//! again. A value that is not there yet is a numbered promise; a later line fulfils it.

use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, Stream, StreamExt, once};
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    batch::{Calls, Outcome},
    shape::shape,
};
use crate::{
    error::{Error, Result},
    rpc::dates::Dates,
};

/// A line says that a promise is fulfilled; ours are never rejected, an error is a value too.
const FULFILLED: u8 = 0;
/// What is promised is one value, not a series of them.
const PROMISE: u8 = 0;
/// Stands where a promised value will be.
const PLACEHOLDER: u8 = 0;

impl Calls {
    /// Runs all calls; a text for each that is done, the first for what is to come.
    pub fn lines(self) -> impl Stream<Item = String> + Send + use<> {
        let calls = Arc::new(self);
        let head = calls.head();
        let running = FuturesUnordered::new();
        for (index, call) in calls.calls.iter().enumerate() {
            let (calls, call) = (Arc::clone(&calls), Arc::clone(call));
            running.push(async move { (index, calls.run(&call).await) });
        }
        // Promises of the head have the numbers of their calls.
        let mut next = calls.calls.len();
        let answers = running.map(move |(index, outcome)| {
            let text = calls.lines_of(index, next, &outcome);
            next = next.saturating_add(if outcome.result.is_ok() { 2 } else { 0 });
            text
        });
        once(std::future::ready(head)).chain(answers)
    }

    fn head(&self) -> String {
        let promise = |index| (usize::to_string(&index), json!([[PLACEHOLDER], [null, PROMISE, index]]));
        let head: Map<String, Value> = (0..self.calls.len()).map(promise).collect();
        self.line(self.transformer.dateless(&head))
    }

    /// The lines for one outcome: the call's promise is an object with a promised result, whose data are promised too.
    fn lines_of(&self, index: usize, next: usize, outcome: &Outcome) -> String {
        let output = match &outcome.result {
            Ok(output) => output,
            Err(error) => return self.failure(index, outcome, error),
        };
        let (result, data) = (next, next.saturating_add(1));
        let none = Dates::default();
        let dates = outcome.procedure.as_ref().map_or(&none, |procedure| &procedure.output_dates);
        match self.transformer.output(&(data, FULFILLED, [[output]]), "2.0.0", output, dates) {
            Ok(value) => {
                let promised = |key: &str, id: usize| json!([[{key: PLACEHOLDER}], [key, PROMISE, id]]);
                let mut lines = self.line(self.transformer.dateless(&(index, FULFILLED, promised("result", result))));
                lines += &self.line(self.transformer.dateless(&(result, FULFILLED, promised("data", data))));
                lines + &self.line(Ok(value))
            }
            Err(error) => self.failure(index, outcome, &error),
        }
    }

    fn failure(&self, index: usize, outcome: &Outcome, error: &Error) -> String {
        let shape = shape(error, Some(&outcome.path), &self.context.request_id);
        self.line(self.transformer.dateless(&(index, FULFILLED, [[Failure { error: &shape }]])))
    }

    fn line(&self, value: Result<Box<RawValue>>) -> String {
        match value {
            Ok(value) => format!("{}\n", value.get()),
            Err(error) => {
                tracing::error!(request_id = %self.context.request_id, ?error, "a line could not be written");
                String::new()
            }
        }
    }
}

#[derive(serde::Serialize)]
struct Failure<'a> {
    error: &'a RawValue,
}
