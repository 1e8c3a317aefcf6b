//! The procedures, one file per namespace: input and output types, registrations, handlers.

mod admin;
mod audit;
mod auth;
mod checkout;
mod cluster;
mod cluster_detail;
mod confirmation;
mod customer;
pub mod example;
mod health;
mod hello;
mod k8s;
mod k8s_watch;
mod page;
mod reconcile;
mod rpc;
mod series;
mod session;
mod stripe;
mod success;
mod token;
mod traffic;
mod user;
mod user_detail;
mod webhooks;

use crate::kernel::Router;

/// Every namespace of the server, in the order of the generated documents.
pub fn all() -> Vec<Router> {
    vec![
        hello::router(),
        auth::router(),
        k8s::router(),
        customer::router(),
        user::router(),
        token::router(),
        session::router(),
        admin::router(),
        stripe::router(),
        rpc::router(),
    ]
}
