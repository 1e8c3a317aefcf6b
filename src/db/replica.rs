//! The read replica. It answers a query only if it has what the caller wrote, is not too far behind and says so quickly; else
//! the primary does. So a replica that is away, hangs or lags changes nothing for callers.

use std::time::{Duration, Instant};

use tokio::{sync::oneshot, time::timeout};

use super::{
    absence::Absence,
    batch::{Company, Reading, plain},
    connection::DbConnection,
    job::{Isolation, Lane, Patience, job},
    log_position::{self, LogPosition},
    manager::is_lost,
    measures::ReplicaMeasures,
    own_writes::{OwnWrites, Reader},
    staleness::{Floor, Staleness},
    transaction,
};
use crate::{
    error::{Error, Result},
    traces::Trace,
};

/// How long the replica may take to say how far it is, including the wait for a thread.
const PATIENCE: Duration = Duration::from_millis(500);
/// How much later its threads must have noticed that a query took too long.
const GRACE: Duration = Duration::from_millis(250);
/// For how long a replica that failed or lags is left alone. One query then tries it again.
const PAUSE: Duration = Duration::from_secs(5);

/// A read replica.
pub(super) struct Replica {
    /// Jobs for its threads.
    lane: Lane,
    /// Those of queries that browse.
    browsing: Lane,
    failure: Absence,
    lag: Absence,
    own_writes: OwnWrites,
    staleness: Staleness,
    measures: ReplicaMeasures,
}

/// What is known of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// It answers queries.
    Ready,
    /// It answers, and is too far behind.
    Behind,
    /// It does not answer.
    Unavailable,
}

impl ReplicaState {
    /// For the health page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Behind => "behind",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What a replica that works makes of a query.
enum Reply<T> {
    /// The outcome of the work.
    Answer(Result<T>),
    /// The primary must do it: the replica lacks what the caller wrote.
    OwnWrite,
    /// The primary must do it: the replica is too far behind.
    Behind,
    /// The primary must do it: the replica could not finish.
    Pass,
}

/// What the replica must have replayed for a query.
#[derive(Clone, Copy)]
struct Need {
    own: Option<LogPosition>,
    floor: LogPosition,
}

impl Replica {
    /// A replica with these lanes, whose answers may be as old as `staleness`.
    pub fn new((lane, browsing): (Lane, Lane), staleness: Duration, measures: ReplicaMeasures) -> Self {
        // A moment longer, because the position of a query is taken a moment before it is compared.
        let own_writes = OwnWrites::new(staleness.saturating_add(PATIENCE));
        let (failure, lag) = (Absence::new(PAUSE), Absence::new(PAUSE));
        measures.ready.set(1);
        Self { lane, browsing, failure, lag, own_writes, staleness: Staleness::new(staleness), measures }
    }

    /// Whether a query may try it. After a pause it may be tried once; others wait for that result.
    pub fn may_try(&self) -> bool {
        self.failure.may_try() && self.lag.may_try()
    }

    /// Counts a query that does not try it.
    pub fn left_alone(&self) {
        self.measures.away.inc();
    }

    /// Notes that a caller has written.
    pub fn note_write(&self, who: &str) {
        self.own_writes.note(who);
    }

    /// What is known of it.
    pub fn state(&self) -> ReplicaState {
        match () {
            () if self.failure.lasts() => ReplicaState::Unavailable,
            () if self.lag.lasts() => ReplicaState::Behind,
            () => ReplicaState::Ready,
        }
    }

    /// Runs `work` on the replica. None when the primary must do it: the replica lacks a write of the reader, is too far
    /// behind, fails, or takes too long. `snapshot` and `reading` are as for
    /// [`Database::query_replica`](super::Database::query_replica).
    pub async fn query<T, W>(
        &self,
        deadline: Instant,
        snapshot: bool,
        reading: Reading,
        reader: &Reader,
        trace: Option<Trace>,
        work: W,
    ) -> Option<Result<T>>
    where
        T: Send + 'static,
        W: FnMut(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        let now = Instant::now();
        let Floor { position, is_old } = self.staleness.floor(reader.asked, reader.position);
        let need = Need { own: self.own_writes.needed(reader), floor: position };
        let left = deadline.saturating_duration_since(now);
        // The primary needs time too.
        let patience = Patience { deadline: now + left / 2, give_up: now + left / 2 + GRACE.min(left / 4) };
        let (confirm, confirmed) = oneshot::channel();
        let work = checked(work, snapshot, need, confirm);
        let (job, ticket) = job(plain(work), Company::none(trace), Isolation::Own, patience, None);
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
            Err(Error::Timeout) if browses => {
                self.measures.failed.inc();
                return None;
            }
            Err(error) => {
                self.measures.failed.inc();
                if self.failure.begin() {
                    tracing::warn!(error = error.detail(), "the replica does not answer; the primary does for now");
                }
                self.show_state();
                return None;
            }
        };
        let was_away = self.failure.end(now);
        let answer = self.settle(reply, is_old, was_away, now);
        self.show_state();
        answer
    }

    /// Notes what the reply says about the replica.
    fn settle<T>(&self, reply: Reply<T>, is_old: bool, was_away: bool, began: Instant) -> Option<Result<T>> {
        if was_away {
            tracing::info!("the replica answers again");
        }
        if matches!(reply, Reply::Behind) {
            self.measures.behind.inc();
            if is_old && self.lag.begin() {
                tracing::warn!("the replica is too far behind; the primary answers for now");
            }
            return None;
        }
        // Whoever lacks only the write of a caller is not too far behind.
        if self.lag.end(began) && !was_away {
            tracing::info!("the replica is not too far behind any more");
        }
        match reply {
            Reply::Answer(answer) => {
                self.measures.answered.inc();
                Some(answer)
            }
            Reply::OwnWrite => {
                self.measures.own_write.inc();
                None
            }
            Reply::Behind | Reply::Pass => {
                self.measures.failed.inc();
                None
            }
        }
    }

    fn show_state(&self) {
        self.measures.ready.set(i64::from(self.state() == ReplicaState::Ready));
    }
}

/// `work`, once the replica has what the query needs. Reports to `confirm` that the replica has said how far it is. Its error
/// is a failure of the replica.
fn checked<T>(
    mut work: impl FnMut(&mut DbConnection) -> Result<T>,
    snapshot: bool,
    need: Need,
    confirm: oneshot::Sender<()>,
) -> impl FnMut(&mut DbConnection) -> Result<Reply<T>> {
    let mut confirm = Some(confirm);
    move |conn| {
        // Before the snapshot is taken: what the replica has replayed by now, the snapshot contains.
        let replayed = log_position::replayed(conn)?;
        if confirm.take().is_some_and(|confirm| confirm.send(()).is_err()) {
            // The caller does not wait any more.
            return Err(Error::Timeout);
        }
        if replayed < Some(need.floor) {
            return Ok(Reply::Behind);
        }
        if replayed < need.own {
            return Ok(Reply::OwnWrite);
        }
        match if snapshot { transaction::snapshot(conn, &mut work) } else { work(conn) } {
            Err(error @ (Error::Internal(_) | Error::Unavailable { .. })) if is_lost(conn) => Err(error),
            // A standby cancels queries that keep it from replaying the log.
            Err(Error::Timeout | Error::Contention) => Ok(Reply::Pass),
            answer => Ok(Reply::Answer(answer)),
        }
    }
}
