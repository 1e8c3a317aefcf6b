//! The kernel: one registration makes a function callable, guarded and checked, and the wires expose the registry.

pub mod call;
pub mod caller;
mod dates;
pub mod input;
mod invocation;
mod json;
pub mod jsonrpc;
pub mod kernel;
pub mod limiter;
pub mod metrics;
pub mod procedure;
pub mod registry;
mod superjson;
pub mod trpc;

pub use self::{
    call::{AsyncCall, Audited, Call, Context, Reply},
    input::{Input, NoInput},
    kernel::{Answer, Kernel},
    procedure::{Access, Bucket, Kind, Router},
    registry::Registry,
};
