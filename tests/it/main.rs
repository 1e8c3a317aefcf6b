//! Everything is tested here through the front door: a real server on a real socket, on both databases.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod commands;
mod constraints;
mod durability;
mod first_run;
mod hello;
mod indexes;
mod ladder;
mod live_counts;
mod migrations;
mod probe;
mod schema_file;
mod settings;
mod shutdown;
mod support;
