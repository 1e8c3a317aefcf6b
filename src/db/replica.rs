//! The read replica. It answers a query only if it is not behind and says so quickly; else the primary does. So a replica
//! that is away, hangs or lags changes nothing for callers.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};

use super::{
    batch::{Company, Reading, plain},
    connection::DbConnection,
    dialect::{self, LogPosition},
    job::{Isolation, Lane, Patience, job},
    manager::is_lost,
    transaction,
};
use crate::error::{Error, Result};

/// How long the replica may take to say whether it is behind, including the wait for a thread.
const PATIENCE: Duration = Duration::from_millis(500);
/// How much later its threads must have noticed that a query took too long.
const GRACE: Duration = Duration::from_millis(250);
/// For how long a replica that failed is left alone. One query then tries it again.
const PAUSE: Duration = Duration::from_secs(5);

/// A read replica.
pub(super) struct Replica {
    /// Jobs for its threads.
    pub lane: Lane,
    /// Those of queries that browse.
    pub browsing: Lane,
    /// Until when to leave it alone, after a failure.
    pub avoid_until: Mutex<Option<Instant>>,
}

/// What a replica that works makes of a query.
enum Reply<T> {
    /// The outcome of the work.
    Answer(Result<T>),
    /// The primary must do it: the replica is behind, or could not finish.
    Pass,
}

impl Replica {
    /// Whether a query may try it. After a pause it may be tried once; others wait for that result.
    pub fn may_try(&self) -> bool {
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
    /// long. `snapshot` and `reading` are as for [`Database::query_replica`](super::Database::query_replica).
    pub async fn query<T, W>(
        &self,
        deadline: Instant,
        snapshot: bool,
        reading: Reading,
        position: LogPosition,
        work: W,
    ) -> Option<Result<T>>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        // The primary needs time too.
        let patience = Patience { deadline: now + left / 2, give_up: now + left / 2 + GRACE.min(left / 4) };
        let (confirm, confirmed) = oneshot::channel();
        let work = checked(work, snapshot, position, confirm);
        let (job, ticket) = job(plain(work), Company::default(), Isolation::Own, patience, None);
        let browses = reading == Reading::Browsing;
        let lane = if browses { &self.browsing } else { &self.lane };
        let (is_confirmed, outcome) = match lane.try_send(job) {
            Err(_full) => (false, Err(Error::Timeout)),
            Ok(()) => match timeout(PATIENCE.min(left / 4), confirmed).await {
                Ok(confirmed) => (confirmed.is_ok(), ticket.answer(Error::Timeout).await),
                Err(_elapsed) => (false, Err(Error::Timeout)),
            },
        };
        let reply = match outcome {
            Ok(reply) => reply,
            // A slow query says nothing about the replica.
            Err(Error::Timeout) if is_confirmed => Reply::Pass,
            // Nor does one that had to wait for other slow queries.
            Err(Error::Timeout) if browses => return None,
            Err(error) => {
                self.avoid(&error);
                return None;
            }
        };
        *self.avoid_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match reply {
            Reply::Answer(answer) => Some(answer),
            Reply::Pass => None,
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

/// `work`, once the replica has replayed the log up to `position`. Reports to `confirm` that the replica has answered that.
/// Its error is a failure of the replica.
fn checked<T>(
    mut work: impl FnMut(&mut DbConnection) -> Result<T>,
    snapshot: bool,
    position: LogPosition,
    confirm: oneshot::Sender<()>,
) -> impl FnMut(&mut DbConnection) -> Result<Reply<T>> {
    let mut confirm = Some(confirm);
    move |conn| {
        // Before the snapshot is taken: what the replica has replayed by now, the snapshot contains.
        let has_replayed = dialect::has_replayed(conn, position)?;
        if confirm.take().is_some_and(|confirm| confirm.send(()).is_err()) {
            // The caller does not wait any more.
            return Err(Error::Timeout);
        }
        if !has_replayed {
            return Ok(Reply::Pass);
        }
        match if snapshot { transaction::snapshot(conn, &mut work) } else { work(conn) } {
            Err(error @ (Error::Internal(_) | Error::Unavailable { .. })) if is_lost(conn) => Err(error),
            // A standby cancels queries that keep it from replaying the log.
            Err(Error::Timeout | Error::Contention) => Ok(Reply::Pass),
            answer => Ok(Reply::Answer(answer)),
        }
    }
}
