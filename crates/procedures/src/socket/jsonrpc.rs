//! JSON-RPC messages on a socket.

use std::sync::Arc;

use bytes::Bytes;
use jsonrpsee::{Extensions, MethodResponse, server::middleware::rpc::RpcServiceT};

use super::protocol::{Action, Output, Protocol};
use crate::{
    budget::Share,
    context::Context,
    error::Error,
    jsonrpc::{Gate, Incoming, Session, refuse},
};

/// JSON-RPC 2.0 on one socket, with subscriptions.
pub struct JsonRpc<R, C> {
    gate: Arc<Gate<R>>,
    caller: C,
    session: Arc<Session>,
}

impl<R, C> JsonRpc<R, C> {
    /// A socket that `caller` has opened, with at most `subscriptions` at a time.
    pub fn new(gate: Arc<Gate<R>>, caller: C, subscriptions: usize) -> Self {
        Self { gate, caller, session: Arc::new(Session::new(subscriptions)) }
    }
}

impl<R, C> Protocol for JsonRpc<R, C>
where
    R: RpcServiceT<MethodResponse = MethodResponse, BatchResponse = MethodResponse> + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    fn on_message(&mut self, message: Bytes, share: Share) -> Vec<Action> {
        let gate = Arc::clone(&self.gate);
        let context = Arc::new(Context { share: share.clone(), ..Context::new(self.caller.clone()) });
        let mut extensions = Extensions::new();
        extensions.insert(Arc::clone(&context));
        extensions.insert(Arc::clone(&self.session));
        let answer = async move {
            let incoming = Incoming { message: &message, request_id: &context.request_id, extensions };
            let reply = gate.answer(incoming).await;
            Output { texts: reply.body.into_iter().collect(), events: reply.events, share }
        };
        vec![Action::Answer(Box::pin(answer))]
    }

    fn refuse(&self, error: &Error) -> String {
        refuse(error, &Context::new(()).request_id)
    }
}
