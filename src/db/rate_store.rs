//! Counts calls against rate limits in PostgreSQL, for all servers on one database, by the generic cell rate algorithm and
//! the database's clock.
//!
//! A thread with a connection of its own runs one statement for all checks that wait, so the calls' connections and
//! transactions have no part in it. The table is not logged: a count waits for no disk and no standby.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, anyhow};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use diesel::{
    QueryableByName, RunQueryDsl, sql_query,
    sql_types::{Array, BigInt, Text},
};
use tokio::sync::oneshot;

use super::{
    cached::cached,
    connection::{DbConnection, Purpose},
    dialect,
    manager::Manager,
    rate::{Count, Rate},
    threads::spawn,
    url::DatabaseUrl,
};

/// Checks that may wait for the thread.
const WAITING: usize = 4096;
/// Checks that are counted together.
const GROUP: usize = 256;
/// PostgreSQL cancels a statement that takes longer. Callers have given up long before.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Takes as many of the calls that each key wants as its limit has left. `$1` and `$2` are the keys and the numbers of their
/// calls, `$3` the microseconds of a call and `$4` the calls of the limit. The keys have one order, so that two servers can't
/// deadlock.
const TAKE: &str = "
    INSERT INTO rate_limits AS known (key, full_at, taken, counted_at)
    SELECT key, now + least(wanted, $4) * $3, least(wanted, $4), now
    FROM (
        SELECT unnest($1) AS key, unnest($2) AS wanted,
            (extract(epoch FROM statement_timestamp()) * 1000000)::bigint AS now
    ) AS asked ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        taken = least(excluded.taken, greatest($4 - (greatest(known.full_at - excluded.counted_at, 0) + $3 - 1) / $3, 0)),
        full_at = greatest(known.full_at, excluded.counted_at) + $3
            * least(excluded.taken, greatest($4 - (greatest(known.full_at - excluded.counted_at, 0) + $3 - 1) / $3, 0)),
        counted_at = excluded.counted_at
    RETURNING key, taken, full_at - counted_at AS full_in";

/// What is used of the limits of keys.
const LOOK: &str = "
    SELECT key, 0::bigint AS taken,
        greatest(full_at - (extract(epoch FROM statement_timestamp()) * 1000000)::bigint, 0) AS full_in
    FROM rate_limits WHERE key = ANY($1)";

/// Removes callers with an unused limit, who are the same as unknown ones. It waits for nobody, and so can't deadlock; checks of
/// what it removes wait for it, so it removes few at a time.
const SWEEP: &str = "
    DELETE FROM rate_limits WHERE key IN (
        SELECT key FROM rate_limits WHERE full_at < (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
        LIMIT $1 FOR UPDATE SKIP LOCKED
    )";
/// Callers that are removed at a time.
const SWEPT: i64 = 2000;

/// A store of rate limits. The threads end when it is dropped.
pub struct RateStore {
    checks: Sender<Check>,
    /// Ends the thread that sweeps.
    _alive: Sender<()>,
}

/// A check that waits.
struct Check {
    rate: Rate,
    key: String,
    counts: bool,
    reply: oneshot::Sender<Result<Count, Arc<str>>>,
}

/// What a statement says of a key.
#[derive(Clone, Copy, Default)]
struct Used {
    /// Calls that it has counted.
    taken: i64,
    /// Microseconds until the whole limit is available.
    full_in: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    taken: i64,
    #[diesel(sql_type = BigInt)]
    full_in: i64,
}

impl RateStore {
    /// A store in the database at `url`, which may still be away. Every `sweep` it removes callers with an unused limit.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn open(url: &DatabaseUrl, sweep: Duration) -> anyhow::Result<Self> {
        let manager = Manager { url: url.clone(), purpose: Purpose::Write, statement_timeout: STATEMENT_TIMEOUT };
        let ((checks, waiting), (alive, ended)) = (bounded(WAITING), bounded(0));
        let has_counted = Arc::new(AtomicBool::new(false));
        let counting = Counting { manager: manager.clone(), connection: None, has_counted: Arc::clone(&has_counted) };
        spawn("db-limits", move || counting.run(&waiting))?;
        spawn("db-limits-sweep", move || {
            while ended.recv_timeout(sweep) == Err(RecvTimeoutError::Timeout) {
                // On a connection of its own, because it reads the whole table.
                if has_counted.swap(false, Ordering::Relaxed)
                    && let Err(error) =
                        manager.open().map_err(anyhow::Error::from).and_then(|mut conn| clean(&mut conn))
                {
                    tracing::warn!(error = format!("{error:#}"), "could not remove unused rate limits");
                }
            }
        })?;
        Ok(Self { checks, _alive: alive })
    }

    /// Counts a call against the limit of `key`, if `counts` says so and the limit has it left.
    ///
    /// # Errors
    /// When the database does not count it. The text is for the log.
    pub async fn count(&self, rate: Rate, key: String, counts: bool) -> anyhow::Result<Count> {
        let (reply, answer) = oneshot::channel();
        let check = Check { rate, key, counts, reply };
        self.checks.try_send(check).map_err(|_full| anyhow!("too many checks wait"))?;
        answer.await.context("the thread of the rate limits has ended")?.map_err(|error| anyhow!("{error}"))
    }
}

