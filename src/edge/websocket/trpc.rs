//! tRPC's dialect on a socket: who speaks may be said by the first message, and a life sign is the word PING.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream,
};
use uuid::Uuid;

use super::conversation::{Dialect, Said, Turn};
use crate::{
    auth::Credential,
    edge::{
        Edge,
        client::{Bearer, connection_token},
    },
    error::{Error, Result},
    rpc::{
        Context,
        listeners::{Listeners, Place},
        trpc::{self, Message, Reply, Transformer},
    },
};

/// Who speaks, once that is known.
type Speaker = Shared<BoxFuture<'static, Credential>>;

pub(super) struct Trpc {
    edge: Arc<Edge>,
    /// What stays the same for all messages.
    template: Context,
    dialect: trpc::Dialect,
    listeners: Listeners,
    /// None until the first message has said it, where it is to say it.
    speaker: Option<Speaker>,
}

impl Trpc {
    pub fn new(edge: Arc<Edge>, template: Context, transformer: Transformer, introduced: bool) -> Self {
        let dialect =
            trpc::Dialect { kernel: Arc::clone(&edge.kernel), transformer, response_bytes: edge.limits.response_bytes };
        let listeners = Listeners::new(edge.limits.socket_subscriptions);
        let known = std::future::ready(template.credential.clone()).boxed().shared();
        // Who has a token in the handshake needs no introduction.
        let waits = introduced && matches!(template.credential, Credential::Anonymous);
        Self { edge, template, dialect, listeners, speaker: (!waits).then_some(known) }
    }

    /// Takes the first message for what it says about the client.
    fn meet(&mut self, message: &[u8]) -> Result<()> {
        let params = trpc::connection_params(message)?;
        let token = params.as_deref().map(connection_token).transpose()?.flatten();
        let edge = Arc::clone(&self.edge);
        let speaker = async move {
            let presented = token.as_deref().map_or(Bearer::Absent, Bearer::Token);
            presented.authenticate(&edge.authenticator).await
        };
        self.speaker = Some(speaker.boxed().shared());
        Ok(())
    }

    fn turn(&self, message: Message, speaker: &Speaker) -> Option<Turn> {
        let call = match message {
            Message::Call(call) => call,
            Message::Stop(stop) => return self.listeners.end(stop.id()).then(|| Turn::Say(stop.stopped())),
        };
        let (template, speaker) = (self.template.clone(), speaker.clone());
        let (dialect, listeners) = (self.dialect.clone(), self.listeners.clone());
        Some(Turn::Answer(Box::pin(async move {
            let request_id = Uuid::new_v4().to_string();
            let refuse = |error: &Error| Said {
                texts: vec![call.failure(dialect.transformer, error, &request_id)],
                ..Said::default()
            };
            let place = match call.subscribes().then(|| listeners.place()).transpose() {
                Ok(_) if call.subscribes() && listeners.has(call.id()) => {
                    return refuse(&Error::BadCall(format!("Duplicate id {}", call.id()).into()));
                }
                Ok(place) => place,
                Err(error) => return refuse(&error),
            };
            let context = Arc::new(Context { request_id, credential: speaker.await, ..template });
            said(dialect.answer(context, call).await, place, &listeners)
        })))
    }
}

impl Dialect for Trpc {
    fn hear(&mut self, message: Bytes) -> Vec<Turn> {
        match message.as_ref() {
            b"PING" => return vec![Turn::Say("PONG".to_owned())],
            b"PONG" => return Vec::new(),
            _ => {}
        }
        let Some(speaker) = self.speaker.clone() else {
            return match self.meet(&message) {
                Ok(()) => Vec::new(),
                Err(error) => vec![Turn::Say(self.refuse(&error)), Turn::Leave("no connection params")],
            };
        };
        match trpc::read(&message) {
            Ok(messages) if messages.len() > self.edge.limits.batch_entries => {
                vec![Turn::Say(self.refuse(&Error::BadCall("Batch call exceeds maximum size".into())))]
            }
            Ok(messages) => messages.into_iter().filter_map(|message| self.turn(message, &speaker)).collect(),
            Err(error) => vec![Turn::Say(self.refuse(&error))],
        }
    }

    fn refuse(&self, error: &Error) -> String {
        self.dialect.refuse(error, &Uuid::new_v4().to_string())
    }

    /// All calls are answered: the client takes its subscriptions to the next server.
    fn farewell(&self) -> Option<String> {
        Some(r#"{"id":null,"method":"reconnect"}"#.to_owned())
    }
}

/// An answer, and the messages of the subscription that it begins.
fn said(reply: Reply, place: Option<Place>, listeners: &Listeners) -> Said {
    let texts = vec![reply.text];
    let (Some((topic, subscription)), Some(place)) = (reply.topic, place) else {
        return Said { texts, ..Said::default() };
    };
    let name = topic.id().to_owned();
    let messages = subscription.flat_map(move |event| {
        let messages = match event.and_then(|event| topic.event(&event)) {
            Ok(message) => vec![message],
            Err(error) => topic.end(&error),
        };
        stream::iter(messages)
    });
    Said { texts, events: vec![listeners.add(place, name, messages)] }
}
