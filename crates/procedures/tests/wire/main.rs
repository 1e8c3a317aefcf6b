//! The crate as its users meet it: real servers on real sockets.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod documents;
mod functions;
mod http;
mod socket;
mod stock;
mod todo;
