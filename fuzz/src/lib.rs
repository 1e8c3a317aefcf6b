//! Fuzz targets: functions of bytes that anybody on the network can send. Each checks what must hold whatever the bytes
//! are, and panics when it does not.
//!
//! The executables in `fuzz_targets/` run them under libFuzzer (`cargo fuzz run envelope`), the tests of this package with
//! the corpus and random changes of it. CONTRIBUTING.md, "Fuzzing", says how.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

pub mod answer;
mod app;
#[cfg(feature = "server")]
mod cursors;
pub mod entry;
mod envelope;
mod request;
mod socket_frames;
#[cfg(feature = "server")]
mod stripe;
mod superjson;
mod trpc_request;

#[cfg(feature = "server")]
pub use self::{cursors::cursors, stripe::stripe};
pub use self::{envelope::envelope, socket_frames::socket_frames, superjson::superjson, trpc_request::trpc_request};