/// What the thread that counts has.
struct Counting {
    manager: Manager,
    connection: Option<DbConnection>,
    has_counted: Arc<AtomicBool>,
}

impl Counting {
    fn run(mut self, waiting: &Receiver<Check>) {
        // Before the first check, so that it is answered in time. If the database is away, the first check says so.
        drop(self.connect());
        while let Ok(first) = waiting.recv() {
            let checks = std::iter::once(first).chain(waiting.try_iter().take(GROUP));
            let mut limits = BTreeMap::<Rate, BTreeMap<String, Vec<Check>>>::new();
            // Others were answered without us.
            for check in checks.filter(|check| !check.reply.is_closed()) {
                limits.entry(check.rate).or_default().entry(check.key.clone()).or_default().push(check);
            }
            for (rate, keys) in limits {
                match self.count(rate, &keys) {
                    Ok(used) => {
                        for (key, checks) in keys {
                            answer(rate, used.get(&key).copied().unwrap_or_default(), checks);
                        }
                    }
                    Err(error) => {
                        self.connection = None;
                        let error: Arc<str> = format!("{error:#}").into();
                        let checks = keys.into_values().flatten();
                        checks.for_each(|check| drop(check.reply.send(Err(Arc::clone(&error)))));
                    }
                }
            }
        }
    }

    fn connect(&mut self) -> anyhow::Result<&mut DbConnection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.manager.open()?,
        };
        Ok(self.connection.insert(connection))
    }

    fn count(&mut self, rate: Rate, keys: &BTreeMap<String, Vec<Check>>) -> anyhow::Result<BTreeMap<String, Used>> {
        self.has_counted.store(true, Ordering::Relaxed);
        let connection = dialect::postgres(self.connect()?).context("rate limits are not counted in SQLite")?;
        let (mut taking, mut wanted, mut looking) = (Vec::new(), Vec::new(), Vec::new());
        for (key, checks) in keys {
            match i64::try_from(checks.iter().filter(|check| check.counts).count())? {
                0 => looking.push(key.as_str()),
                calls => {
                    taking.push(key.as_str());
                    wanted.push(calls);
                }
            }
        }
        let mut rows = Vec::<Row>::new();
        if !taking.is_empty() {
            let take = sql_query(TAKE).bind::<Array<Text>, _>(&taking).bind::<Array<BigInt>, _>(&wanted);
            let take = take.bind::<BigInt, _>(rate.microseconds()).bind::<BigInt, _>(i64::from(rate.calls()));
            rows.extend(cached(take).load::<Row>(connection)?);
        }
        if !looking.is_empty() {
            rows.extend(cached(sql_query(LOOK).bind::<Array<Text>, _>(&looking)).load::<Row>(connection)?);
        }
        Ok(rows.into_iter().map(|Row { key, taken, full_in }| (key, Used { taken, full_in })).collect())
    }
}

/// Answers the checks of one key: the first are those that were counted.
fn answer(rate: Rate, Used { taken, full_in }: Used, checks: Vec<Check>) {
    let mut uncounted = taken;
    for check in checks {
        let is_counted = check.counts && uncounted > 0;
        uncounted = uncounted.saturating_sub(i64::from(is_counted));
        let count = if is_counted {
            // What was used after this one.
            Count::counted(full_in.saturating_sub(uncounted.saturating_mul(rate.microseconds())))
        } else {
            rate.uncounted(full_in)
        };
        drop(check.reply.send(Ok(count)));
    }
}

fn clean(connection: &mut DbConnection) -> anyhow::Result<()> {
    let Some(connection) = dialect::postgres(connection) else { return Ok(()) };
    while sql_query(SWEEP).bind::<BigInt, _>(SWEPT).execute(connection)? > 0 {}
    Ok(())
}
