//! The implementation of [`procedures::Service`] for this server: it authenticates, limits and authorizes a call, runs
//! its handler in a snapshot or transaction, and writes the audit entry.

mod api_tokens;
mod async_call;
mod audit;
mod call;
pub mod caller;
mod check_up;
mod client;
mod dispatch;
mod documents;
mod feed;
mod holder;
pub mod idempotency;
mod in_step;
mod invocation;
mod json;
pub mod limiter;
mod log_reader;
pub mod metrics;
mod once;
mod pipeline;
mod router;
mod run;
mod scrape;
mod services;
mod sign_in;
mod subscribers;
mod subscription;
mod usage;
mod watch;

pub use self::{
    api_tokens::ApiTokens,
    async_call::{AsyncCall, Reply},
    audit::Audited,
    call::Call,
    check_up::CheckUp,
    client::{Client, Context},
    dispatch::Kernel,
    documents::documents,
    feed::Feeds,
    in_step::InStep,
    router::{Registry, Router, registry},
    run::Run,
    scrape::scrape,
    services::{Services, Timeouts},
    subscribers::Subscribers,
    watch::{Signal, Watch},
};
