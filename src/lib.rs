//! clusterdesk is a typed RPC server: users, customers and Kubernetes cluster configurations, behind procedures that
//! are registered once and callable over JSON-RPC 2.0 (HTTP and WebSocket), on SQLite or PostgreSQL.
//!
//! A request flows down one staircase and back, and imports point down only (a test enforces it):
//!
//! [`server`] → [`edge`] → [`routers`] → [`rpc`] → [`auth`] → [`models`] → [`db`] → schema, [`error`], [`config`]
//!
//! Start reading at [`routers`] to see what the server does, at [`rpc::kernel`] to see how a call is guarded, and at
//! [`db`] to see where it waits.

#![cfg_attr(
    test,
    allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

/// Whose token is this? API tokens and JSON Web Tokens, as far as that goes without the database.
pub mod auth;
/// What an operator can set, and the limits that are fixed.
pub mod config;
/// Connections, database threads, transactions, migrations, and what differs between the two databases.
pub mod db;
/// Once per HTTP request or socket: request id, address, origin, caller, body, and a JSON error for every refusal.
pub mod edge;
/// The one error type and its one way to the wire.
pub mod error;
/// One file per table: rows, scopes, and the operations on them.
pub mod models;
/// One file per namespace: inputs, outputs, handlers, registrations.
pub mod routers;
/// The kernel that guards and runs calls, and the wire that exposes it.
pub mod rpc;
#[path = "../schema.rs"]
mod schema;
/// The listener: accept, serve, drain.
pub mod server;
/// Stripe: prices, signatures, and what its events do to customers.
pub mod stripe;
