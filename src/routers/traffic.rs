//! `admin.traffic`: the calls that this server has answered in the last hour.

use std::{
    collections::BTreeMap,
    iter::successors,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::{
        Call,
        metrics::{CallCounts, MINUTES},
    },
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(super) struct TrafficInput {
    /// The canonical or old name of the procedure that the lines are of, or `unknown`; by default they are of all calls.
    #[schemars(length(min = 1, max = 100))]
    procedure: Option<String>,
    /// How many minutes, the current one included; 60 by default.
    #[schemars(range(min = 1, max = 60))]
    minutes: Option<u64>,
}

/// The calls that this server has answered lately.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrafficOutput {
    /// The begins of the minutes; the last one is not over.
    at: Vec<Timestamp>,
    /// The calls that were answered in each minute.
    calls: Vec<u64>,
    /// How many of them were answered with an error.
    errors: Vec<u64>,
    /// The milliseconds within which half of them were answered; null in a minute without calls.
    p50_ms: Vec<Option<f64>>,
    /// The milliseconds within which 99 of 100 were answered.
    p99_ms: Vec<Option<f64>>,
    /// The procedures that were called, those with the most calls first.
    procedures: Vec<ProcedureTraffic>,
}

/// The calls of a procedure in all these minutes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ProcedureTraffic {
    /// Its name, or `unknown` for names that no procedure has.
    procedure: &'static str,
    calls: u64,
    errors: u64,
    /// The milliseconds within which half of the calls were answered.
    p50_ms: Option<f64>,
    /// The milliseconds within which 99 of 100 were answered.
    p99_ms: Option<f64>,
}

/// The handler of `admin.traffic`.
pub(super) fn traffic(call: &mut Call<'_>, input: TrafficInput) -> Result<TrafficOutput> {
    let unknown =
        |name| Error::field("procedure", "invalid_value", format!("must be the name of a procedure, not {name:?}"));
    let wanted = input.procedure.map(|name| call.traffic.canonical(&name).ok_or_else(|| unknown(name))).transpose()?;
    let (now, minutes) = (Instant::now(), input.minutes.unwrap_or(MINUTES));
    let by_minute = call.traffic.last(minutes, now);
    let begin = Timestamp::now().minus(call.traffic.into_minute(now));
    let (mut lines, mut sums) = (Vec::new(), BTreeMap::<&'static str, CallCounts>::new());
    for minute in &by_minute {
        let mut line = CallCounts::default();
        for (name, counts) in minute {
            sums.entry(*name).or_default().add(counts);
            if wanted.is_none_or(|wanted| wanted == *name) {
                line.add(counts);
            }
        }
        lines.push(line);
    }
    let mut procedures: Vec<_> = sums.into_iter().map(ProcedureTraffic::from).collect();
    procedures.sort_by_key(|traffic| std::cmp::Reverse(traffic.calls));
    Ok(TrafficOutput {
        at: begins(begin, lines.len()),
        calls: lines.iter().map(CallCounts::number).collect(),
        errors: lines.iter().map(CallCounts::errors).collect(),
        p50_ms: lines.iter().map(|line| milliseconds(line.percentile(50))).collect(),
        p99_ms: lines.iter().map(|line| milliseconds(line.percentile(99))).collect(),
        procedures,
    })
}

/// The begins of so many minutes, of which the last one began at `last`. They are counted by a clock of their own, so that `last`
/// may be wrong by the milliseconds between two readings.
fn begins(last: Timestamp, minutes: usize) -> Vec<Timestamp> {
    let last = last.plus(SECOND / 2).last_multiple(SECOND);
    let mut at: Vec<_> = successors(Some(last), |begin| Some(begin.minus(MINUTE))).take(minutes).collect();
    at.reverse();
    at
}

/// With three decimals.
fn milliseconds(time: Option<Duration>) -> Option<f64> {
    let micros = u32::try_from(time?.as_micros()).unwrap_or(u32::MAX);
    Some(f64::from(micros) / 1000.0)
}

impl From<(&'static str, CallCounts)> for ProcedureTraffic {
    fn from((procedure, counts): (&'static str, CallCounts)) -> Self {
        Self {
            procedure,
            calls: counts.number(),
            errors: counts.errors(),
            p50_ms: milliseconds(counts.percentile(50)),
            p99_ms: milliseconds(counts.percentile(99)),
        }
    }
}
