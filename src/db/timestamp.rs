//! A point in time in UTC with milliseconds: TIMESTAMP in both databases, RFC 3339 on the wire.

use std::{fmt, time::Duration};

use chrono::{
    DateTime, Datelike, DurationRound, Months, NaiveDateTime, NaiveTime, SubsecRound, TimeDelta, Timelike, Utc,
};
use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    serialize::{self, Output, ToSql},
    sql_types,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time in UTC, truncated to milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Timestamp)]
pub struct Timestamp(NaiveDateTime);

impl Timestamp {
    /// The current time by this machine's clock. `CURRENT_TIMESTAMP` has only whole seconds on SQLite.
    pub fn now() -> Self {
        Self(Utc::now().naive_utc().trunc_subsecs(3))
    }

    /// From milliseconds since 1970-01-01. None outside the years 0 to 9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        DateTime::from_timestamp_millis(millis).and_then(|moment| Self::from_utc(moment.naive_utc()))
    }

    /// None outside the years 0 to 9999: RFC 3339 has four digits, and SQLite compares timestamps as text.
    fn from_utc(moment: NaiveDateTime) -> Option<Self> {
        (0..=9999).contains(&moment.year()).then(|| Self(moment.trunc_subsecs(3)))
    }

    /// Milliseconds since 1970-01-01.
    pub fn millis(self) -> i64 {
        self.0.and_utc().timestamp_millis()
    }

    /// Whole seconds since 1970-01-01.
    pub fn seconds(self) -> i64 {
        self.0.and_utc().timestamp()
    }

    /// How much later this time is than another one; zero if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.signed_duration_since(earlier.0).to_std().unwrap_or_default()
    }

    /// This time plus `duration`, at most the greatest representable time.
    pub fn plus(self, duration: Duration) -> Self {
        let end = TimeDelta::from_std(duration).ok().and_then(|delta| self.0.checked_add_signed(delta));
        Self(end.unwrap_or(NaiveDateTime::MAX))
    }

    /// This time minus `duration`, at least the smallest representable time.
    pub fn minus(self, duration: Duration) -> Self {
        let start = TimeDelta::from_std(duration).ok().and_then(|delta| self.0.checked_sub_signed(delta));
        Self(start.unwrap_or(NaiveDateTime::MIN))
    }

    /// For the names of files: `20261122T093000Z`.
    pub fn compact(self) -> String {
        self.0.format("%Y%m%dT%H%M%SZ").to_string()
    }

    /// The next multiple of `width` after this time, counted from midnight; `width` divides a day.
    pub fn next_multiple(self, width: Duration) -> Self {
        self.last_multiple(width).plus(width)
    }

    /// The last multiple of `width` that is not after this time, counted as in [`Self::next_multiple`].
    pub fn last_multiple(self, width: Duration) -> Self {
        Self(self.0.duration_trunc(TimeDelta::from_std(width).unwrap_or_default()).unwrap_or(self.0))
    }

    /// The begin of its month.
    pub fn month(self) -> Self {
        let first = self.0.date().with_day(1).unwrap_or_default();
        Self(first.and_time(NaiveTime::MIN))
    }

    /// This time a month later, at most the greatest representable time.
    pub fn next_month(self) -> Self {
        Self(self.0.checked_add_months(Months::new(1)).unwrap_or(NaiveDateTime::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.0.date(), self.0.time());
        let Some(year) = u32::try_from(date.year()).ok().filter(|year| *year <= 9999) else {
            return self.0.format("%Y-%m-%dT%H:%M:%S%.3fZ").fmt(f);
        };
        // A pattern costs ten times as much, and every line of the log and every row on the wire has one.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (place, number) in [
            (0..4, year),
            (5..7, date.month()),
            (8..10, date.day()),
            (11..13, time.hour()),
            (14..16, time.minute()),
            (17..19, time.second()),
            (20..23, time.nanosecond() / 1_000_000 % 1000),
        ] {
            put(text.get_mut(place).unwrap_or_default(), number);
        }
        f.write_str(str::from_utf8(&text).map_err(|_never| fmt::Error)?)
    }
}

/// Writes a number in decimal, with leading zeros.
fn put(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0'.saturating_add(u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = DateTime::parse_from_rfc3339(&text)
            .map_err(|_why| de::Error::custom("must be an RFC 3339 date and time such as 2026-11-22T09:30:00.000Z"))?;
        Self::from_utc(moment.naive_utc()).ok_or_else(|| de::Error::custom("must be in the years 0 to 9999 in UTC"))
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

impl<DB: Backend> FromSql<sql_types::Timestamp, DB> for Timestamp
where
    NaiveDateTime: FromSql<sql_types::Timestamp, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        NaiveDateTime::from_sql(bytes).map(Self)
    }
}

impl<DB: Backend> ToSql<sql_types::Timestamp, DB> for Timestamp
where
    NaiveDateTime: ToSql<sql_types::Timestamp, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_as_its_pattern_says() {
        let moments = [0, 1, 951_782_400_000, 1_767_225_599_999, -62_167_219_200_000, 253_402_300_799_999];
        let written = moments.map(|millis| Timestamp::from_millis(millis).unwrap());
        let odd = [Timestamp::now(), written[0].plus(Duration::MAX), written[0].minus(Duration::MAX)];
        for moment in written.into_iter().chain(odd) {
            assert_eq!(moment.to_string(), moment.0.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
        }
        assert_eq!(written.map(|moment| moment.to_string())[3], "2025-12-31T23:59:59.999Z");
    }
}
