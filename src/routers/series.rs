//! `admin.series`: numbers over time, for charts.

use std::{collections::BTreeMap, iter::successors, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::Call,
    models::{
        cluster_series::{self, ClusterChange, Kind},
        series::{self, InBucket, Revenue},
    },
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Days of one answer.
const DAYS: u32 = 400;
/// Days of one about changes, which are counted by ten minutes and so have many rows.
const CHANGES: u32 = 31;
/// The label of clusters in locations without a line.
const OTHERS: &str = "(others)";
/// Days of one about revenue, which has a row for each month: five years.
const REVENUE: u32 = 5 * 366;

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
    /// The same by location: the 20 with the most, and the others together.
    ClustersByLocation,
    /// Audited mutations.
    Changes,
    /// Users who have made an audited mutation.
    ActiveUsers,
    /// What paid invoices have brought, by plan and currency, in the smallest unit of the currency.
    Revenue,
    /// Events of Stripe that failed when they arrived, also if they were processed later.
    WebhookFailures,
}

/// The width of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Bucket {
    /// An hour; only for changes.
    Hour,
    /// A day in UTC; not for revenue.
    Day,
    /// A month in UTC; only for revenue.
    Month,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(super) struct SeriesInput {
    metric: Metric,
    /// The first bucket contains this time, which is at most 400 days before `to`, for changes 31, and for revenue five years.
    from: Timestamp,
    /// The last bucket begins before this time; by default now, and at most that.
    to: Option<Timestamp>,
    /// The width of a bucket; by default a month for revenue, and else a day.
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
    /// The plan, status or location, or `(others)`; of revenue, plan and currency (`PRO USD`); empty for the one line of another metric.
    label: String,
    /// A number for each bucket.
    values: Vec<i64>,
}

impl Bucket {
    /// The begin of the bucket that contains a time.
    fn begin(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Hour => at.last_multiple(HOUR),
            Self::Day => at.last_multiple(DAY),
            Self::Month => at.month(),
        }
    }

    /// The begin of the next bucket.
    fn next(self, begin: Timestamp) -> Timestamp {
        match self {
            Self::Hour => begin.plus(HOUR),
            Self::Day => begin.plus(DAY),
            Self::Month => begin.next_month(),
        }
    }
}

impl Metric {
    /// The bucket of a chart that names none.
    fn bucket(self) -> Bucket {
        if self == Self::Revenue { Bucket::Month } else { Bucket::Day }
    }

    /// The most days of one answer.
    fn days(self) -> u32 {
        match self {
            Self::Changes => CHANGES,
            Self::Revenue => REVENUE,
            _ => DAYS,
        }
    }

    /// Whether it is counted by so small a bucket, or for so large a one.
    fn has(self, bucket: Bucket) -> bool {
        bucket == self.bucket() || (self, bucket) == (Self::Changes, Bucket::Hour)
    }
}

pub(super) fn series(call: &mut Call<'_>, input: SeriesInput) -> Result<Series> {
    let bucket = input.bucket.unwrap_or(input.metric.bucket());
    let at = begins(&input, bucket, call.now)?;
    let (conn, first) = (&mut *call.conn, at.first().copied().unwrap_or(input.from));
    let end = bucket.next(at.last().copied().unwrap_or(first));
    let lines = match input.metric {
        Metric::SignUps => flow(&at, &series::sign_ups(conn, first, end)?),
        Metric::Changes => flow(&at, &series::changes(conn, first, end)?),
        Metric::ActiveUsers => flow(&at, &series::active(conn, first, end)?),
        Metric::WebhookFailures => flow(&at, &series::webhook_failures(conn, first, end)?),
        Metric::Revenue => revenue(&at, series::revenue(conn, first, end)?),
        Metric::ClustersByPlan => stock(&at, &cluster_series::changes_after(conn, first, Kind::Plan)?),
        Metric::ClustersByStatus => stock(&at, &cluster_series::changes_after(conn, first, Kind::Status)?),
        Metric::ClustersByLocation => stock(&at, &cluster_series::changes_after(conn, first, Kind::Location)?),
    };
    Ok(Series { at, lines })
}

