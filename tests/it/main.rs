//! Everything is tested here through the front door: a real server on a real socket, on both databases.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod edge;
mod hello;
mod inputs;
mod jsonrpc;
mod rate_limits;
mod support;
mod tokens;
mod websocket;
