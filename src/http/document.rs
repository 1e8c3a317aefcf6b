//! `/openrpc.json` and `/app-router.d.ts`: the documents of the registry, for everybody.

use http::{HeaderMap, Method};

use super::{
    Edge,
    refusal::{self, Wire},
    response::{JSON, Response, versioned},
};
use crate::rpc::documents::Document;

const TYPESCRIPT: &str = "application/typescript; charset=utf-8";

impl Edge {
    /// The document at an address, and what it is made of. None where there is none.
    pub(super) fn document(&self, path: &str) -> Option<(&Document, &'static str)> {
        let documents = self.kernel().documents();
        match path {
            "/openrpc.json" => Some((&documents.openrpc, JSON)),
            "/app-router.d.ts" => Some((&documents.app_router, TYPESCRIPT)),
            _ => None,
        }
    }
}

/// Sends a document, unless the client has it already.
pub fn send(
    (document, content_type): (&Document, &'static str),
    method: &Method,
    headers: &HeaderMap,
    request_id: &str,
) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return refusal::wrong_method(Wire::JsonRpc, "GET, HEAD", "Ask for this document by GET.", request_id);
    }
    let etag = format!("\"{}\"", document.content_hash);
    versioned(headers, &etag, content_type, &document.text)
}
