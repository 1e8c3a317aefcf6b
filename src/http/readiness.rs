//! Whether the database can serve requests. Anybody may ask, so there is one probe at a time, whose result is shared.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Mutex, time::timeout_at};

use crate::{
    db::{Database, migrations},
    error::Error,
};

/// How long a probe waits for the database.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);
/// For how long a successful probe is believed.
const FRESH: Duration = Duration::from_secs(1);

/// The last probe of the database. The lock is held during a probe.
#[derive(Clone, Default)]
pub(super) struct Readiness(Arc<Mutex<Option<Probe>>>);

/// A probe of the database.
#[derive(Clone, Copy)]
struct Probe {
    ended: Instant,
    /// Why the database cannot serve requests.
    fault: Option<&'static str>,
}

impl Probe {
    /// Whether it answers somebody who asked at `asked`.
    fn counts(self, asked: Instant) -> bool {
        self.ended >= asked || self.fault.is_none() && self.ended.elapsed() < FRESH
    }
}

impl Readiness {
    /// Why the database cannot serve requests; None if it can.
    pub async fn fault(&self, db: &Database) -> Option<&'static str> {
        let asked = Instant::now();
        let mut last = Arc::clone(&self.0).lock_owned().await;
        if let Some(probe) = last.filter(|probe| probe.counts(asked)) {
            return probe.fault;
        }
        let db = db.clone();
        // In a task of its own, which goes on when the client disconnects: the next probe must not begin before its end.
        let probe = tokio::spawn(async move {
            let fault = probe(&db).await;
            *last = Some(Probe { ended: Instant::now(), fault });
            fault
        });
        probe.await.unwrap_or(Some("the probe failed"))
    }
}

async fn probe(db: &Database) -> Option<&'static str> {
    let deadline = Instant::now() + DATABASE_TIMEOUT;
    let current = db.read(deadline, |conn| Ok(migrations::is_current(conn)?));
    match timeout_at(deadline.into(), current).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return Some("the database is not migrated to this version"),
        Ok(Err(_)) | Err(_) => return Some("the database does not answer"),
    }
    match timeout_at(deadline.into(), db.probe_write(deadline)).await {
        Ok(Ok(())) => None,
        Ok(Err(Error::Timeout | Error::OutcomeUnknown)) | Err(_) => Some("the database does not finish writes"),
        Ok(Err(_)) => Some("the database accepts no writes"),
    }
}
