//! Adds the hashes of new audit entries, at intervals.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval_at},
};

use crate::{
    error::Result,
    http::{Site, drained},
    kernel::Services,
    models::audit_seal::AuditSeal,
    trail,
};

/// Seals new entries every `interval`, until the server stops.
pub(super) async fn seal(site: Arc<Site>, interval: Duration, mut draining: watch::Receiver<bool>) {
    let mut due = interval_at((Instant::now() + interval).into(), interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = drained(&mut draining) => return,
        }
        match seal_all(site.kernel().services()).await {
            Ok(None) => {}
            // Whoever changes the database can't change what the log has said before.
            Ok(Some(AuditSeal { id, hash })) => tracing::info!(event = id, hash, "sealed the audit log"),
            Err(error) => tracing::warn!(error = error.detail(), "could not seal the audit log"),
        }
    }
}

/// Seals what there is, page by page, and returns the newest seal if it is new.
async fn seal_all(services: &Services) -> Result<Option<AuditSeal>> {
    let deadline = || Instant::now() + services.timeouts.call;
    // Most servers have nothing to do at most times, and then don't write.
    if !services.db.read(deadline(), trail::is_due).await? {
        return Ok(None);
    }
    let mut entries = 0_usize;
    loop {
        let sealed = services.db.write(deadline(), trail::seal).await?;
        entries = entries.saturating_add(sealed.entries);
        if !sealed.has_more {
            return Ok(sealed.head.filter(|_| entries > 0));
        }
    }
}
