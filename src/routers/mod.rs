//! The procedures, one file per namespace: input and output types, handlers, registrations.

mod admin;
mod auth;
mod customer;
pub mod example;
mod hello;
mod k8s;
mod k8s_watch;
mod page;
mod rpc;
mod stripe;
mod user;
mod webhooks;

use crate::rpc::Router;

/// Every namespace of the server.
pub fn all() -> Vec<Router> {
    vec![
        hello::router(),
        auth::router(),
        k8s::router(),
        customer::router(),
        user::router(),
        admin::router(),
        stripe::router(),
        rpc::router(),
    ]
}

/// The output of a mutation that has nothing else to say.
#[derive(Clone, Copy, Debug, serde::Serialize, schemars::JsonSchema)]
pub(crate) struct Success {
    /// A failure is an error.
    #[schemars(extend("const" = true))]
    success: bool,
}

const SUCCESS: Success = Success { success: true };
