//! `/openrpc.json` and `/app-router.d.ts`: the generated documents, which are public.

use bytes::Bytes;
use http::{HeaderMap, Method};

use procedures::describe::{Document, Documents};

use super::{
    refusal::{self, Wire},
    response::{JSON, Response, versioned},
};

const TYPESCRIPT: &str = "application/typescript; charset=utf-8";

/// A document as it is served. All responses share its bytes.
pub struct DocumentPage {
    path: &'static str,
    content_type: &'static str,
    etag: String,
    body: Bytes,
}

/// The pages of all documents.
pub fn pages(documents: &Documents) -> [DocumentPage; 2] {
    [
        DocumentPage::new("/openrpc.json", JSON, &documents.openrpc),
        DocumentPage::new("/app-router.d.ts", TYPESCRIPT, &documents.app_router),
    ]
}

impl DocumentPage {
    fn new(path: &'static str, content_type: &'static str, document: &Document) -> Self {
        let etag = format!("\"{}\"", document.content_hash);
        Self { path, content_type, etag, body: document.text.clone().into() }
    }

    /// Whether the document is at this path.
    pub fn is_at(&self, path: &str) -> bool {
        self.path == path
    }

    /// The document, or 304 if the client has this version already.
    pub fn answer(&self, method: &Method, headers: &HeaderMap, request_id: &str) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return refusal::wrong_method(Wire::JsonRpc, "GET, HEAD", "Get this document by GET.", request_id);
        }
        versioned(headers, &self.etag, self.content_type, self.body.clone())
    }
}
