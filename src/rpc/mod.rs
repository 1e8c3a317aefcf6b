//! The kernel: one registration makes a function callable, guarded and checked, and the wires expose the registry.

pub mod call;
pub mod caller;
pub mod documents;
pub mod input;
mod invocation;
mod json;
pub mod jsonrpc;
pub mod kernel;
pub mod limiter;
pub mod metrics;
pub mod openrpc;
pub mod procedure;
pub mod registry;
pub mod schemas;
pub mod typescript;

pub use self::{
    call::{AsyncCall, Audited, Call, Context, Reply},
    documents::Documents,
    input::NoInput,
    kernel::{Answer, Kernel},
    procedure::{Access, Bucket, Kind, Router},
    registry::Registry,
};
