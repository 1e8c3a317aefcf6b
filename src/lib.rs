//! clusterdesk is a typed RPC server: users, customers and Kubernetes cluster configurations, behind procedures that
//! are registered once and callable over JSON-RPC 2.0 (HTTP and WebSocket), on SQLite or PostgreSQL.
//!
//! A request flows down one staircase and back, and imports point down only (a test enforces it):
//!
//! [`server`] → [`http`] → [`routers`] → [`kernel`] → [`auth`], [`stripe`] → [`models`] → [`db`] → schema, [`error`], [`config`]
//!
//! The wires, JSON-RPC and tRPC, are a crate of their own: [`procedures`]. Start reading at [`routers`] to see what the
//! server does, at [`kernel`] to see how a call is guarded, and at [`db`] to see how it reaches the database.

#![cfg_attr(
    test,
    allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

/// Bearer tokens: API tokens and JSON Web Tokens, as far as they can be verified without the database.
pub mod auth;
/// What an operator can set, and the limits that are fixed.
pub mod config;
/// Connections, database threads, transactions, migrations, and what differs between the two databases.
pub mod db;
/// The one error type and its one conversion to what callers see.
pub mod error;
/// Once per HTTP request or socket: request id, address, origin, credentials, body, and a JSON error for every refusal.
pub mod http;
/// Guards, runs and audits calls.
pub mod kernel;
/// One file per table: rows, scopes, and the operations on them.
pub mod models;
/// One file per namespace: inputs, outputs, handlers, registrations.
pub mod routers;
#[path = "../schema.rs"]
mod schema;
/// The listener: accept, serve, drain.
pub mod server;
/// Stripe: prices, signatures, and what its events do to customers.
pub mod stripe;
