//! `clusterdesk openrpc` and `clusterdesk app-router`: what a server says of its procedures, without one.

use std::io::{Write, stdout};

use anyhow::Result;
use clusterdesk::{
    routers,
    rpc::{Documents, Registry, documents::Document},
};

pub fn run(choose: impl FnOnce(&Documents) -> &Document) -> Result<()> {
    let documents = Documents::of(&Registry::new(routers::all())?)?;
    Ok(stdout().lock().write_all(choose(&documents).text.as_bytes())?)
}
