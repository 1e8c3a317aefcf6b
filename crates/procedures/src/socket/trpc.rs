//! tRPC's messages on a socket, as `wsLink` sends them.

use std::{future::ready, sync::Arc};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream,
};

use super::protocol::{Action, Output, Protocol};
use crate::{
    access::Kind,
    budget::Share,
    context::Context,
    error::{Error, Result},
    limits::Limits,
    registry::Catalogue,
    service::Service,
    subscriptions::{Reservation, Subscriptions},
    trpc::{
        ConnectionParams, Transformer,
        message::{self, Message, Sender, SocketCall},
        responder::{Responder, Response},
    },
};

/// Turns the `connectionParams` of the first message into a caller.
pub type Introduce<C> = Box<dyn FnOnce(ConnectionParams) -> BoxFuture<'static, C> + Send>;

/// The tRPC protocol on one socket.
pub struct Trpc<S: Service> {
    responder: Arc<Responder<S>>,
    subscriptions: Subscriptions,
    batch_entries: usize,
    caller: Shared<BoxFuture<'static, S::Caller>>,
    /// None once the client has introduced itself, or where it does not.
    introduce: Option<Introduce<S::Caller>>,
}

/// How to open a [`Trpc`] socket.
pub struct Opening<S: Service> {
    /// Runs the calls.
    pub service: Arc<S>,
    /// What can be called.
    pub catalogue: Arc<Catalogue>,
    /// How values are written.
    pub transformer: Transformer,
    /// Limits of the wire.
    pub limits: Limits,
    /// Who has opened the socket, by the handshake.
    pub caller: S::Caller,
    /// With [`introduces`](super::introduces): who is calling, by the first message.
    pub introduce: Option<Introduce<S::Caller>>,
}

impl<S: Service> Trpc<S> {
    /// The protocol of a socket that was just opened.
    pub fn new(opening: Opening<S>) -> Self {
        let Opening { service, catalogue, transformer, limits, caller, introduce } = opening;
        let response_bytes = limits.response_bytes;
        Self {
            responder: Arc::new(Responder { service, catalogue, transformer, response_bytes }),
            subscriptions: Subscriptions::new(limits.socket_subscriptions),
            batch_entries: limits.batch_entries,
            caller: ready(caller).boxed().shared(),
            introduce,
        }
    }

    fn act(&self, message: Message, share: &Share) -> Option<Action> {
        let call = match message {
            Message::Call(call) => call,
            Message::Stop(sender) => {
                let ended = self.subscriptions.end(sender.id());
                return ended.then(|| Action::Send(sender.success(message::STOPPED)));
            }
        };
        let Context { request_id, .. } = Context::new(());
        // Reserved before the call is answered: the next message may end it.
        let reservation = match call.key.clone().and_then(|_| self.reserve(&call)) {
            Ok(reservation) => reservation,
            Err(error) => {
                let transformer = call.transformer(self.responder.transformer);
                let SocketCall { sender, path, .. } = call;
                return Some(self.refuse_call(sender, Some(path), error, transformer));
            }
        };
        let (caller, responder, share) = (self.caller.clone(), Arc::clone(&self.responder), share.clone());
        Some(Action::Answer(Box::pin(async move {
            let context = Arc::new(Context { request_id, caller: caller.await, share: share.clone() });
            Output { share, ..output(responder.answer(context, call).await, reservation) }
        })))
    }

    /// Answers and counts a message that is not run. `path` is the procedure, where one was named.
    fn refuse_call(&self, sender: Sender, path: Option<String>, error: Error, transformer: Transformer) -> Action {
        let (caller, responder) = (self.caller.clone(), Arc::clone(&self.responder));
        Action::Answer(Box::pin(async move {
            let context = Context::new(caller.await);
            let error = responder.service.count_refused(&context).await.error_or(error);
            let text = sender.failure(transformer, &error, path.as_deref(), &context.request_id);
            Output { texts: vec![text], ..Output::default() }
        }))
    }

    /// A place for a subscription. None for any other call.
    fn reserve(&self, call: &SocketCall) -> Result<Option<Reservation>> {
        let id = call.sender.id();
        if call.kind != Kind::Subscription {
            return Ok(None);
        }
        if self.subscriptions.contains(id) {
            return Err(Error::bad_call(format!("Duplicate id {id}")));
        }
        self.subscriptions.reserve(id.to_owned()).map(Some)
    }
}

impl<S: Service> Protocol for Trpc<S> {
    fn on_message(&mut self, message: Bytes, share: Share) -> Vec<Action> {
        // Keep-alive is the text PING, answered by PONG.
        match message.as_ref() {
            b"PING" => return vec![Action::Send("PONG".to_owned())],
            b"PONG" => return Vec::new(),
            _ => {}
        }
        if let Some(introduce) = self.introduce.take() {
            return match params(&message) {
                Ok(params) => {
                    self.caller = introduce(params).shared();
                    let caller = self.caller.clone();
                    vec![Action::Answer(Box::pin(caller.map(|_introduced| Output::default())))]
                }
                Err(error) => vec![Action::Send(self.refuse(&error)), Action::Close("no connection params")],
            };
        }
        match message::read(&message, self.batch_entries) {
            Ok(messages) => messages.into_iter().filter_map(|message| self.act(message, &share)).collect(),
            Err(error) => vec![self.refuse_call(Sender::unknown(), None, error, self.responder.transformer)],
        }
    }

    fn awaits_introduction(&self) -> bool {
        self.introduce.is_some()
    }

    fn refuse(&self, error: &Error) -> String {
        Sender::unknown().failure(self.responder.transformer, error, None, &Context::new(()).request_id)
    }

    /// Asks the client to take its subscriptions to another connection.
    fn goodbye(&self) -> Option<String> {
        Some(r#"{"id":null,"method":"reconnect"}"#.to_owned())
    }
}

fn params(message: &[u8]) -> Result<ConnectionParams> {
    let params = message::connection_params(message)?;
    params.as_deref().map_or_else(|| Ok(ConnectionParams::default()), ConnectionParams::read)
}

/// An answer and the messages of the subscription that it starts. One that was ended meanwhile is not answered.
fn output(response: Response, reservation: Option<Reservation>) -> Output {
    let texts = vec![response.text];
    let (Some(started), Some(reservation)) = (response.started, reservation) else {
        return Output { texts, ..Output::default() };
    };
    let topic = started.topic;
    let messages = started.events.flat_map(move |event| {
        stream::iter(match event.and_then(|event| topic.event(&event)) {
            Ok(message) => vec![message],
            Err(error) => topic.end(&error),
        })
    });
    reservation
        .start(messages)
        .map(|events| Output { texts, events: vec![events], ..Output::default() })
        .unwrap_or_default()
}
