//! The documents of a catalogue, rendered once at start-up.

use anyhow::Result;
use data_encoding::HEXLOWER;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{
    about::About,
    openrpc::OpenRpc,
    schemas::Schemas,
    typescript::{app_router, procedures, trpc_version},
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

/// Stands for the content hash while a text is rendered.
const PLACEHOLDER: &str = "{content hash}";

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
///     keeps_answers: false,
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
    /// The `AppRouter` type of tRPC's client 11.
    pub app_router: Document,
    /// The same for tRPC's client 10.
    pub app_router_v10: Document,
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
        let description = OpenRpc::of(&schemas, about, PLACEHOLDER);
        let openrpc = Document::new(&(serde_json::to_string_pretty(&description)? + "\n"));
        let app_router = |version| Document::new(&app_router::module(&schemas, about, version, PLACEHOLDER));
        let discovered = with_hash(&serde_json::to_string(&description)?, &openrpc.content_hash);
        Ok(Self {
            discovered: RawValue::from_string(discovered)?,
            openrpc,
            app_router: app_router(&trpc_version::ELEVEN),
            app_router_v10: app_router(&trpc_version::TEN),
            procedures: Document::new(&procedures::module(&schemas, about, PLACEHOLDER)),
        })
    }
}

impl Document {
    /// Hashes a text, and writes the hash in place of the placeholder.
    fn new(text: &str) -> Self {
        let content_hash = HEXLOWER.encode(&Sha256::digest(with_hash(text, "")));
        Self { text: with_hash(text, &content_hash), content_hash }
    }
}

fn with_hash(text: &str, content_hash: &str) -> String {
    text.replacen(PLACEHOLDER, content_hash, 1)
}
