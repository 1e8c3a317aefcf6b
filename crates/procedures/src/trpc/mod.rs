//! The tRPC wire (v11): over HTTP by [`Trpc`], over WebSockets by [`socket::Trpc`](crate::socket::Trpc). Its rules are those
//! of tRPC's own server, `@trpc/server/src/unstable-core-do-not-import/http/resolveResponse.ts`.

mod batch;
mod call;
mod connection_params;
mod envelope;
mod http;
mod jsonl;
pub(crate) mod message;
mod old_stream;
mod request;
pub(crate) mod responder;
mod shape;
mod sse;
mod superjson;
mod transformer;

pub use self::{
    connection_params::ConnectionParams,
    http::{Trpc, VARY},
    request::{Request, Verb},
    shape::refuse,
    transformer::Transformer,
};
