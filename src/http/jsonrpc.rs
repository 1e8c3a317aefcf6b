//! `POST /`: one JSON-RPC message in, one out.

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use jsonrpc::Incoming as Message;
use procedures::{Result, jsonrpc};

use super::{
    body::{self, unsupported_media_type},
    client::{address, bearer},
    response::{self, Response},
    site::{Connection, Site},
};
use crate::kernel::{Client, Context};

impl Site {
    /// Answers one message. The HTTP status is about the transport, so an answer is always 200; the outcome of a call is in
    /// `error.data.httpStatus`.
    ///
    /// # Errors
    /// When the message can't be read.
    pub(super) async fn post(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
        request_id: &str,
    ) -> Result<Response> {
        if !body::is_json(request.headers()) {
            return Err(unsupported_media_type());
        }
        let (head, incoming) = request.into_parts();
        let message = body::read(incoming, &head.headers, &self.limits).await?;
        let caller = Client {
            address: address(connection.peer, &head.headers, &self.trusted_proxies),
            credential: bearer(&head.headers).authenticate(&self.authenticator).await,
        };
        let mut extensions = http::Extensions::new();
        extensions.insert(Arc::new(Context { request_id: request_id.to_owned(), caller }));
        let message = Message { message: &message, request_id, extensions };
        Ok(response::rpc(self.jsonrpc.answer(message).await))
    }
}
