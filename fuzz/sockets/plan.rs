//! One request of a run, made from random numbers alone, so that it can be made again.

use std::fmt;

use rand::{Rng, RngExt};

use crate::{
    calls::Calls, connection::Connection, conversation::Conversation, exchange::Exchange, odd::Odd, report::Outcome,
    token::Secrets, webhook,
};

/// A request.
pub enum Plan {
    /// One HTTP request.
    Exchange(Exchange),
    /// A WebSocket with a few messages.
    Conversation(Conversation),
    /// Unusual or broken HTTP.
    Odd(Odd),
}

impl Plan {
    pub fn new(rng: &mut impl Rng, number: u64, calls: &Calls, secrets: &Secrets) -> Self {
        match rng.random_range(0..100) {
            0..28 => Self::Exchange(Exchange::jsonrpc(rng, number, calls, secrets)),
            28..58 => Self::Exchange(Exchange::trpc(rng, calls, secrets)),
            58..64 => Self::Exchange(Exchange::events(rng, calls, secrets)),
            64..72 => Self::Exchange(webhook::exchange(rng, secrets)),
            72..80 => Self::Conversation(Conversation::jsonrpc(rng, calls, secrets)),
            80..88 => Self::Conversation(Conversation::trpc(rng, calls, secrets)),
            _ => Self::Odd(Odd::new(rng, secrets)),
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Exchange(exchange) => exchange.kind,
            Self::Conversation(conversation) => conversation.kind,
            Self::Odd(odd) => odd.kind,
        }
    }

    /// Sends it and checks all answers.
    pub async fn run(&self, connection: &mut Connection) -> Outcome {
        let mut outcome = Outcome::default();
        let run = match self {
            Self::Exchange(exchange) => exchange.run(connection, &mut outcome).await,
            Self::Conversation(conversation) => conversation.run(connection.address, &mut outcome).await,
            Self::Odd(odd) => odd.run(connection, &mut outcome).await,
        };
        if let Err(wrong) = run {
            connection.close();
            outcome.findings.push(wrong);
        }
        outcome
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(exchange) => write!(f, "{}", exchange.bytes.escape_ascii()),
            Self::Conversation(conversation) => conversation.fmt(f),
            Self::Odd(odd) => write!(f, "{}", odd.bytes.escape_ascii()),
        }
    }
}
