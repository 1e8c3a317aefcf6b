//! The generated documents of the server's procedures: OpenRPC and TypeScript.

use procedures::{
    Catalogue,
    describe::{About, Documents},
    trpc::Transformer,
};
use schemars::JsonSchema;

use crate::error::ErrorDetails;

const ABOUT: About = About {
    title: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    description: "Users, customers and Kubernetes cluster configurations. Send JSON-RPC 2.0 messages by POST to `/`, or \
        over a WebSocket at the same address. Switch on `error.data.code`; `error.data` is an `ErrorData`. A \
        mutation that is sent again with the same `Idempotency-Key` (a header, or the member `idempotencyKey` beside \
        `method`) gets the first answer.",
    transformer: Transformer::Superjson,
    error_details: Some(ErrorDetails::json_schema),
    keeps_answers: true,
};

/// Renders the documents.
///
/// # Errors
/// When the types of the procedures can't be described.
pub fn documents(catalogue: &Catalogue) -> anyhow::Result<Documents> {
    Documents::of(catalogue, &ABOUT)
}
