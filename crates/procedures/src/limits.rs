//! The limits of the wires.

use std::time::Duration;

/// Limits that the wires enforce, whatever the application does.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a WebSocket message. The HTTP layer limits its bodies itself.
    pub request_bytes: usize,
    /// Bytes of a response; a batch counts as one.
    pub response_bytes: usize,
    /// Calls in a batch.
    pub batch_entries: usize,
    /// The interval of pings on WebSockets and event streams. A WebSocket whose peer leaves them
    /// unanswered for two intervals is closed.
    pub ping_interval: Duration,
    /// Calls in flight on one WebSocket. Further messages are not read until one is answered.
    pub socket_calls: usize,
    /// Subscriptions on one WebSocket.
    pub socket_subscriptions: usize,
    /// Bytes that the messages of all connections occupy, arriving and leaving, beyond 16 KiB for each message. What does
    /// not fit is refused. A quarter is for strangers: clients whose credential was not verified.
    pub buffered_bytes: usize,
    /// The part of it that one WebSocket may use, and the bytes that it buffers for writing. A socket that would exceed it
    /// is closed, so it must be larger than any answer with its envelope.
    pub connection_bytes: usize,
    /// Bytes of a WebSocket message of a client that is not known.
    pub stranger_request_bytes: usize,
    /// How long a WebSocket message may take to arrive, and the first one where it introduces the client.
    pub message_timeout: Duration,
    /// How long a client that is not known may keep a WebSocket.
    pub stranger_timeout: Duration,
    /// How long a peer may take to accept a message. A WebSocket whose peer takes longer is closed. The HTTP layer enforces
    /// it for its own responses.
    pub write_timeout: Duration,
}

impl Default for Limits {
    /// 1 MiB in, 10 MiB out, 50 calls in a batch, a ping every 20 s, because some proxies close what is silent for 30 s, 64 calls and 64 subscriptions on a WebSocket, which
    /// holds 32 MiB of 96 MiB in all, and waits 10 s for its peer to send a message and 30 s to accept one. Clients that are
    /// not known: messages of 16 KiB for a minute.
    fn default() -> Self {
        Self {
            request_bytes: 1024 * 1024,
            response_bytes: 10 * 1024 * 1024,
            batch_entries: 50,
            ping_interval: Duration::from_secs(20),
            socket_calls: 64,
            socket_subscriptions: 64,
            buffered_bytes: 96 * 1024 * 1024,
            connection_bytes: 32 * 1024 * 1024,
            stranger_request_bytes: 16 * 1024,
            message_timeout: Duration::from_secs(10),
            stranger_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
        }
    }
}
