//! `/openrpc.json`, `/app-router.d.ts` and `/app-router-v10.d.ts`: the generated documents, which are public.

use http::{HeaderMap, HeaderValue, Method, header};

use procedures::describe::{Document, Documents};

use super::{
    compressed::Text,
    refusal::{self, Wire},
    response::{IMMUTABLE, JSON, Response, versioned},
};

const TYPESCRIPT: &str = "application/typescript; charset=utf-8";

/// The query that names a version of a document.
const VERSION: &str = "v=";

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

    /// Its address with its version, relative to `/`, at which it never changes.
    pub fn address(&self) -> String {
        format!("{}?{VERSION}{}", self.path.trim_start_matches('/'), self.version)
    }

    /// The document, or 304 if the client has this version already.
    pub fn answer(&self, (method, query, headers): (&Method, Option<&str>, &HeaderMap), request_id: &str) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return refusal::wrong_method(Wire::JsonRpc, "GET, HEAD", "Get this document by GET.", request_id);
        }
        let mut response = versioned(headers, &self.version, self.content_type, &self.text);
        if query.and_then(|query| query.strip_prefix(VERSION)) == Some(self.version.as_str()) {
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
        }
        response
    }
}
