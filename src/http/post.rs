//! `POST /`: answers a JSON-RPC message.

use std::sync::Arc;

use http::{HeaderValue, Request};
use hyper::body::Incoming;
use jsonrpc::Incoming as Message;
use procedures::{IDEMPOTENCY_KEY, IdempotencyKey, Result, Service, jsonrpc};

use super::{
    body::{self, unsupported_media_type},
    client::bearer,
    response::{self, Response},
    site::{ClientConnection, Site},
};
use crate::{kernel::Context, models::audit::Door};

impl Site {
    /// Answers one message. The HTTP status describes the transport and is 200 for every answer; the status of a failed
    /// call is `error.data.httpStatus`.
    ///
    /// # Errors
    /// UNSUPPORTED_MEDIA_TYPE, those of [`body::read`], and BAD_REQUEST for a bad idempotency key.
    pub(super) async fn post(
        &self,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Result<Response> {
        if !body::is_json(request.headers()) {
            return Err(unsupported_media_type());
        }
        let (head, incoming) = request.into_parts();
        let caller =
            self.client(connection, (&head.method, &head.headers), bearer(&head.headers), Door::Jsonrpc).await?;
        let share = self.budget.share(self.kernel.knows(&caller));
        let message = body::read(incoming, &head.headers, &self.limits, connection, &share).await?;
        let mut extensions = http::Extensions::new();
        let context = Arc::new(Context { request_id: request_id.to_owned(), caller, share: share.clone() });
        let keys = head.headers.get_all(IDEMPOTENCY_KEY);
        match IdempotencyKey::of_header(keys.iter().map(HeaderValue::as_bytes)) {
            Ok(None) => {}
            Ok(Some(key)) => drop(extensions.insert(key)),
            Err(error) => return Err(self.kernel.count_refused(&context).await.error_or(error)),
        }
        extensions.insert(context);
        let message = Message { message: &message, request_id, extensions };
        Ok(response::rpc(self.jsonrpc.answer(message).await, share))
    }
}
