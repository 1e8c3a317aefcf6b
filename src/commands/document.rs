//! `clusterdesk openrpc` and `clusterdesk app-router`: print the documents that describe the procedures.

use std::io::Write;

use anyhow::Result;
use clusterdesk::{
    kernel::{documents, registry},
    routers,
};
use procedures::describe::{Document, Documents};

use super::report;

/// Prints one of the documents.
///
/// # Errors
/// The registry is invalid, or standard output can't be written.
pub fn run(choose: impl FnOnce(&Documents) -> &Document) -> Result<()> {
    let documents = documents(registry(routers::all())?.catalogue())?;
    Ok(report::out().write_all(choose(&documents).text.as_bytes())?)
}
