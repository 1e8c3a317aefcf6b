//! The fixed limits.

use std::time::Duration;

/// The fixed limits (docs/API.md, "Limits"). Not configurable; tests use smaller ones.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What the wires enforce. Request bodies over HTTP have the same limit as WebSocket messages.
    pub wire: procedures::Limits,
    /// Deadline of a call.
    pub call_timeout: Duration,
    /// Most connections at a time.
    pub connections: usize,
    /// Timeout for the body of a request.
    pub body_timeout: Duration,
    /// How long a connection beyond the limits may last. It is answered one request about the server's health.
    pub reserve_timeout: Duration,
    /// Most jobs that wait for a database thread.
    pub queued_jobs: usize,
    /// Interval of removing old data.
    pub purge_interval: Duration,
    /// Interval of moving old audit entries to a file.
    pub archive_interval: Duration,
    /// Interval of adding the hashes of new audit entries.
    pub seal_interval: Duration,
    /// Interval of adding changes of clusters to their numbers over time.
    pub fold_interval: Duration,
    /// Most events buffered for the slowest subscriber; one that falls further behind reads them from the database.
    pub feed_events: usize,
    /// Most subscriptions of one user, on all connections together. Twice those of a WebSocket: a client whose network
    /// changed subscribes again before its old socket is known to be dead.
    pub user_subscriptions: usize,
    /// Interval of checking whether a subscriber still has access.
    pub recheck_interval: Duration,
    /// Polling interval for new events when no commit is notified.
    pub feed_interval: Duration,
    /// How old the answers of a replica may be, except those to a caller who has written since.
    pub staleness: Duration,
    /// How long a call waits for the store of rate limits that all servers share.
    pub store_patience: Duration,
    /// For how long that store is left alone after a failure.
    pub store_pause: Duration,
    /// Interval of removing callers with an unused limit from a store in PostgreSQL.
    pub store_sweep: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wire: procedures::Limits::default(),
            call_timeout: Duration::from_secs(30),
            connections: 10_000,
            body_timeout: Duration::from_secs(30),
            reserve_timeout: Duration::from_secs(5),
            queued_jobs: 1024,
            purge_interval: Duration::from_secs(10 * 60),
            archive_interval: Duration::from_secs(24 * 60 * 60),
            seal_interval: Duration::from_secs(60),
            fold_interval: Duration::from_secs(60),
            recheck_interval: Duration::from_secs(30),
            feed_events: 1024,
            user_subscriptions: 128,
            feed_interval: Duration::from_secs(1),
            staleness: Duration::from_secs(10),
            store_patience: Duration::from_millis(100),
            store_pause: Duration::from_secs(5),
            store_sweep: Duration::from_secs(60),
        }
    }
}
