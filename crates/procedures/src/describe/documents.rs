//! The documents of a catalogue, rendered once at start-up.

use anyhow::Result;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{
    about::About,
    openrpc::OpenRpc,
    schemas::Schemas,
    typescript::{app_router, procedures},
};
use crate::registry::Catalogue;

/// A text and its hash.
#[derive(Debug)]
pub struct Document {
    /// The text; it contains the hash.
    pub text: String,
    /// SHA-256 of the text with an empty string in place of the hash, in hexadecimal.
    pub content_hash: String,
}

/// All documents of a catalogue.
///
/// ```
/// use procedures::{Catalogue, describe::{About, Documents}, trpc::Transformer};
///
/// let about = About {
///     title: "Shop",
///     version: "1.0.0",
///     license: "MIT",
///     description: "Sells things.",
///     transformer: Transformer::Superjson,
///     error_details: None,
/// };
/// let documents = Documents::of(&Catalogue::default(), &about)?;
/// assert!(documents.app_router.text.contains("export type AppRouter"));
/// # Ok::<(), anyhow::Error>(())
/// ```
#[derive(Debug)]
pub struct Documents {
    /// The OpenRPC document, indented.
    pub openrpc: Document,
    /// The OpenRPC document on one line: the output of `rpc.discover`.
    pub discovered: Box<RawValue>,
    /// The `AppRouter` type of tRPC's client.
    pub app_router: Document,
    /// The types of a JSON-RPC client.
    pub procedures: Document,
}

impl Documents {
    /// Renders the documents.
    ///
    /// # Errors
    /// When the types of the procedures can't be described.
    pub fn of(catalogue: &Catalogue, about: &About) -> Result<Self> {
        let schemas = Schemas::of(catalogue, about)?;
        let openrpc = |hash: &str| Ok(serde_json::to_string_pretty(&OpenRpc::of(&schemas, about, hash))? + "\n");
        let openrpc = document(openrpc)?;
        Ok(Self {
            discovered: serde_json::value::to_raw_value(&OpenRpc::of(&schemas, about, &openrpc.content_hash))?,
            openrpc,
            app_router: document(|hash| Ok(app_router::module(&schemas, about, hash)))?,
            procedures: document(|hash| Ok(procedures::module(&schemas, about, hash)))?,
        })
    }
}

fn document(make: impl Fn(&str) -> Result<String>) -> Result<Document> {
    let content_hash: String = Sha256::digest(make("")?).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Document { text: make(&content_hash)?, content_hash })
}
