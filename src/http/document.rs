//! `/openrpc.json` and `/app-router.d.ts`: the generated documents, which are public.

use http::{HeaderMap, Method};

use procedures::describe::{Document, Documents};

use super::{
    refusal::{self, Wire},
    response::{JSON, Response, versioned},
};

const TYPESCRIPT: &str = "application/typescript; charset=utf-8";

/// A document with its content type.
#[derive(Clone, Copy)]
pub struct DocumentPage<'d> {
    document: &'d Document,
    content_type: &'static str,
}

/// The document at this path; None if there is none.
pub fn at<'d>(documents: &'d Documents, path: &str) -> Option<DocumentPage<'d>> {
    match path {
        "/openrpc.json" => Some(DocumentPage { document: &documents.openrpc, content_type: JSON }),
        "/app-router.d.ts" => Some(DocumentPage { document: &documents.app_router, content_type: TYPESCRIPT }),
        _ => None,
    }
}

impl DocumentPage<'_> {
    /// The document, or 304 if the client has this version already.
    pub fn answer(self, method: &Method, headers: &HeaderMap, request_id: &str) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return refusal::wrong_method(Wire::JsonRpc, "GET, HEAD", "Get this document by GET.", request_id);
        }
        let etag = format!("\"{}\"", self.document.content_hash);
        versioned(headers, &etag, self.content_type, &self.document.text)
    }
}
