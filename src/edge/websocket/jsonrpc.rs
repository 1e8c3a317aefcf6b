//! JSON-RPC messages on a socket.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::conversation::{Dialect, Said, Turn};
use crate::{
    edge::Edge,
    error::Error,
    rpc::{Context, jsonrpc::refuse_message, socket::Socket},
};

pub(super) struct JsonRpc {
    edge: Arc<Edge>,
    /// What stays the same for all messages.
    template: Context,
    socket: Arc<Socket>,
}

impl JsonRpc {
    pub fn new(edge: Arc<Edge>, template: Context) -> Self {
        let socket = Arc::new(Socket::new(edge.limits().socket_subscriptions));
        Self { edge, template, socket }
    }
}

impl Dialect for JsonRpc {
    fn hear(&mut self, message: Bytes) -> Vec<Turn> {
        let (edge, socket) = (Arc::clone(&self.edge), Arc::clone(&self.socket));
        let context = Arc::new(Context { request_id: Uuid::new_v4().to_string(), ..self.template.clone() });
        let answer = async move {
            let reply = edge.jsonrpc.answer(&context, Some(&socket), &message).await;
            Said { texts: reply.body.into_iter().collect(), events: reply.events }
        };
        vec![Turn::Answer(Box::pin(answer))]
    }

    fn refuse(&self, error: &Error) -> String {
        refuse_message(&Uuid::new_v4().to_string(), error)
    }
}
