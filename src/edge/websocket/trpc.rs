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
    edge::{Edge, client::ConnectionParams},
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
    speaker: Speaker,
    /// Whether the first message is to say it, and has not come yet.
    introduces: bool,
}

impl Trpc {
    pub fn new(edge: Arc<Edge>, template: Context, transformer: Transformer, introduces: bool) -> Self {
        let dialect =
            trpc::Dialect { kernel: Arc::clone(&edge.kernel), transformer, response_bytes: edge.limits.response_bytes };
        let listeners = Listeners::new(edge.limits.socket_subscriptions);
        let known = std::future::ready(template.credential.clone()).boxed().shared();
        Self { edge, template, dialect, listeners, speaker: known, introduces }
    }

    /// Takes the first message for what it says about the client.
    fn meet(&mut self, message: &[u8]) -> Result<()> {
        let params = trpc::connection_params(message)?;
        let params = params.as_deref().map(ConnectionParams::read).transpose()?.unwrap_or_default();
        // A token in the handshake goes before one that comes later, as on an EventSource.
        if matches!(self.template.credential, Credential::Anonymous) {
            let edge = Arc::clone(&self.edge);
            let speaker = async move { params.bearer().authenticate(&edge.authenticator).await };
            self.speaker = speaker.boxed().shared();
        }
        self.introduces = false;
        Ok(())
    }

    fn turn(&self, message: Message) -> Option<Turn> {
        let call = match message {
            Message::Call(call) => call,
            Message::Stop(stop) => return self.listeners.end(stop.id()).then(|| Turn::Say(stop.stopped())),
        };
        let request_id = Uuid::new_v4().to_string();
        // Before it is answered: the next message may end it.
        let place = match self.place(&call) {
            Ok(place) => place,
            Err(error) => return Some(Turn::Say(call.failure(self.dialect.transformer, &error, &request_id))),
        };
        let (template, speaker, dialect) = (self.template.clone(), self.speaker.clone(), self.dialect.clone());
        Some(Turn::Answer(Box::pin(async move {
            let context = Arc::new(Context { request_id, credential: speaker.await, ..template });
            said(dialect.answer(context, call).await, place)
        })))
    }

    /// A place for what listens. None for what does not.
    fn place(&self, call: &trpc::Call) -> Result<Option<Place>> {
        if !call.subscribes() {
            return Ok(None);
        }
        if self.listeners.has(call.id()) {
            return Err(Error::BadCall(format!("Duplicate id {}", call.id()).into()));
        }
        self.listeners.place(call.id().to_owned()).map(Some)
    }
}

impl Dialect for Trpc {
    fn hear(&mut self, message: Bytes) -> Vec<Turn> {
        match message.as_ref() {
            b"PING" => return vec![Turn::Say("PONG".to_owned())],
            b"PONG" => return Vec::new(),
            _ => {}
        }
        if self.introduces {
            return match self.meet(&message) {
                Ok(()) => Vec::new(),
                Err(error) => vec![Turn::Say(self.refuse(&error)), Turn::Leave("no connection params")],
            };
        }
        match trpc::read(&message) {
            Ok(messages) if messages.len() > self.edge.limits.batch_entries => {
                vec![Turn::Say(self.refuse(&Error::BadCall("Batch call exceeds maximum size".into())))]
            }
            Ok(messages) => messages.into_iter().filter_map(|message| self.turn(message)).collect(),
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

/// An answer, and the messages of the subscription that it begins. Of one that was ended meanwhile nothing more is heard.
fn said(reply: Reply, place: Option<Place>) -> Said {
    let texts = vec![reply.text];
    let (Some((topic, subscription)), Some(place)) = (reply.topic, place) else {
        return Said { texts, ..Said::default() };
    };
    let messages = subscription.flat_map(move |event| {
        let messages = match event.and_then(|event| topic.event(&event)) {
            Ok(message) => vec![message],
            Err(error) => topic.end(&error),
        };
        stream::iter(messages)
    });
    place.begin(messages).map(|events| Said { texts, events: vec![events] }).unwrap_or_default()
}
