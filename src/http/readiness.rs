//! Whether the database can serve requests. Anybody may ask, so there is one probe at a time, whose result is shared.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::{
    db::{self, Database, ReplicaState, migrations},
    error::Error,
};

/// How long a probe waits for the database: with the grace for what has begun, it ends within two seconds.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2).saturating_sub(db::GRACE);
/// For how long a successful probe is believed.
const FRESH: Duration = Duration::from_secs(1);

/// The last probe of the database. The lock is held during a probe.
#[derive(Clone, Default)]
pub(super) struct Readiness(Arc<Mutex<Option<Probe>>>);

/// A probe of the database.
#[derive(Clone, Copy)]
struct Probe {
    ended: Instant,
    health: Health,
}

/// What a probe has found.
#[derive(Clone, Copy)]
pub(super) struct Health {
    /// Why the database cannot serve requests; None if it can.
    pub fault: Option<&'static str>,
    /// How long the probe took.
    pub latency: Duration,
    /// What is known of the replica. Requests can be served without it.
    pub replica: Option<ReplicaState>,
}

impl Probe {
    /// Whether it answers somebody who asked at `asked`.
    fn counts(self, asked: Instant) -> bool {
        self.ended >= asked || self.health.fault.is_none() && self.ended.elapsed() < FRESH
    }
}

impl Readiness {
    /// Whether the database can serve requests.
    pub async fn of_database(&self, db: &Database) -> Health {
        let asked = Instant::now();
        let mut last = Arc::clone(&self.0).lock_owned().await;
        if let Some(probe) = last.filter(|probe| probe.counts(asked)) {
            return probe.health;
        }
        let db = db.clone();
        // In a task of its own, which goes on when the client disconnects: the next probe must not begin before its end.
        let probe = tokio::spawn(async move {
            let began = Instant::now();
            let of_database = async {
                let fault = probe(&db).await;
                (fault, began.elapsed())
            };
            let of_replica = db.probe_replica(DATABASE_TIMEOUT + db::GRACE);
            let ((fault, latency), replica) = tokio::join!(of_database, of_replica);
            let health = Health { fault, latency, replica };
            *last = Some(Probe { ended: Instant::now(), health });
            health
        });
        let failed = Health { fault: Some("the probe failed"), latency: Duration::ZERO, replica: None };
        probe.await.unwrap_or(failed)
    }
}

async fn probe(db: &Database) -> Option<&'static str> {
    let deadline = Instant::now() + DATABASE_TIMEOUT;
    match db.read(deadline, |conn| Ok(migrations::is_current(conn)?)).await {
        Ok(true) => {}
        Ok(false) => return Some("the database is not migrated to this version"),
        Err(error) if is_busy(&error) => return Some("too many reads wait for the database"),
        Err(_) => return Some("the database does not answer"),
    }
    match db.probe_write(deadline).await {
        Ok(()) => None,
        Err(Error::Timeout | Error::OutcomeUnknown) => Some("the database does not finish writes"),
        Err(error) if is_busy(&error) => Some("too many writes wait for the database"),
        Err(_) => Some("the database accepts no writes"),
    }
}

/// Whether the queue of the database was full.
fn is_busy(error: &Error) -> bool {
    matches!(error, Error::Unavailable { reason, .. } if reason == db::BUSY)
}
