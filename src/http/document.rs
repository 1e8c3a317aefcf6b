//! `/openrpc.json` and `/app-router.d.ts`: the documents of the registry, for everybody.

use http::{HeaderMap, Method};

use procedures::describe::{Document, Documents};

use super::{
    refusal::{self, Wire},
    response::{JSON, Response, versioned},
};

const TYPESCRIPT: &str = "application/typescript; charset=utf-8";

/// A document as it is served.
#[derive(Clone, Copy)]
pub struct Page<'d> {
    document: &'d Document,
    content_type: &'static str,
}

/// The document at an address.
pub fn at<'d>(documents: &'d Documents, path: &str) -> Option<Page<'d>> {
    match path {
        "/openrpc.json" => Some(Page { document: &documents.openrpc, content_type: JSON }),
        "/app-router.d.ts" => Some(Page { document: &documents.app_router, content_type: TYPESCRIPT }),
        _ => None,
    }
}

impl Page<'_> {
    /// Sends the document, unless the client has it already.
    pub fn answer(self, method: &Method, headers: &HeaderMap, request_id: &str) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return refusal::wrong_method(Wire::JsonRpc, "GET, HEAD", "Get this document by GET.", request_id);
        }
        let etag = format!("\"{}\"", self.document.content_hash);
        versioned(headers, &etag, self.content_type, &self.document.text)
    }
}
