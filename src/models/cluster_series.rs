//! Numbers of live clusters over time, by plan, by status and by location.
//!
//! Triggers note what changes in `cluster_days`, and what is deleted there they add to `cluster_series` and `cluster_totals`. So
//! writers change one row of a small table, readers find the lines of a chart ready, and a number is the sum of both.

use diesel::{
    dsl::{exists, not, select, sql},
    expression::SqlLiteral,
    prelude::*,
    sql_types::{self, BigInt, Nullable, Text},
};

use crate::{
    db::{DbConnection, Timestamp, cached::cached, locks},
    schema::{cluster_days, cluster_series, cluster_totals},
};

/// Locations with a line of their own: those with the most clusters. The others are one.
const LINES: u32 = 20;

/// By what clusters are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By their plan.
    Plan,
    /// By their status.
    Status,
    /// By their location.
    Location,
}

/// By how many the live clusters of a label have changed.
#[derive(Debug, Queryable)]
pub struct ClusterChange {
    /// Their plan, status or location. None is all of them, those of locations without a line included.
    pub label: Option<String>,
    /// The begin of the day. None is all days together.
    pub day: Option<Timestamp>,
    /// More or, if negative, fewer.
    pub change: i64,
}

impl Kind {
    /// As the tables name it. `cluster_days` has a column of that name.
    fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Status => "status",
            Self::Location => "location",
        }
    }
}

type Changes = SqlLiteral<(Nullable<Text>, Nullable<sql_types::Timestamp>, BigInt)>;

/// The changes of the lines of a chart after a day, and all changes together; by location also those of all clusters. Several may be
/// about the same label and day.
///
/// # Errors
/// The database's.
pub fn changes_after(conn: &mut DbConnection, day: Timestamp, kind: Kind) -> QueryResult<Vec<ClusterChange>> {
    // Without an upper bound PostgreSQL expects a third of the table in a plan that it makes once for all values, and reads all of it.
    let end = Timestamp::from_millis(FAR).unwrap_or(day);
    let lines = lines(kind).bind::<sql_types::Timestamp, _>(day);
    let lines = lines.sql(" AND series.day <= ").bind::<sql_types::Timestamp, _>(end).sql(&rest(kind));
    if kind != Kind::Location {
        return cached(lines).load(conn);
    }
    let all = lines.sql(ALL).bind::<sql_types::Timestamp, _>(day);
    cached(all.sql(" AND series.day <= ").bind::<sql_types::Timestamp, _>(end)).load(conn)
}

/// The begin of the year 9999, in milliseconds since 1970.
const FAR: i64 = 253_370_764_800_000;

/// The changes of the days. CROSS JOIN makes SQLite look the lines up one by one.
fn lines(kind: Kind) -> Changes {
    let kind = kind.name();
    // Anybody may write any location, so their number has no bound.
    sql(&format!(
        "WITH recent (label, day, change) AS MATERIALIZED (
            SELECT {kind}, day, CAST(sum(change) AS BIGINT) FROM cluster_days GROUP BY 1, 2
        ), known (label, clusters) AS (
            SELECT label, clusters FROM cluster_totals WHERE kind = '{kind}' ORDER BY clusters DESC, label LIMIT {LINES}
        ), line (label) AS MATERIALIZED (
            SELECT label FROM (SELECT label, clusters FROM known UNION ALL SELECT label, change FROM recent) AS numbers
            GROUP BY label ORDER BY sum(clusters) DESC, label LIMIT {LINES}
        )
        SELECT series.label, series.day, series.change FROM line CROSS JOIN cluster_series AS series
        WHERE series.kind = '{kind}' AND series.label = line.label AND series.day > "
    ))
}

/// The sums of all days, and what is not in them yet.
fn rest(kind: Kind) -> String {
    let kind = kind.name();
    format!(
        " UNION ALL SELECT totals.label, NULL, totals.clusters FROM line CROSS JOIN cluster_totals AS totals
            WHERE totals.kind = '{kind}' AND totals.label = line.label
        UNION ALL SELECT label, NULL, change FROM recent WHERE label IN (SELECT label FROM line)
        UNION ALL SELECT label, day, change FROM recent WHERE label IN (SELECT label FROM line)"
    )
}

/// The changes of all clusters: those of all plans.
const ALL: &str = " UNION ALL SELECT NULL, NULL, clusters FROM cluster_totals WHERE kind = 'plan'
    UNION ALL SELECT NULL, NULL, change FROM recent
    UNION ALL SELECT NULL, day, change FROM recent
    UNION ALL SELECT NULL, series.day, series.change FROM cluster_totals AS plan CROSS JOIN cluster_series AS series
        WHERE plan.kind = 'plan' AND series.kind = 'plan' AND series.label = plan.label AND series.day > ";

/// Whether there is something to [`fold`].
///
/// # Errors
/// The database's.
pub fn is_due(conn: &mut DbConnection) -> QueryResult<bool> {
    select(exists(cluster_days::table.select(cluster_days::change))).get_result(conn)
}

/// Adds at most `limit` noted changes to the series, and returns how many. A trigger does it when they are deleted. Changes that a
/// transaction is just making are left for the next time, so nobody is waited for.
///
/// # Errors
/// The database's.
pub fn fold(conn: &mut DbConnection, limit: usize) -> QueryResult<usize> {
    locks::lock_until_commit(conn, locks::SERIES)?;
    let key = "day, plan, status, location, shard";
    let free = locks::of_free_rows(conn);
    // PostgreSQL may run a subquery for each row, and then its limit limits nothing. Where the totals are gone, after
    // `migrate down`, nothing would add up what is deleted, so the statement must fail there.
    let delete = format!(
        "WITH free AS MATERIALIZED (SELECT {key} FROM cluster_days LIMIT {limit}{free})
        DELETE FROM cluster_days WHERE ({key}) IN (SELECT {key} FROM free)
            AND NOT EXISTS (SELECT 1 FROM cluster_totals WHERE kind = '') RETURNING change"
    );
    Ok(cached(sql::<BigInt>(&delete)).load::<i64>(conn)?.len())
}

/// Deletes the sums of at most `limit` locations that have no clusters and have not changed since the day of `before`, and returns
/// how many.
///
/// # Errors
/// The database's.
pub fn forget_locations(conn: &mut DbConnection, before: Timestamp, limit: i64) -> QueryResult<usize> {
    locks::lock_until_commit(conn, locks::SERIES)?;
    let name = Kind::Location.name();
    let changes = cluster_series::table.filter(cluster_series::kind.eq(name));
    let changes =
        changes.filter(cluster_series::label.eq(cluster_totals::label)).filter(cluster_series::day.ge(before));
    let empty = cluster_totals::table.filter(cluster_totals::kind.eq(name)).filter(cluster_totals::clusters.eq(0));
    let labels: Vec<String> =
        empty.filter(not(exists(changes))).select(cluster_totals::label).limit(limit).load(conn)?;
    diesel::delete(empty.filter(cluster_totals::label.eq_any(labels))).execute(conn)
}
