//! Reads the old rows, asks what becomes of them, and writes.

use std::time::Duration;

use super::{
    judge::{Judge, NewRows},
    known::Known,
    report::{ImportOutcome, OnConflict, Report},
};
use crate::{
    db::{
        DbConnection, Timestamp, dialect, locks,
        sequences::{self, Numbered},
    },
    error::Result,
    models::{
        bulk,
        old::{OldSnapshot, OwnedRows},
        presence,
        stripe_subscription::StripeSubscription,
    },
};

/// Users whose rows are looked up and written together.
const OWNERS: usize = 500;

/// The tables that an import writes, in the order in which the server writes them in one transaction.
const TABLES: [&str; 6] =
    ["k8s_cluster_configs", "stripe_subscriptions", "customers", "user_tombstones", "users", "stripe_events"];

/// The age up to which processed events of Stripe are imported. Stripe retries an event for up to three days.
const EVENTS: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How to import.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions {
    /// What to do with rows that break a rule.
    pub on_conflict: OnConflict,
    /// The time of the import.
    pub now: Timestamp,
}

/// The database to import into.
pub enum Target<'a> {
    /// One that does not exist yet: nothing is there.
    Absent,
    /// Looked at only.
    Read(&'a mut DbConnection),
    /// Written, in its open transaction.
    Write(&'a mut DbConnection),
}

impl Target<'_> {
    fn connection(&mut self) -> Option<&mut DbConnection> {
        match self {
            Self::Absent => None,
            Self::Read(conn) | Self::Write(conn) => Some(conn),
        }
    }

    fn writable(&mut self) -> Option<&mut DbConnection> {
        match self {
            Self::Absent | Self::Read(_) => None,
            Self::Write(conn) => Some(conn),
        }
    }
}

/// Imports all rows. The caller has to roll the transaction of the target back if the report is blocked. `progress` is told
/// the number of rows after each step.
///
/// # Errors
/// Those of the databases.
pub fn run(
    old: &mut OldSnapshot<'_>,
    mut target: Target<'_>,
    options: ImportOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Report> {
    if let Some(conn) = target.writable() {
        // Two imports at a time, and changes by a running server, would spoil what is looked up here.
        locks::lock_until_commit(conn, locks::START_UP)?;
        locks::lock_until_commit(conn, locks::STRIPE)?;
        locks::exclude_writers(conn, &TABLES)?;
        dialect::prefer_indexes(conn)?;
    }
    let mut judge = Judge::new(options.on_conflict, options.now);
    old.with_owners(|old, owners| {
        loop {
            let mut owned = Vec::new();
            while owned.len() < OWNERS
                && let Some(next) = old.next_owned(owners)?
            {
                owned.push(next);
            }
            if owned.is_empty() {
                return Ok(());
            }
            import_owned(&owned, &mut target, &mut judge)?;
            progress(owned.iter().map(rows_of).sum());
        }
    })?;
    let oldest = options.now.minus(EVENTS);
    old.each_events(|events| {
        let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        let present = target.connection().map(|conn| presence::events(conn, &ids)).transpose()?;
        let rows = judge.decide_events(&events, &present.into_iter().flatten().collect(), oldest);
        if let Some(conn) = target.writable() {
            bulk::insert_events(conn, &rows)?;
        }
        Ok(())
    })?;
    if let Some(conn) = target.writable() {
        sequences::advance(conn, Numbered::Customers, judge.last_customer)?;
        sequences::advance(conn, Numbered::Clusters, judge.last_cluster)?;
    }
    let mut report = judge.report;
    report.accounts = u64::try_from(old.accounts()?).unwrap_or_default();
    report.open_events = u64::try_from(old.open_events()?).unwrap_or_default();
    report.outcome = match target {
        _ if report.is_blocked() => ImportOutcome::Aborted,
        Target::Absent | Target::Read(_) => ImportOutcome::DryRun,
        Target::Write(_) => ImportOutcome::Imported,
    };
    Ok(report)
}

fn rows_of(owned: &OwnedRows) -> u64 {
    let rows = usize::from(owned.user.is_some()).saturating_add(owned.customers.len());
    u64::try_from(rows.saturating_add(owned.clusters.len())).unwrap_or_default()
}

fn import_owned(owned: &[OwnedRows], target: &mut Target<'_>, judge: &mut Judge) -> Result<()> {
    let known = target.connection().map(|conn| Known::look_up(conn, owned)).transpose()?.unwrap_or_default();
    let mut rows = NewRows::default();
    for owned in owned {
        judge.decide_owned(owned, &known, &mut rows);
    }
    match target.writable() {
        // What is blocked is rolled back in the end.
        Some(conn) if !judge.report.is_blocked() => insert(conn, &rows),
        _ => Ok(()),
    }
}

fn insert(conn: &mut DbConnection, rows: &NewRows) -> Result<()> {
    bulk::insert_users(conn, &rows.users)?;
    bulk::insert_customers(conn, &rows.customers)?;
    bulk::insert_clusters(conn, &rows.clusters)?;
    bulk::insert_subscriptions(conn, &rows.subscriptions)?;
    for adoption in &rows.adoptions {
        StripeSubscription::adopt(conn, &adoption.stripe_customer_id, &adoption.user)?;
    }
    Ok(())
}
