//! The tRPC wire (v11), as far as it goes without HTTP: calls of a request in, their answers out. Its rules are those of
//! tRPC's own server, `@trpc/server/src/unstable-core-do-not-import/http/resolveResponse.ts`.

mod batch;
mod events;
mod lines;
mod message;
mod request;
mod shape;
mod socket;
mod transformer;

pub use self::{
    batch::{Answer, Calls},
    events::Begun,
    message::{Call, Message, connection_params, read},
    request::{Request, Verb},
    shape::refuse,
    socket::{Dialect, Reply},
    transformer::Transformer,
};
