//! Everything is tested here through the front door: a real server on a real socket, on both databases.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod account;
mod admin;
mod audit;
mod auth;
mod customer;
mod hello;
mod jsonrpc;
mod k8s;
mod page;
mod plan;
mod readme;
mod replica;
mod status;
mod support;
mod user;
mod websocket;
