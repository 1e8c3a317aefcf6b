//! `/openrpc.json` and `/app-router.d.ts`: the documents of the registry, for everybody.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{
    Edge,
    refusal::{self, Wire},
    response::{JSON, Response, text},
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

/// Sends a document, unless the client has it already (RFC 9110 §13.1.2).
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
    let mut response = match knows(headers, &etag) {
        true => not_modified(),
        false => text(StatusCode::OK, content_type, document.text.clone()),
    };
    let headers = response.headers_mut();
    // Kept, but asked about each time.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn not_modified() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

fn knows(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}
