//! clusterdesk: typed procedures over JSON-RPC 2.0, on SQLite or PostgreSQL.

#![cfg_attr(
    test,
    allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

pub mod auth;
pub mod config;
pub mod db;
pub mod edge;
pub mod error;
pub mod models;
pub mod routers;
pub mod rpc;
#[path = "../schema.rs"]
mod schema;
pub mod server;
