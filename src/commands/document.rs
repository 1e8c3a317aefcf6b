//! `clusterdesk openrpc` and `clusterdesk app-router`: print the documents that describe the procedures.

use std::io::{Write, stdout};

use anyhow::Result;
use clusterdesk::{
    routers,
    rpc::{Documents, Registry, documents::Document},
};

/// Prints one of the documents.
///
/// # Errors
/// The registry is invalid, or standard output can't be written.
pub fn run(choose: impl FnOnce(&Documents) -> &Document) -> Result<()> {
    let documents = Documents::of(&Registry::new(routers::all())?)?;
    Ok(stdout().lock().write_all(choose(&documents).text.as_bytes())?)
}
