//! Typed procedures, registered once: served over JSON-RPC 2.0 and the tRPC wire, described in OpenRPC and TypeScript.
//!
//! A procedure is a Rust function. Its registration in a [`Router`] says who may call it and what it does. From the
//! types of its input and output follow the checks of every call, the documents and the TypeScript types.
//!
//! - [`Registry`]: all procedures with their handlers; its [`Catalogue`] is what wires and documents need to know.
//! - [`Service`]: the interface between the wires and an application. [`Functions`] is a ready-made service, for
//!   functions of an application's state; an application with its own transactions, rate limits or audit log implements
//!   the trait itself.
//! - [`jsonrpc`], [`trpc`], [`socket`]: the wires. [`Endpoint`] composes them for applications without an HTTP layer of
//!   their own.
//! - [`describe`]: the OpenRPC document and the TypeScript modules.
//!
//! ```
//! use std::sync::Arc;
//!
//! use procedures::{Access, CallOptions, Context, Error, FunctionCall, Functions, Input, NoInput, Registry, Router, Service, State};
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
//! fn greet(call: &FunctionCall<Greeter>, _: NoInput) -> Result<String, Error> {
//!     Ok(call.state.greeting.to_owned())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> anyhow::Result<()> {
//! let router = Router::new("greeter").query("greet", Access::Public, "Says hello.", greet);
//! let service = Functions::new(Greeter { greeting: "hello" }, Registry::new(vec![router])?);
//!
//! // The wires do this for each request.
//! let context = Arc::new(Context::new(()));
//! let answer = service.call(&context, "greeter.greet", Input::Text(None), CallOptions::default()).await;
//! assert_eq!(answer.result?.get(), r#""hello""#);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/todo.rs` is a whole server.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod access;
mod body;
mod budget;
mod context;
mod dates;
pub mod describe;
mod echo;
mod endpoint;
mod entries;
mod error;
mod functions;
mod idempotency;
mod input;
pub mod jsonrpc;
mod limits;
mod mark;
mod procedure;
mod registry;
mod router;
mod service;
pub mod socket;
mod subscriptions;
pub mod trpc;

pub use self::{
    access::{Access, Bucket, Kind},
    body::{Body, collect, whole},
    budget::{Budget, Share},
    context::{Allowance, Context},
    dates::Dates,
    endpoint::{Credentials, Endpoint},
    error::{Code, Error, ErrorData, ErrorObject, Issue, Result, milliseconds},
    functions::{Events, Function, FunctionCall, FunctionReply, Functions, State},
    idempotency::{
        IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_MEMBER, IDEMPOTENCY_REPLAYED, IDEMPOTENCY_REPLAYED_MEMBER, IdempotencyKey,
    },
    input::{Input, InputSchema, NoInput, Parsed, decode, is_identifier},
    limits::Limits,
    mark::without_mark,
    procedure::{Example, Procedure, SharedProcedure, TypeSchemas},
    registry::{Catalogue, Registry},
    router::{Registration, Router, Signature},
    service::{Answer, CallOptions, Event, LAST_EVENT_ID, Service, Subscription},
};

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
