//! The interface between a WebSocket connection and the protocol on it.

use bytes::Bytes;
use futures_util::{future::BoxFuture, stream::BoxStream};

use crate::{budget::Share, error::Error};

/// A protocol on a WebSocket.
pub trait Protocol: Send {
    /// Handles one message. `share` is the memory that it and its answers occupy.
    fn on_message(&mut self, message: Bytes, share: Share) -> Vec<Action>;

    /// Whether the next message must introduce the client.
    fn awaits_introduction(&self) -> bool {
        false
    }

    /// The reply to an unreadable message.
    fn refuse(&self, error: &Error) -> String;

    /// The last message before the server closes the socket.
    fn goodbye(&self) -> Option<String> {
        None
    }
}

/// What the connection does about a message.
pub enum Action {
    /// Send a text now.
    Send(String),
    /// Send the output of a future when it is ready.
    Answer(BoxFuture<'static, Output>),
    /// Close the socket, for this reason.
    Close(&'static str),
}

/// What an answer sends.
#[derive(Default)]
pub struct Output {
    /// Texts to send now.
    pub texts: Vec<String>,
    /// Texts to send from then on.
    pub events: Vec<BoxStream<'static, String>>,
    /// What the texts occupy, until they are sent.
    pub share: Share,
}
