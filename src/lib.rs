//! clusterdesk is a typed RPC server for users, customers and Kubernetes cluster configurations, on SQLite or
//! PostgreSQL. A procedure is registered once and can be called over JSON-RPC 2.0 and the tRPC wire, by HTTP and
//! WebSocket.
//!
//! A request passes through these modules from left to right. A module may import only modules to its right; a test
//! checks this.
//!
//! [`server`] → [`http`] → [`routers`] → [`kernel`] → [`checks`] → [`import`] → [`retention`] → [`trail`] → [`auth`], [`stripe`] → [`models`] → [`db`] → schema, [`error`],
//! [`traces`] → [`config`], [`files`]
//!
//! The wires, JSON-RPC and tRPC, are in the crate [`procedures`]. Start reading at [`routers`] to see what the server
//! does, at [`kernel`] to see how a call is guarded, and at [`db`] to see how it uses the database.

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

/// Verifies bearer tokens (API tokens and JSON Web Tokens) as far as possible without the database.
pub mod auth;
/// Checks of what a server needs, for `clusterdesk doctor` and for the server itself.
pub mod checks;
/// The settings for operators, and the fixed limits.
pub mod config;
/// Connections, database threads, transactions, migrations, and the differences between the two databases.
pub mod db;
/// The error type and its conversion to the errors that callers see.
pub mod error;
/// Files that are in their place when they are complete.
pub mod files;
/// What happens once per HTTP request or WebSocket, before any procedure.
pub mod http;
/// Imports the database of an old server.
pub mod import;
/// Guards, runs and audits calls.
pub mod kernel;
/// One file per table: its rows, scopes and queries; also sets and lists of rows, and counters.
pub mod models;
/// Removes what is old.
pub mod retention;
/// The procedures, one file per namespace.
pub mod routers;
#[path = "../schema.rs"]
mod schema;
/// Accepts and serves connections, and stops them on shutdown.
pub mod server;
/// Stripe: prices, signatures, sessions, and the effects of its events on customers.
pub mod stripe;
/// Spans of calls for an OpenTelemetry collector.
pub mod traces;
/// The audit log as a chain, and its export.
pub mod trail;
