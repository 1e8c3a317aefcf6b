//! Everything is tested here through the front door: a real server on a real socket, on both databases.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod account;
mod admin;
mod audit;
mod auth;
mod concurrency;
mod customer;
mod hello;
mod k8s;
mod kernel;
mod old_defects;
mod page;
mod plan;
mod registry;
mod statements;
mod status;
mod support;
mod user;
