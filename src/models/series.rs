//! Numbers over time. Triggers maintain them by day, or by ten minutes, so that no call reads the tables that they are about.

use std::time::Duration;

use diesel::{dsl::sql, prelude::*, sql_types::BigInt};

use super::plan::Plan;
use crate::{
    db::{DbConnection, Timestamp, cached::cached},
    schema::{active_days, active_users, audit_counts, revenue_months, sign_up_days, webhook_failure_days},
};

/// The begin of a bucket of time, and how many there are or were in it.
pub type InBucket = (Timestamp, i64);

/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What invoices of a plan have brought in a month.
#[derive(Debug, Queryable)]
pub struct Revenue {
    /// The begin of the month.
    pub month: Timestamp,
    /// The plan that was paid for.
    pub plan: Plan,
    /// In capital letters: `USD`.
    pub currency: String,
    /// In the smallest unit of the currency.
    pub amount: i64,
}

/// Users by the day of their creation, from `since` to before `until`.
///
/// # Errors
/// The database's.
pub fn sign_ups(conn: &mut DbConnection, since: Timestamp, until: Timestamp) -> QueryResult<Vec<InBucket>> {
    // PostgreSQL's sum of BIGINT is a NUMERIC.
    let users = sql::<BigInt>("CAST(sum(users) AS BIGINT)");
    let days = sign_up_days::table.filter(sign_up_days::day.ge(since)).filter(sign_up_days::day.lt(until));
    cached(days.group_by(sign_up_days::day).select((sign_up_days::day, users)).order(sign_up_days::day)).load(conn)
}

/// Audit entries by ten minutes, from `since` to before `until`.
///
/// # Errors
/// The database's.
pub fn changes(conn: &mut DbConnection, since: Timestamp, until: Timestamp) -> QueryResult<Vec<InBucket>> {
    let entries = sql::<BigInt>("CAST(sum(entries) AS BIGINT)");
    let buckets = audit_counts::table.filter(audit_counts::bucket.ge(since)).filter(audit_counts::bucket.lt(until));
    let counts = buckets.group_by(audit_counts::bucket).select((audit_counts::bucket, entries));
    cached(counts.order(audit_counts::bucket)).load(conn)
}

/// Users who have changed something, by day, from `since` to before `until`.
///
/// # Errors
/// The database's.
pub fn active(conn: &mut DbConnection, since: Timestamp, until: Timestamp) -> QueryResult<Vec<InBucket>> {
    let users = sql::<BigInt>("CAST(sum(users) AS BIGINT)");
    let days = active_days::table.filter(active_days::day.ge(since)).filter(active_days::day.lt(until));
    cached(days.group_by(active_days::day).select((active_days::day, users)).order(active_days::day)).load(conn)
}

/// Deletes at most `limit` of the notes which users were active on days before that of `before`, as the audit log is purged, and
/// returns how many. The sums stay.
///
/// # Errors
/// The database's.
pub fn forget_active(conn: &mut DbConnection, before: Timestamp, limit: i64) -> QueryResult<usize> {
    let old = active_users::table.filter(active_users::day.lt(before.last_multiple(DAY)));
    let notes = old.order((active_users::day, active_users::user_id)).offset(limit.saturating_sub(1));
    let last: Option<(Timestamp, String)> = notes.first(conn).optional()?;
    let Some((day, user_id)) = last else { return diesel::delete(old).execute(conn) };
    // Without a lower bound PostgreSQL expects a third of the table in a plan for all values, as in `cluster_series`.
    let ever = Timestamp::from_millis(0).unwrap_or(day);
    let earlier = active_users::table.filter(active_users::day.ge(ever)).filter(active_users::day.lt(day));
    let earlier = diesel::delete(earlier).execute(conn)?;
    let of_day = active_users::table.filter(active_users::day.eq(day)).filter(active_users::user_id.le(user_id));
    Ok(diesel::delete(of_day).execute(conn)?.saturating_add(earlier))
}

/// What invoices have brought, by month, plan and currency, from `since` to before `until`.
///
/// # Errors
/// The database's.
pub fn revenue(conn: &mut DbConnection, since: Timestamp, until: Timestamp) -> QueryResult<Vec<Revenue>> {
    let months = revenue_months::table.filter(revenue_months::month.ge(since)).filter(revenue_months::month.lt(until));
    months.order((revenue_months::month, revenue_months::plan, revenue_months::currency)).load(conn)
}

/// Events of Stripe that failed when they arrived, by day, from `since` to before `until`.
///
/// # Errors
/// The database's.
pub fn webhook_failures(conn: &mut DbConnection, since: Timestamp, until: Timestamp) -> QueryResult<Vec<InBucket>> {
    let days = webhook_failure_days::table.filter(webhook_failure_days::day.ge(since));
    days.filter(webhook_failure_days::day.lt(until)).order(webhook_failure_days::day).load(conn)
}
