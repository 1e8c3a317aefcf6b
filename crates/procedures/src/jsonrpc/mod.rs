//! The JSON-RPC 2.0 wire, on jsonrpsee.
//!
//! [`JsonRpcService`] is the surface: any jsonrpsee server can host it. [`Gate`] reads messages strictly and feeds it.

mod batch;
mod envelope;
mod gate;
mod message;
mod odd_ids;
mod replays;
mod service;
mod session;
mod stock;

pub(crate) use self::envelope::{present, within_limit};
pub use self::{
    gate::{Gate, Incoming, MessageReply},
    message::refuse,
    service::JsonRpcService,
    session::Session,
    stock::{Layer, subscriptions},
};
