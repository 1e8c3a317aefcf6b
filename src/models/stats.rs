//! The numbers that `admin.getStats` shows. Triggers maintain counters, so that no call counts a table.

use std::{collections::HashMap, time::Duration};

use diesel::{
    dsl::{sql, sum},
    prelude::*,
    sql_types::{BigInt, Nullable},
};

use super::{customer::GRACE, plan::Plan};
use crate::{
    db::{DbConnection, Loader, Timestamp, cached::cached},
    schema::{audit_counts, audit_log, customers, live_counts, paid_period_counts as paid},
};

/// The period of [`Counts::recent`].
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// The width of a bucket of audit entries.
const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);

/// Loads the counts of now, once for all admins who ask together.
pub struct CountsNow;

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Users that are not deleted.
    pub users: i64,
    /// Clusters that are not deleted.
    pub clusters: i64,
    /// Customers with a running subscription.
    pub paying: i64,
    /// Audit entries of the last 24 hours.
    pub recent: i64,
}

impl Loader for CountsNow {
    type Rows = Counts;

    fn load(conn: &mut DbConnection, admins: &[&str]) -> QueryResult<HashMap<String, Counts>> {
        let counts = counts(conn, Timestamp::now())?;
        Ok(admins.iter().map(|admin| ((*admin).to_owned(), counts)).collect())
    }
}

/// The number of live users (`user`) or clusters (`cluster`).
///
/// # Errors
/// The database's.
pub fn live(conn: &mut DbConnection, entity: &str) -> QueryResult<i64> {
    // PostgreSQL's sum of BIGINT is a NUMERIC.
    let total = sql::<Nullable<BigInt>>("CAST(sum(live) AS BIGINT)");
    let total: Option<i64> =
        cached(live_counts::table.filter(live_counts::entity.eq(entity)).select(total)).get_result(conn)?;
    Ok(total.unwrap_or(0))
}

/// Counts what there is at `now`. All numbers are exact: they are sums of counters, each of several rows, so that concurrent
/// writers seldom wait for each other. Where a period begins within a bucket of time, its rows are counted.
///
/// # Errors
/// The database's.
pub fn counts(conn: &mut DbConnection, now: Timestamp) -> QueryResult<Counts> {
    let (since, ended) = (now.minus(RECENT), now.minus(GRACE));
    let (bucket, hour, day) = (since.next_multiple(TEN_MINUTES), ended.next_multiple(HOUR), ended.next_multiple(DAY));
    let recent = audit_counts::table.filter(audit_counts::bucket.ge(bucket)).select(sum(audit_counts::entries));
    let recent_rows =
        audit_log::table.filter(audit_log::created_at.ge(since)).filter(audit_log::created_at.lt(bucket)).count();
    let by_day = paid::table.filter(paid::width.eq("day")).filter(paid::bucket.ge(day)).select(sum(paid::customers));
    let by_hour = paid::table
        .filter(paid::width.eq("hour"))
        .filter(paid::bucket.ge(hour))
        .filter(paid::bucket.lt(day))
        .select(sum(paid::customers));
    let paying_rows = customers::table
        .filter(customers::stripe_current_period_end.gt(ended))
        .filter(customers::stripe_current_period_end.lt(hour))
        .filter(customers::plan.ne(Plan::Free))
        .count();
    let live = |entity| {
        // PostgreSQL's sum of BIGINT is a NUMERIC.
        let total = sql::<Nullable<BigInt>>("CAST(sum(live) AS BIGINT)");
        live_counts::table.filter(live_counts::entity.eq(entity)).select(total).single_value()
    };
    let counts: [Option<i64>; 7] = cached(diesel::select((
        live("user"),
        live("cluster"),
        recent.single_value(),
        recent_rows.single_value(),
        by_day.single_value(),
        by_hour.single_value(),
        paying_rows.single_value(),
    )))
    .get_result::<(_, _, _, _, _, _, _)>(conn)?
    .into();
    let [users, clusters, recent, recent_rows, by_day, by_hour, paying_rows] = counts;
    let total = |counts: &[Option<i64>]| counts.iter().flatten().sum();
    Ok(Counts {
        users: total(&[users]),
        clusters: total(&[clusters]),
        paying: total(&[by_day, by_hour, paying_rows]),
        recent: total(&[recent, recent_rows]),
    })
}
