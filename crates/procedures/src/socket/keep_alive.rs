//! Keep-alive of a WebSocket: when to ping, and when a peer has been silent for too long.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// The pings of one socket.
pub struct KeepAlive {
    ticks: Interval,
    /// When the first ping was sent that has not been followed by a message of the peer.
    silent_since: Option<Instant>,
}

impl KeepAlive {
    /// Pings at once and then in every interval.
    pub fn new(period: Duration) -> Self {
        let mut ticks = interval(period.max(Duration::from_millis(1)));
        // Ticks that were missed while the machine was paused must not come all at once: no peer can answer in between.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, silent_since: None }
    }

    /// Notes a sign of life of the peer: any message.
    pub fn heard(&mut self) {
        self.silent_since = None;
    }

    /// Waits for the next ping. False when the peer has been silent for two intervals since the first unanswered one, and
    /// is gone. Safe to cancel.
    pub async fn next(&mut self) -> bool {
        let due = self.ticks.tick().await;
        let now = Instant::now();
        let Some(since) = self.silent_since else {
            self.silent_since = Some(now);
            return true;
        };
        // Nothing was read while the tick was late: the machine was paused, or too many calls were in flight.
        let since = since.checked_add(now.saturating_duration_since(due)).unwrap_or(now);
        self.silent_since = Some(since);
        // Ticks are not exact. Half an interval separates the second tick after a ping from the first.
        let period = self.ticks.period();
        now.saturating_duration_since(since) < period.saturating_add(period / 2)
    }
}
