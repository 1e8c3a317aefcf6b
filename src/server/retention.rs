//! The removal of old data at intervals, by one of several servers.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval_at, sleep},
};
use uuid::Uuid;

use crate::{
    config::{Age, Limits, Settings},
    db::{DatabaseUrl, DbConnection, Manager, Purpose, Timestamp, transaction},
    error::{self, Error},
    http::{Site, drained},
    kernel::{Services, idempotency},
    models::{
        audit::Door,
        cluster_series,
        scheduled_job::{self, ARCHIVE, PURGE},
        session::Session,
        sign_in_link,
        stored_answer::StoredAnswer,
        used_sign_in,
    },
    retention::{AuditPrefix, Kind, Purge, Purger},
    trail::{self, Format},
};

/// The actor in the audit log.
const ACTOR: &str = "server";
/// Rows that are removed in a transaction.
const ROWS: i64 = 1000;
/// The pause between two transactions, in which callers write.
const PAUSE: Duration = Duration::from_millis(25);
/// The longest time that a chart shows, and a day.
const CHART: Duration = Duration::from_secs(401 * 24 * 60 * 60);

/// What the settings say.
#[derive(Clone)]
pub(super) struct Retention {
    ages: Vec<(Kind, Age)>,
    archive: Option<Archive>,
    interval: Duration,
    archive_interval: Duration,
}

/// Where old entries of the audit log are moved to.
#[derive(Clone)]
struct Archive {
    age: Age,
    folder: PathBuf,
    url: DatabaseUrl,
}

impl Retention {
    /// Reads the settings.
    ///
    /// # Errors
    /// When the folder for entries of the audit log does not exist.
    pub fn new(settings: &Settings, limits: &Limits) -> Result<Self> {
        let kept = &settings.retention;
        let ages = [
            (Kind::Clusters, kept.retention_clusters),
            (Kind::Users, kept.retention_users),
            (Kind::Events, kept.retention_events),
            (Kind::Webhooks, Some(kept.webhooks.retention_webhooks)),
            (Kind::Addresses, kept.retention_addresses),
        ];
        let archive = match (kept.retention_audit, &kept.retention_audit_dir) {
            (Some(_), Some(folder)) if !folder.is_dir() => {
                bail!("RETENTION_AUDIT_DIR: {} is not a folder", folder.display())
            }
            (Some(age), Some(folder)) => {
                Some(Archive { age, folder: folder.clone(), url: DatabaseUrl::from_settings(&settings.data)? })
            }
            _ => None,
        };
        let (interval, archive_interval) = (limits.purge_interval, limits.archive_interval);
        let ages = ages.into_iter().filter_map(|(kind, age)| Some((kind, age?))).collect();
        Ok(Self { ages, archive, interval, archive_interval })
    }

    /// Removes what is old at intervals, until the server stops.
    pub async fn run(self, site: Arc<Site>, mut draining: watch::Receiver<bool>) {
        let mut due = interval_at((Instant::now() + self.interval).into(), self.interval);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = due.tick() => {}
                () = drained(&mut draining) => return,
            }
            tokio::select! {
                () = self.remove(site.kernel().services()) => {}
                () = drained(&mut draining) => return,
            }
        }
    }

    async fn remove(&self, services: &Services) {
        // Ticks of servers are not synchronous.
        match claim(services, PURGE, self.interval / 2).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!(error = error.detail(), "could not begin to remove old data"),
        }
        let by = Purger { actor: ACTOR, door: Door::Server, request_id: Uuid::new_v4().to_string() };
        for (kind, age) in &self.ages {
            let before = Timestamp::now().minus(age.duration());
            let (what, mut purge) = (kind.as_str(), Purge::new(*kind, before));
            match remove_kind(services, &mut purge, &by).await {
                Ok(()) if purge.removed == 0 => {}
                Ok(()) => tracing::info!(what, removed = purge.removed, "removed old data"),
                Err(error) => tracing::warn!(what, error = error.detail(), "could not remove old data"),
            }
        }
        remove_expired(services).await;
        if let Some(archive) = &self.archive {
            let due = self.archive_interval.saturating_sub(self.interval / 2);
            match archive.run_if_due(services, due, by).await {
                Ok(0) => {}
                Ok(entries) => tracing::info!(entries, "moved old entries of the audit log to a file"),
                Err(error) => tracing::error!(error = format!("{error:#}"), "could not shorten the audit log"),
            }
        }
    }
}

