//! clusterdesk: typed procedures over JSON-RPC 2.0, on SQLite or PostgreSQL.

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
