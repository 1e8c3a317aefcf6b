//! The kernel: one registration makes a function callable, guarded and checked, and the wires expose the registry.

pub mod call;
pub mod caller;
mod dates;
pub mod documents;
mod feed;
pub mod input;
mod invocation;
mod json;
pub mod jsonrpc;
pub mod kernel;
pub mod limiter;
pub mod listeners;
pub mod metrics;
pub mod openrpc;
pub mod procedure;
pub mod registry;
pub mod schemas;
pub mod socket;
pub mod subscription;
mod superjson;
pub mod trpc;
pub mod typescript;
pub mod watch;

pub use self::{
    call::{AsyncCall, Audited, Call, Context, Reply},
    documents::Documents,
    input::{Input, NoInput},
    kernel::{Answer, Kernel},
    procedure::{Access, Bucket, Kind, Router},
    registry::Registry,
    subscription::{Event, Subscription},
    watch::{Signal, Watch},
};
