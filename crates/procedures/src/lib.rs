//! Typed procedures, registered once: served over JSON-RPC 2.0 and the tRPC wire, described in OpenRPC and TypeScript.
//!
//! A procedure is a Rust function. Its registration says who may call it and what it does; from the types of its input
//! and output follow the checks of every call, the documents and the TypeScript types. The wires hand calls to a
//! [`Service`], which has two methods, [`call`](Service::call) and [`subscribe`](Service::subscribe). [`Functions`] is a
//! ready-made one for functions of an application's state; an application with its own ideas of transactions, limits or
//! audit logs implements the trait itself.
//!
//! ```
//! use procedures::{Access, Call, Error, Functions, NoInput, Registry, Router, State};
//!
//! struct Greeter {
//!     greeting: &'static str,
//! }
//!
//! impl State for Greeter {
//!     type Caller = ();
//!     type Error = Error;
//! }
//!
//! fn greet(call: &Call<Greeter>, _: NoInput) -> Result<String, Error> {
//!     Ok(call.state.greeting.to_owned())
//! }
//!
//! # fn main() -> anyhow::Result<()> {
//! let router = Router::new("greeter").query("greet", Access::Public, "Says hello.", greet);
//! let registry = Registry::new(vec![router])?;
//! let catalogue = registry.catalogue().clone();
//! let service = Functions::new(Greeter { greeting: "hello" }, registry);
//! assert!(catalogue.get("greeter.greet").is_some());
//! # drop(service);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/todo.rs` is a whole server.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod access;
mod body;
mod context;
mod dates;
pub mod describe;
mod echo;
mod endpoint;
mod error;
mod functions;
mod input;
pub mod jsonrpc;
mod limits;
mod procedure;
mod registry;
mod router;
mod service;
pub mod socket;
mod subscriptions;
pub mod trpc;

pub use self::{
    access::{Access, Bucket, Kind},
    body::{Body, whole},
    context::{Allowance, Context},
    dates::Dates,
    endpoint::{Credentials, Endpoint},
    error::{Code, Error, ErrorData, ErrorObject, Issue, Result, milliseconds},
    functions::{Call, Events, Function, Functions, Reply, State},
    input::{Input, InputSchema, NoInput, Parsed, decode},
    limits::Limits,
    procedure::{Example, Procedure, SharedProcedure, TypeSchemas},
    registry::{Catalogue, Registry},
    router::{Registration, Router, Signature},
    service::{Answer, Event, LAST_EVENT_ID, Service, Subscription},
};
