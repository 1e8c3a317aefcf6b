//! A batch that is answered call by call, in JSON lines, as tRPC's `httpBatchStreamLink` reads them. A value that is not
//! known yet is a numbered promise, which a later line fulfils.

use std::{future::ready, sync::Arc};

use futures_util::stream::{FuturesUnordered, Stream, StreamExt, once};
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    batch::{Answered, Calls},
    shape::{ErrorOnly, shape},
};
use crate::{
    dates::Dates,
    error::{Error, Result},
    service::Service,
};

/// The state of a promise. It is never "rejected": an error is a value too.
const FULFILLED: u8 = 0;
/// The type of a placeholder: one value, not an iterable.
const PROMISE: u8 = 0;
/// Marks the place of a promised value.
const PLACEHOLDER: u8 = 0;

impl<S: Service> Calls<S> {
    /// Runs all calls. The first text announces the promises; then comes one for each call as it is done.
    pub fn lines(self) -> impl Stream<Item = String> + Send + use<S> {
        let calls = Arc::new(self);
        let head = calls.head();
        let running = FuturesUnordered::new();
        for index in 0..calls.calls.len() {
            let calls = Arc::clone(&calls);
            running.push(async move { Some((index, calls.run(calls.calls.get(index)?).await)) });
        }
        // The promises of the head have the numbers of their calls.
        let mut next = calls.calls.len();
        let answers = running.filter_map(ready).map(move |(index, outcome)| {
            let text = calls.lines_of(index, next, &outcome);
            next = next.saturating_add(if outcome.result.is_ok() { 2 } else { 0 });
            text
        });
        once(ready(head)).chain(answers)
    }

    fn head(&self) -> String {
        let promise = |index| (usize::to_string(&index), json!([[PLACEHOLDER], [null, PROMISE, index]]));
        let head: Map<String, Value> = (0..self.calls.len()).map(promise).collect();
        self.line(self.transformer.dateless(&head))
    }

    /// The lines for one outcome: the call's promise is an object with a promised result, whose data are promised too.
    fn lines_of(&self, index: usize, next: usize, outcome: &Answered) -> String {
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

    fn failure(&self, index: usize, outcome: &Answered, error: &Error) -> String {
        let shape = shape(error, Some(&outcome.path), &self.context.request_id);
        self.line(self.transformer.dateless(&(index, FULFILLED, [[ErrorOnly { error: &shape }]])))
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
