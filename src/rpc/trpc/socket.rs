//! Calls and subscriptions in tRPC's WebSocket dialect, on one socket.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Transformer,
    message::{Call, Outcome, STOPPED, failure},
    request::{echo, input, resume},
};
use crate::{
    error::{Error, Result},
    rpc::{
        call::Context,
        input::Input,
        kernel::Kernel,
        procedure::{Kind, Procedure},
        subscription::{Event, Subscription},
    },
};

/// The dialect on one socket.
#[derive(Clone)]
pub struct Dialect {
    pub kernel: Arc<Kernel>,
    pub transformer: Transformer,
    pub response_bytes: usize,
}

/// What a call comes to.
pub struct Reply {
    pub text: String,
    /// What follows, if it is a subscription.
    pub topic: Option<(Topic, Subscription)>,
}

/// What a subscription's messages have in common.
pub struct Topic {
    call: Call,
    procedure: Arc<Procedure>,
    dialect: Dialect,
    request_id: String,
}

/// An event and its id, as tRPC's `tracked()` makes one value of them.
#[derive(Serialize)]
struct Tracked<'a> {
    id: &'a str,
    data: &'a RawValue,
}

impl Dialect {
    /// Answers one call.
    pub async fn answer(self, context: Arc<Context>, call: Call) -> Reply {
        let refuse = |call: &Call, error: &Error| Reply {
            text: call.failure(self.transformer, error, &context.request_id),
            topic: None,
        };
        let path = echo(&call.path);
        let Some(procedure) = self.kernel.registry().get(&call.path).cloned() else {
            let answer = self.kernel.call(&context, path, Input::Text(None)).await;
            return refuse(&call, &answer.result.err().unwrap_or(Error::UnknownMethod(path.to_owned())));
        };
        if procedure.kind.as_str() != call.kind {
            return refuse(&call, &Error::UnknownMethod(path.to_owned()));
        }
        let text = call.input.as_deref().map(RawValue::get);
        let input = input(self.transformer, text, &procedure);
        if procedure.kind == Kind::Subscription {
            let input = resume(input, call.last_event_id.as_deref());
            return match self.kernel.subscribe(&context, &call.path, input).await.result {
                Ok(subscription) => {
                    let text = call.success(Outcome { r#type: "started", ..Outcome::default() });
                    let request_id = context.request_id.clone();
                    Reply { text, topic: Some((Topic { call, procedure, dialect: self, request_id }, subscription)) }
                }
                Err(error) => refuse(&call, &error),
            };
        }
        let output = self.kernel.call(&context, &call.path, input).await.result.and_then(|output| {
            match output.get().len() > self.response_bytes {
                true => Err(Error::response_too_large(self.response_bytes)),
                false => self.transformer.output(&output, "", &output, &procedure.output_dates),
            }
        });
        match output {
            Ok(data) => {
                let text = call.success(Outcome { r#type: "data", data: Some(&data), ..Outcome::default() });
                Reply { text, topic: None }
            }
            Err(error) => refuse(&call, &error),
        }
    }

    /// The answer to a message of which nothing could be made.
    pub fn refuse(&self, error: &Error, request_id: &str) -> String {
        failure(self.transformer, (RawValue::NULL, false), error, None, request_id)
    }
}

impl Topic {
    pub fn id(&self) -> &str {
        self.call.id()
    }

    /// The message for an event.
    ///
    /// # Errors
    /// INTERNAL_SERVER_ERROR when it can't be written.
    pub fn event(&self, event: &Event) -> Result<String> {
        let (transformer, dates) = (self.dialect.transformer, &self.procedure.output_dates);
        let data = match event.id.as_deref() {
            Some(id) => transformer.output(&Tracked { id, data: &event.data }, "data", &event.data, dates),
            None => transformer.output(&event.data, "", &event.data, dates),
        }?;
        Ok(self.call.success(Outcome { r#type: "data", id: event.id.as_deref(), data: Some(&data) }))
    }

    /// The messages that end a subscription, as tRPC sends them: what was wrong, and that it is over.
    pub fn end(&self, error: &Error) -> Vec<String> {
        let failure = self.call.failure(self.dialect.transformer, error, &self.request_id);
        vec![failure, self.call.success(STOPPED)]
    }
}
