//! `/openrpc.json`, `/app-router.d.ts` and `/app-router-v10.d.ts`: the generated documents, which are public.

use http::{HeaderMap, Method};

use procedures::describe::{Document, Documents};

use super::{
    compressed::Text,
    refusal::{self, Wire},
    response::{JSON, Response, versioned},
};

const TYPESCRIPT: &str = "application/typescript; charset=utf-8";

/// A document as it is served.
pub struct DocumentPage {
    path: &'static str,
    content_type: &'static str,
    version: String,
    text: Text,
}

/// The pages of all documents.
pub fn pages(documents: &Documents) -> [DocumentPage; 3] {
    [
        DocumentPage::new("/openrpc.json", JSON, &documents.openrpc),
        DocumentPage::new("/app-router.d.ts", TYPESCRIPT, &documents.app_router),
        DocumentPage::new("/app-router-v10.d.ts", TYPESCRIPT, &documents.app_router_v10),
    ]
}

impl DocumentPage {
    fn new(path: &'static str, content_type: &'static str, document: &Document) -> Self {
        Self { path, content_type, version: document.content_hash.clone(), text: Text::new(document.text.clone()) }
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
        versioned(headers, &self.version, self.content_type, &self.text)
    }
}
