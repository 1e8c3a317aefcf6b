//! `admin.health`: how the server is doing.

use procedures::{NoInput, milliseconds};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    checks::{Finding, NewestBackup},
    db::{DbConnection, Timestamp},
    error::Result,
    kernel::{AsyncCall, Call, CheckUp, Reply},
    models::{
        audit_event::AuditEvent,
        audit_seal::AuditSeal,
        event_log::EventLog,
        scheduled_job::{self, ARCHIVE, PURGE},
        stripe_event::StripeEvent,
    },
};

/// How the server is doing, as far as it can tell itself.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Health {
    /// The version of the server that has answered.
    version: &'static str,
    database: DatabaseHealth,
    queue: Queue,
    /// `ready`, `behind` or `unavailable`; null without a replica.
    replica: Option<&'static str>,
    /// Null if the server makes no backups.
    backups: Option<Backups>,
    billing: Billing,
    jobs: Jobs,
    /// The checks of `clusterdesk doctor` that a running server can make.
    findings: Vec<FindingOutput>,
}

/// The database.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DatabaseHealth {
    /// Such as `SQLite`.
    kind: &'static str,
    /// How long it took for an answer.
    latency_ms: u64,
    /// The size of the SQLite file; null on PostgreSQL.
    file_bytes: Option<u64>,
    /// The size of SQLite's write-ahead log; null on PostgreSQL.
    log_bytes: Option<u64>,
}

/// Work that waits for a database thread.
#[derive(Debug, Serialize, JsonSchema)]
struct Queue {
    reads: usize,
    writes: usize,
}

/// The backups that the server makes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Backups {
    /// Seconds from one to the next.
    every_seconds: u64,
    /// The time of the newest one; null if there is none.
    newest_at: Option<Timestamp>,
}

/// The Stripe account.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Billing {
    /// Whether there is a secret key.
    configured: bool,
    /// Whether requests are suspended after repeated failures.
    suspended: bool,
    /// Events that failed and wait for a replay.
    failed_events: i64,
}

/// What servers do by themselves.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Jobs {
    /// When a server last began to remove what is old; null for never.
    purged_at: Option<Timestamp>,
    /// When a server last began to move old entries of the audit log to a file; null for never.
    archived_at: Option<Timestamp>,
    /// The time of the newest sealed entry of the audit log; null if there is none.
    sealed_through: Option<Timestamp>,
    /// Whether newer entries wait to be sealed, which happens every minute.
    seal_is_due: bool,
}

/// The result of a check.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
struct FindingOutput {
    /// What was checked.
    check: &'static str,
    /// Whether it is as it should be.
    ok: bool,
    /// What was found.
    detail: String,
}

/// What the database says.
struct Records {
    jobs: Jobs,
    failed_events: i64,
}

/// The handler of `admin.health`.
pub(super) fn health(call: AsyncCall, _: NoInput) -> Reply<Health> {
    Box::pin(async move {
        let CheckUp { database, latency, file_sizes, queued, replica, backups, findings } = call.check_up().await;
        let Records { jobs, failed_events } = call.read(records).await?;
        let (configured, suspended) = (call.stripe().client().is_ok(), call.stripe().is_suspended());
        Ok(Health {
            version: env!("CARGO_PKG_VERSION"),
            database: DatabaseHealth {
                kind: database,
                latency_ms: milliseconds(latency),
                file_bytes: file_sizes.map(|(file, _)| file),
                log_bytes: file_sizes.map(|(_, log)| log),
            },
            queue: Queue { reads: queued.0, writes: queued.1 },
            replica: replica.map(|state| state.as_str()),
            backups: backups.map(Backups::from),
            billing: Billing { configured, suspended, failed_events },
            jobs,
            findings: findings.into_iter().map(FindingOutput::from).collect(),
        })
    })
}

fn records(call: &mut Call<'_>) -> Result<Records> {
    let conn = &mut *call.conn;
    let (purged_at, archived_at) = (scheduled_job::last(conn, PURGE)?, scheduled_job::last(conn, ARCHIVE)?);
    let sealed = AuditSeal::newest(conn)?.map_or(0, |seal| seal.id);
    let seal_is_due = AuditEvent::extent(conn)?.newest > sealed;
    let sealed_through = time_of(conn, sealed)?;
    let failed_events = StripeEvent::count_failed(conn)?;
    Ok(Records { jobs: Jobs { purged_at, archived_at, sealed_through, seal_is_due }, failed_events })
}

/// The time of the audit entry with this event; None if it was moved to a file.
fn time_of(conn: &mut DbConnection, event: i64) -> Result<Option<Timestamp>> {
    let events = AuditEvent::between(conn, event.saturating_sub(1), event, 1)?;
    Ok(events.first().map(EventLog::at))
}

impl From<NewestBackup> for Backups {
    fn from(NewestBackup { every, at: newest_at }: NewestBackup) -> Self {
        Self { every_seconds: every.as_secs(), newest_at }
    }
}

impl From<Finding> for FindingOutput {
    fn from(Finding { check, ok, detail }: Finding) -> Self {
        Self { check, ok, detail }
    }
}
