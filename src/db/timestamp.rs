//! A point in time in UTC with milliseconds: TIMESTAMP in both databases, RFC 3339 on the wire.

use std::{fmt, time::Duration};

use chrono::{DateTime, Datelike, DurationRound, NaiveDateTime, SubsecRound, TimeDelta, Utc};
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

    /// The next multiple of `width` after this time, counted from midnight; `width` divides a day.
    pub fn next_multiple(self, width: Duration) -> Self {
        let down = self.0.duration_trunc(TimeDelta::from_std(width).unwrap_or_default()).unwrap_or(self.0);
        Self(down).plus(width)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%dT%H:%M:%S%.3fZ").fmt(f)
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
