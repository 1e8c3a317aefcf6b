//! The tRPC wire (v11), as far as it goes without HTTP: calls of a request in, their answers out. Its rules are those of
//! tRPC's own server, `@trpc/server/src/unstable-core-do-not-import/http/resolveResponse.ts`.

mod batch;
mod lines;
mod request;
mod shape;
mod transformer;

pub use self::{
    batch::{Answer, Calls},
    request::{Request, Verb},
    shape::refuse,
    transformer::Transformer,
};
