//! The documents that a registry is described by, made once at start.

use anyhow::Result;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{
    openrpc,
    registry::Registry,
    schemas::Schemas,
    typescript::{app_router, procedures},
};

/// A text, and the SHA-256 that it names: of itself, with nothing where the hash is.
pub struct Document {
    pub text: String,
    pub content_hash: String,
}

pub struct Documents {
    /// The OpenRPC document, for people and programs.
    pub openrpc: Document,
    /// The same on one line: the answer of `rpc.discover`.
    pub(super) discovered: Box<RawValue>,
    /// The types of tRPC's client.
    pub app_router: Document,
    /// The types of a JSON-RPC client.
    pub procedures: Document,
}

impl Documents {
    /// # Errors
    /// When the types of the procedures can't be described.
    pub fn of(registry: &Registry) -> Result<Self> {
        let schemas = Schemas::of(registry)?;
        let openrpc = |hash: &str| Ok(serde_json::to_string_pretty(&openrpc::Document::of(&schemas, hash))? + "\n");
        let openrpc = document(openrpc)?;
        Ok(Self {
            discovered: serde_json::value::to_raw_value(&openrpc::Document::of(&schemas, &openrpc.content_hash))?,
            openrpc,
            app_router: document(|hash| Ok(app_router::module(&schemas, hash)))?,
            procedures: document(|hash| Ok(procedures::module(&schemas, hash)))?,
        })
    }
}

fn document(make: impl Fn(&str) -> Result<String>) -> Result<Document> {
    let digest = Sha256::digest(make("")?);
    let content_hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Document { text: make(&content_hash)?, content_hash })
}
