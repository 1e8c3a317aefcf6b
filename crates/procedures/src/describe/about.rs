//! What the documents say about the application as a whole.

use schemars::{Schema, SchemaGenerator};

use crate::trpc::Transformer;

/// The application, for its documents.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name.
    pub title: &'static str,
    /// Its version.
    pub version: &'static str,
    /// An SPDX licence expression.
    pub license: &'static str,
    /// What it is for and how to call it, in a few sentences.
    pub description: &'static str,
    /// How values are written where a tRPC client finds the procedures. With superjson, timestamps are `Date`s in
    /// `AppRouter`; in plain JSON they are strings.
    pub transformer: Transformer,
    /// An object schema whose properties the application adds to `error.data`
    /// ([`Error::details`](crate::Error::details)).
    pub error_details: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// Whether the application keeps the answers to mutations, for calls that are repeated with an
    /// [`IdempotencyKey`](crate::IdempotencyKey).
    pub keeps_answers: bool,
}
