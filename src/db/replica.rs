//! The read replica. It answers a query only if it does so quickly and is not behind; else the primary does. So a replica
//! that is away, hangs or lags changes nothing for callers.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    connection::DbConnection,
    dialect::{self, LogPosition},
    job::{Isolation, Patience, job},
    stopper::Stopper,
    threads::Lane,
    transaction,
};
use crate::error::{Error, Result};

/// How long the replica may take, including the wait for a thread. PostgreSQL cancels a statement that takes longer.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// How much later its threads must have noticed that.
const GRACE: Duration = Duration::from_millis(250);
/// For how long a replica that failed is left alone. One query then tries it again.
const PAUSE: Duration = Duration::from_secs(5);

/// A read replica.
pub(super) struct Replica {
    /// Jobs for its threads.
    pub lane: Lane,
    /// Stops its processes that hang.
    pub stopper: Stopper,
    /// Until when to leave it alone, after a failure.
    pub avoid_until: Mutex<Option<Instant>>,
}

impl Replica {
    /// Whether a query may try it. After a pause it may be tried once; others wait for that result.
    pub fn is_promising(&self) -> bool {
        let mut avoid_until = self.avoid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match *avoid_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                *avoid_until = Some(now + PAUSE);
                true
            }
        }
    }

    /// Runs `work` on the replica. None when the primary must do it: the replica is behind `position`, fails, or takes too
    /// long. `snapshot` is as for [`Database::query`](super::Database::query).
    pub async fn query<T, W>(
        &self,
        deadline: Instant,
        snapshot: bool,
        position: LogPosition,
        mut work: W,
    ) -> Option<Result<T>>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        let now = Instant::now();
        // The primary needs time too.
        let patience = PATIENCE.min(deadline.saturating_duration_since(now) / 4);
        let patience = Patience { deadline: now + patience, give_up: now + patience + GRACE.min(patience) };
        let work = move |conn: &mut DbConnection| {
            // Before the snapshot is taken: what the replica has replayed by now, the snapshot contains.
            if !dialect::has_replayed(conn, position)? {
                return Ok(None);
            }
            let result = if snapshot { transaction::snapshot(conn, &mut work) } else { work(conn) };
            result.map(Some)
        };
        let (job, ticket) = job(work, Isolation::Own, patience, Some(self.stopper.clone()));
        let outcome = match self.lane.try_send(job) {
            Ok(()) => ticket.answer(Error::Timeout).await,
            Err(_full) => Err(Error::Timeout),
        };
        match outcome {
            Err(error @ (Error::Timeout | Error::Unavailable { .. } | Error::Contention | Error::Internal(_))) => {
                self.avoid(&error);
                None
            }
            outcome => {
                *self.avoid_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
                outcome.transpose()
            }
        }
    }

    fn avoid(&self, error: &Error) {
        let mut avoid_until = self.avoid_until.lock().unwrap_or_else(PoisonError::into_inner);
        if avoid_until.is_none() {
            tracing::warn!(error = error.detail(), "the replica does not answer; the primary does for now");
        }
        *avoid_until = Some(Instant::now() + PAUSE);
    }
}
