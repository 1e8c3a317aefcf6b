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
    /// The interval of pings on WebSockets and event streams. A WebSocket that misses two is closed.
    pub ping_interval: Duration,
    /// Calls in flight on one WebSocket. Further messages are not read until one is answered.
    pub socket_calls: usize,
    /// Subscriptions on one WebSocket.
    pub socket_subscriptions: usize,
}

impl Default for Limits {
    /// 1 MiB in, 10 MiB out, 50 calls in a batch, a ping every 30 s, 64 calls and 64 subscriptions on a WebSocket.
    fn default() -> Self {
        Self {
            request_bytes: 1024 * 1024,
            response_bytes: 10 * 1024 * 1024,
            batch_entries: 50,
            ping_interval: Duration::from_secs(30),
            socket_calls: 64,
            socket_subscriptions: 64,
        }
    }
}
