//! `admin.series`: numbers over time, for charts.

use std::{collections::BTreeMap, iter::successors, time::Duration};

use procedures::Issue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::Call,
    models::series::{self, ClusterChange, Counted, Kind},
};

/// A day in seconds.
const DAY: u64 = 24 * 60 * 60;
/// Days of one answer.
const DAYS: u64 = 400;
/// Days of one about changes, which are counted by ten minutes and so have many rows.
const CHANGES: u64 = 31;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Metric {
    /// New users.
    SignUps,
    /// Clusters that are not deleted, at the end of each bucket, by plan.
    ClustersByPlan,
    /// The same by status.
    ClustersByStatus,
    /// The same by location: the 50 with the most, and the others together.
    ClustersByLocation,
    /// Audited mutations.
    Changes,
}

/// The width of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Bucket {
    /// An hour; only for changes.
    Hour,
    /// A day in UTC.
    Day,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(super) struct SeriesInput {
    metric: Metric,
    /// The first bucket contains this time, which is at most 400 days before `to`, for changes 31.
    from: Timestamp,
    /// The last bucket begins before this time; by default now, and at most that.
    to: Option<Timestamp>,
    /// The width of a bucket; a day by default.
    bucket: Option<Bucket>,
}

/// Numbers over time.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Series {
    /// The begins of the buckets.
    at: Vec<Timestamp>,
    /// The lines of a chart.
    lines: Vec<Line>,
}

/// A line of a chart.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Line {
    /// The plan, status or location, or `(others)`; empty for the one line of another metric.
    label: String,
    /// A number for each bucket.
    values: Vec<i64>,
}

impl Bucket {
    fn width(self) -> Duration {
        Duration::from_secs(match self {
            Self::Hour => 60 * 60,
            Self::Day => DAY,
        })
    }
}

pub(super) fn series(call: &mut Call<'_>, input: SeriesInput) -> Result<Series> {
    let width = input.bucket.unwrap_or(Bucket::Day).width();
    let at = begins(&input, width, call.now)?;
    let (conn, first) = (&mut *call.conn, at.first().copied().unwrap_or(input.from));
    let end = at.last().copied().unwrap_or(first).plus(width);
    let lines = match input.metric {
        Metric::SignUps => flow(&at, &series::sign_ups(conn, first, end)?),
        Metric::Changes => flow(&at, &series::changes(conn, first, end)?),
        Metric::ClustersByPlan => stock(&at, series::clusters_after(conn, first, Kind::Plan)?),
        Metric::ClustersByStatus => stock(&at, series::clusters_after(conn, first, Kind::Status)?),
        Metric::ClustersByLocation => stock(&at, series::clusters_after(conn, first, Kind::Location)?),
    };
    Ok(Series { at, lines })
}

/// The begins of the buckets.
fn begins(input: &SeriesInput, width: Duration, now: Timestamp) -> Result<Vec<Timestamp>> {
    if input.bucket == Some(Bucket::Hour) && input.metric != Metric::Changes {
        return Err(invalid("bucket", "unsupported", "hours are for changes only"));
    }
    let until = input.to.unwrap_or(now).min(now);
    if input.from >= until {
        return Err(invalid("from", "too_late", "must be before `to`, and in the past"));
    }
    let days = if input.metric == Metric::Changes { CHANGES } else { DAYS };
    let first = input.from.last_multiple(width);
    if first.plus(Duration::from_secs(days * DAY)) < until {
        return Err(invalid("from", "too_early", &format!("at most {days} days at a time")));
    }
    Ok(successors(Some(first), |at| Some(at.plus(width))).take_while(|at| *at < until).collect())
}

fn invalid(field: &str, code: &'static str, message: &str) -> Error {
    Error::Validation(vec![Issue::new(field, code, message)])
}

/// One line of what has happened in each bucket. A bucket contains what was counted from its begin on.
fn flow(at: &[Timestamp], counted: &[Counted]) -> Vec<Line> {
    let mut values = vec![0; at.len()];
    for (when, number) in counted {
        let later = at.partition_point(|begin| begin <= when);
        if let Some(value) = later.checked_sub(1).and_then(|index| values.get_mut(index)) {
            *value += number;
        }
    }
    vec![Line { label: String::new(), values }]
}

/// Lines of how many clusters there were at the end of each bucket: as many as there are, without the changes since.
fn stock(at: &[Timestamp], changes: Vec<ClusterChange>) -> Vec<Line> {
    let mut lines = BTreeMap::<String, Vec<i64>>::new();
    for change in changes {
        let is_sum = change.is_sum();
        let values = lines.entry(change.label).or_insert_with(|| vec![0; at.len()]);
        if is_sum {
            values.iter_mut().for_each(|value| *value += change.change);
        } else {
            let earlier = at.partition_point(|begin| *begin < change.day);
            values.iter_mut().take(earlier).for_each(|value| *value -= change.change);
        }
    }
    let lines = lines.into_iter().map(|(label, values)| Line { label, values });
    lines.filter(|line| line.values.iter().any(|value| *value != 0)).collect()
}
