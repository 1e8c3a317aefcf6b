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
    /// Bytes that one WebSocket buffers for writing. A socket that would exceed it is closed, so it must be larger than
    /// any answer with its envelope.
    pub socket_write_bytes: usize,
    /// How long a peer may take to accept a message. A WebSocket whose peer takes longer is closed.
    pub socket_write_timeout: Duration,
}

impl Default for Limits {
    /// 1 MiB in, 10 MiB out, 50 calls in a batch, a ping every 30 s, 64 calls and 64 subscriptions on a WebSocket,
    /// which buffers 32 MiB and waits 30 s for its peer to accept a message.
    fn default() -> Self {
        Self {
            request_bytes: 1024 * 1024,
            response_bytes: 10 * 1024 * 1024,
            batch_entries: 50,
            ping_interval: Duration::from_secs(30),
            socket_calls: 64,
            socket_subscriptions: 64,
            socket_write_bytes: 32 * 1024 * 1024,
            socket_write_timeout: Duration::from_secs(30),
        }
    }
}
