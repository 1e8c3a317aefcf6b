//! WebSockets (RFC 6455): the handshake, the connection, and the two protocols on it.

mod connection;
mod frames;
mod handshake;
mod inbound;
mod jsonrpc;
mod keep_alive;
mod protocol;
mod stream;
mod trpc;

pub use self::{
    connection::Connection,
    handshake::{Handshake, Subprotocols, introduces, is_upgrade},
    inbound::Introduced,
    jsonrpc::JsonRpc,
    protocol::{Action, Output, Protocol},
    trpc::{Introduce, Opening, Trpc},
};
