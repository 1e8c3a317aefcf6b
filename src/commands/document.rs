//! `clusterdesk openrpc` and `clusterdesk app-router`: the documents of the procedures, without a server.

use std::io::{Write, stdout};

use anyhow::Result;
use clusterdesk::{
    kernel::{documents, registry},
    routers,
};
use procedures::describe::{Document, Documents};

pub fn run(choose: impl FnOnce(&Documents) -> &Document) -> Result<()> {
    let documents = documents(registry(routers::all())?.catalogue())?;
    Ok(stdout().lock().write_all(choose(&documents).text.as_bytes())?)
}
