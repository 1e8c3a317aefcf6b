//! JSON-RPC messages: requests, notifications, batches, and everything else.

use std::sync::Arc;

use jsonrpsee::Extensions;
use procedures::{
    Context,
    jsonrpc::{Incoming, Session},
};

use crate::{
    answer::{check, json},
    app::{BATCH, run},
    entry::codes_of_reply,
};

/// Answers one JSON-RPC message. Every entry with an id gets exactly one answer, with this id, in the order of the batch.
pub fn envelope(bytes: &[u8]) {
    let reply = run(async |app| {
        let context = Arc::new(Context::new(()));
        let mut extensions = Extensions::new();
        extensions.insert(Arc::clone(&context));
        extensions.insert(Arc::new(Session::new(1)));
        app.gate.answer(Incoming { message: bytes, request_id: &context.request_id, extensions }).await
    });
    let reply = reply.body.map(|body| json(&body).unwrap());
    for code in codes_of_reply(bytes, reply.as_ref(), BATCH).unwrap() {
        check(Ok(code));
    }
}