/// Whether this server has to do a job that no server has begun within `pause`.
async fn claim(services: &Services, name: &'static str, pause: Duration) -> error::Result<bool> {
    let now = Timestamp::now();
    let begin = move |conn: &mut _| Ok(scheduled_job::claim(conn, name, now, now.minus(pause))?);
    services.db.write(deadline(services), begin).await
}

async fn remove_kind(services: &Services, purge: &mut Purge, by: &Purger) -> error::Result<()> {
    while !purge.is_done {
        let (this, by) = (purge.clone(), by.clone());
        let portion = services.db.write(deadline(services), move |conn| this.next(conn, &by, Timestamp::now())).await?;
        purge.add(portion);
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Removes expired rows. Their ages are fixed.
async fn remove_expired(services: &Services) {
    let now = Timestamp::now();
    for (what, removed) in [
        ("stored answers", remove_until(services, idempotency::oldest_kept(now), StoredAnswer::purge).await),
        ("sessions", remove_until(services, now, Session::purge).await),
        ("links to sign in", remove_until(services, now, sign_in_link::purge).await),
        ("sums of locations", remove_until(services, now.minus(CHART), cluster_series::forget_locations).await),
        ("attempts to sign in", remove_until(services, now, used_sign_in::purge).await),
    ] {
        match removed {
            Ok(0) => {}
            Ok(removed) => tracing::info!(what, removed, "removed old data"),
            Err(error) => tracing::warn!(what, error = error.detail(), "could not remove old data"),
        }
    }
}

/// Removes all rows up to a time in short transactions, and returns how many.
async fn remove_until<E>(
    services: &Services,
    until: Timestamp,
    purge: fn(&mut DbConnection, Timestamp, i64) -> Result<usize, E>,
) -> error::Result<usize>
where
    Error: From<E>,
    E: 'static,
{
    let mut removed = 0_usize;
    loop {
        let portion = services.db.write(deadline(services), move |conn| Ok(purge(conn, until, ROWS)?)).await?;
        removed = removed.saturating_add(portion);
        if i64::try_from(portion).is_ok_and(|portion| portion < ROWS) {
            return Ok(removed);
        }
        sleep(PAUSE).await;
    }
}

fn deadline(services: &Services) -> Instant {
    Instant::now() + services.timeouts.call
}

impl Archive {
    async fn run_if_due(&self, services: &Services, pause: Duration, by: Purger) -> Result<u64> {
        if !claim(services, ARCHIVE, pause).await.map_err(Error::into_detail)? {
            return Ok(0);
        }
        let this = self.clone();
        // On a connection of its own, because reading the whole log takes longer than a call may.
        spawn_blocking(move || this.run(&by)).await?
    }

    fn run(&self, by: &Purger) -> Result<u64> {
        let manager = Manager { url: self.url.clone(), purpose: Purpose::Write, statement_timeout: Duration::ZERO };
        let mut conn = manager.open()?;
        trail::seal_all(&mut conn).map_err(Error::into_detail)?;
        let verdict =
            transaction::snapshot(&mut conn, |conn| trail::verify(conn, &mut |_| {})).map_err(Error::into_detail)?;
        if let Some(fault) = verdict.broken {
            bail!("it is broken at event {}: {}", fault.event_id, fault.reason);
        }
        let before = Timestamp::now().minus(self.age.duration());
        let prefix = AuditPrefix::find(&mut conn, before).map_err(Error::into_detail)?;
        if prefix.entries == 0 {
            return Ok(0);
        }
        // The same entries have the same name, so a run that was interrupted before it removed them is repeated.
        let path = self.folder.join(format!("audit-{}-{}.ndjson", prefix.after, prefix.through));
        let sha256 = prefix.export(&mut conn, &path, Format::Ndjson, true, &mut |_| {}).map_err(Error::into_detail)?;
        let mut removed = 0_u64;
        loop {
            let next = transaction::write(&mut conn, |conn| prefix.next(conn, by, &sha256, removed == 0));
            let entries = next.map_err(Error::into_detail)?;
            if entries == 0 {
                return Ok(removed);
            }
            removed = removed.saturating_add(entries);
            std::thread::sleep(PAUSE);
        }
    }
}
