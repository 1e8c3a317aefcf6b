//! Everything is tested here through the front door: a real server on a real socket, on both databases.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod account;
mod admin;
mod audit;
mod auth;
mod commands;
mod concurrency;
mod constraints;
mod customer;
mod durability;
mod edge;
mod first_run;
mod group_commit;
mod hello;
mod indexes;
mod inputs;
mod jsonrpc;
mod k8s;
mod kernel;
mod ladder;
mod live_counts;
mod migrations;
mod old_defects;
mod page;
mod plan;
mod probe;
mod rate_limits;
mod readme;
mod registry;
mod replica;
mod schema_file;
mod scopes;
mod settings;
mod shutdown;
mod statements;
mod status;
mod support;
mod tokens;
mod trpc;
mod user;
mod watch;
mod websocket;
