//! Answers to the calls and subscriptions of a tRPC WebSocket.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    call::{input, resume},
    message::{ResultBody, STOPPED, Sender, SocketCall},
    transformer::Transformer,
};
use crate::{
    access::Kind,
    context::Context,
    echo::echo,
    error::{Error, Result},
    input::Input,
    procedure::SharedProcedure,
    registry::Catalogue,
    service::{Answer, CallOptions, Event, Service, Subscription},
};

/// Runs the calls of one socket.
pub struct Responder<S> {
    /// Runs them.
    pub service: Arc<S>,
    /// What can be called.
    pub catalogue: Arc<Catalogue>,
    /// How values are written, unless a call asks for plain JSON.
    pub transformer: Transformer,
    /// Bytes of a response.
    pub response_bytes: usize,
}

/// The answer to a call.
pub struct Response {
    /// The message.
    pub text: String,
    /// What follows it, if it is a subscription.
    pub started: Option<Started>,
}

/// A subscription and how its events are written.
pub struct Started {
    /// How they are written.
    pub topic: Topic,
    /// The events.
    pub events: Subscription,
}

/// What the messages of one subscription have in common. It lives as long as the subscription and therefore does not hold
/// the call, whose input can be as large as a message.
pub struct Topic {
    sender: Sender,
    /// The name that was called.
    path: String,
    procedure: SharedProcedure,
    transformer: Transformer,
    request_id: String,
}

/// An event with its id, in the form of tRPC's `tracked()`.
#[derive(Serialize)]
struct Tracked<'a> {
    id: &'a str,
    data: &'a RawValue,
}

impl<S: Service> Responder<S> {
    /// Answers one call.
    pub async fn answer(&self, context: Arc<Context<S::Caller>>, call: SocketCall) -> Response {
        let (request_id, transformer) = (context.request_id.clone(), call.transformer(self.transformer));
        let failed = |call: &SocketCall, error: &Error| Response {
            text: call.sender.failure(transformer, error, Some(&call.path), &request_id),
            started: None,
        };
        let Some(procedure) = self.catalogue.get(&call.path).cloned() else {
            let path = echo(&call.path);
            let answer = self.service.call(&context, path, Input::Text(None), CallOptions::default()).await;
            return failed(&call, &answer.result.err().unwrap_or_else(|| Error::unknown_procedure(path)));
        };
        if procedure.kind != call.kind {
            let unknown = Error::unknown_procedure(&call.path);
            return failed(&call, &self.service.count_refused(&context).await.error_or(unknown));
        }
        if procedure.kind == Kind::Subscription {
            return match self.subscribe(&context, &call, &procedure).await {
                Ok(events) => {
                    let text = call.sender.success(ResultBody { r#type: "started", ..ResultBody::default() });
                    let SocketCall { sender, path, .. } = call;
                    let topic = Topic { sender, path, procedure, transformer, request_id };
                    Response { text, started: Some(Started { topic, events }) }
                }
                Err(error) => failed(&call, &error),
            };
        }
        match self.call(&context, &call, &procedure, transformer).await {
            Ok((data, replayed)) => {
                let result = ResultBody { r#type: "data", data: Some(&data), replayed, ..ResultBody::default() };
                Response { text: call.sender.success(result), started: None }
            }
            Err(error) => failed(&call, &error),
        }
    }

    /// The output as it is written, and whether it is a kept one.
    async fn call(
        &self,
        context: &Arc<Context<S::Caller>>,
        call: &SocketCall,
        procedure: &SharedProcedure,
        answer: Transformer,
    ) -> Result<(Box<RawValue>, bool)> {
        let input = input(self.transformer, call.input.as_deref().map(RawValue::get), procedure);
        let key = call.key.as_ref().ok().and_then(Option::as_ref);
        let options = CallOptions { key, ..CallOptions::default() };
        let outcome = self.service.call(context, &call.path, input, options).await;
        let Answer { result, replayed, .. } = outcome.within(self.response_bytes, context, Some(procedure.kind));
        let output = result?;
        Ok((answer.output(&output, "", &output, &procedure.output_dates)?, replayed))
    }

    async fn subscribe(
        &self,
        context: &Arc<Context<S::Caller>>,
        call: &SocketCall,
        procedure: &SharedProcedure,
    ) -> Result<Subscription> {
        let input = input(self.transformer, call.input.as_deref().map(RawValue::get), procedure);
        let input = resume(input, call.last_event_id.as_deref());
        self.service.subscribe(&context.lasting(), &call.path, input).await.result
    }
}

impl Topic {
    /// The message about an event.
    ///
    /// # Errors
    /// INTERNAL_SERVER_ERROR when it can't be written.
    pub fn event(&self, event: &Event) -> Result<String> {
        let (transformer, dates) = (self.transformer, &self.procedure.output_dates);
        let data = match event.id.as_deref() {
            Some(id) => transformer.output(&Tracked { id, data: &event.data }, "data", &event.data, dates),
            None => transformer.output(&event.data, "", &event.data, dates),
        }?;
        Ok(self.sender.success(ResultBody {
            r#type: "data",
            id: event.id.as_deref(),
            data: Some(&data),
            replayed: false,
        }))
    }

    /// The messages that end a subscription after an error, as tRPC sends them.
    pub fn end(&self, error: &Error) -> Vec<String> {
        let failure = self.sender.failure(self.transformer, error, Some(&self.path), &self.request_id);
        vec![failure, self.sender.success(STOPPED)]
    }
}
