//! clusterdesk: typed procedures over JSON-RPC 2.0, on SQLite or PostgreSQL.

pub mod auth;
pub mod config;
pub mod error;
