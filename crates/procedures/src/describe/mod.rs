//! Documents: OpenRPC for people and tools, TypeScript for clients. They are pure functions of a
//! [`Catalogue`](crate::Catalogue).

mod about;
mod discover;
mod documents;
mod openrpc;
mod schemas;
mod typescript;

pub use self::{
    about::About,
    documents::{Document, Documents},
    openrpc::OpenRpc,
    schemas::{Described, Field, Schemas},
};