/// The begins of the buckets.
fn begins(input: &SeriesInput, bucket: Bucket, now: Timestamp) -> Result<Vec<Timestamp>> {
    if !input.metric.has(bucket) {
        return Err(invalid(
            "bucket",
            "does not suit the metric: `hour` is for changes only; revenue has `month` only",
        ));
    }
    let until = input.to.unwrap_or(now).min(now);
    if input.from >= until {
        return Err(invalid("from", "must be before `to` and in the past"));
    }
    let days = input.metric.days();
    if input.from.plus(DAY.saturating_mul(days)) < until {
        return Err(invalid("from", format!("must be at most {days} days before `to`")));
    }
    Ok(successors(Some(bucket.begin(input.from)), |at| Some(bucket.next(*at))).take_while(|at| *at < until).collect())
}

fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::field(field, "invalid_value", message)
}

/// One line of what has happened in each bucket.
fn flow(at: &[Timestamp], counted: &[InBucket]) -> Vec<Line> {
    let mut values = vec![0; at.len()];
    counted.iter().for_each(|(when, number)| add(at, &mut values, *when, *number));
    vec![Line { label: String::new(), values }]
}

/// Lines of what each plan has brought in each currency.
fn revenue(at: &[Timestamp], months: Vec<Revenue>) -> Vec<Line> {
    let mut lines = BTreeMap::<String, Vec<i64>>::new();
    for Revenue { month, plan, currency, amount } in months {
        let label = format!("{} {currency}", plan.as_str());
        add(at, lines.entry(label).or_insert_with(|| vec![0; at.len()]), month, amount);
    }
    lines.into_iter().map(|(label, values)| Line { label, values }).collect()
}

/// Adds what happened at a time to its bucket, which contains what was counted from its begin on.
fn add(at: &[Timestamp], values: &mut [i64], when: Timestamp, number: i64) {
    let later = at.partition_point(|begin| *begin <= when);
    if let Some(value) = later.checked_sub(1).and_then(|index| values.get_mut(index)) {
        *value += number;
    }
}

/// Lines of how many clusters there were at the end of each bucket: as many as there are, without the changes since. Those of
/// labels without a line are one line together.
fn stock(at: &[Timestamp], changes: &[ClusterChange]) -> Vec<Line> {
    let mut lines = BTreeMap::<Option<String>, Vec<i64>>::new();
    // Most changes of a line come one after the other.
    for run in changes.chunk_by(|one, next| one.label == next.label) {
        let label = run.first().and_then(|change| change.label.clone());
        let values = lines.entry(label).or_insert_with(|| vec![0; at.len()]);
        for ClusterChange { day, change, .. } in run {
            let (end, change) = match day {
                None => (at.len(), *change),
                Some(day) => (at.partition_point(|begin| begin < day), -change),
            };
            // It counts for all buckets before `end`, by the sums below.
            if let Some(value) = end.checked_sub(1).and_then(|index| values.get_mut(index)) {
                *value += change;
            }
        }
    }
    for values in lines.values_mut() {
        let mut sum = 0;
        values.iter_mut().rev().for_each(|value| {
            sum += *value;
            *value = sum;
        });
    }
    let all = lines.remove(&None);
    let mut lines: Vec<Line> =
        lines.into_iter().filter_map(|(label, values)| Some(Line { label: label?, values })).collect();
    if let Some(mut others) = all {
        for line in &lines {
            others.iter_mut().zip(&line.values).for_each(|(others, value)| *others -= value);
        }
        // Somebody may have written a location like that.
        match lines.iter_mut().find(|line| line.label == OTHERS) {
            Some(same) => same.values.iter_mut().zip(others).for_each(|(value, other)| *value += other),
            None => lines.push(Line { label: OTHERS.to_owned(), values: others }),
        }
    }
    lines.retain(|line| line.values.iter().any(|value| *value != 0));
    lines
}
