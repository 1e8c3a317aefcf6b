//! Tells the service manager (sd_notify(3)) when the server listens, that it is alive, and when it stops. Does nothing without
//! `NOTIFY_SOCKET` in the environment.

use sd_notify::NotifyState;

/// Reports that the server listens. From then on it also reports, as often as the watchdog asks for, that the runtime works.
pub fn ready() {
    tell(NotifyState::Ready);
    if let Some(limit) = sd_notify::watchdog_enabled() {
        tokio::spawn(async move {
            // A third of the time, so that one late message does no harm.
            let mut due = tokio::time::interval(limit / 3);
            loop {
                due.tick().await;
                tell(NotifyState::Watchdog);
            }
        });
    }
}

/// Reports that the server stops.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "could not tell the service manager");
    }
}
