//! Answers to mutations that were sent with an idempotency key. A repeated call gets the stored one.

use std::collections::HashMap;

use diesel::{
    prelude::*,
    sql_query,
    sql_types::{self, Array, Nullable, Text},
};

use crate::{
    db::{
        DbConnection, Loader, Step, Timestamp,
        cached::{cached, update},
        dialect, native,
    },
    schema::{stored_answers, users},
};

/// The answer to a call. As a step: stores those of many calls.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery, QueryableByName)]
#[diesel(table_name = stored_answers)]
pub struct StoredAnswer {
    /// The caller.
    pub user_id: String,
    /// The key that the caller chose.
    pub idempotency_key: String,
    /// A digest of the procedure and the input.
    pub fingerprint: String,
    /// JSON text. None while the call runs.
    pub output: Option<String>,
    /// When the call arrived.
    pub created_at: Timestamp,
}

/// Loads stored answers by caller and key, as [`place`] joins them.
pub struct StoredAnswers;

/// Between the caller's id and the key, which can't contain it.
const SEPARATOR: char = '\n';

/// What [`StoredAnswers`] finds an answer by.
pub fn place(user_id: &str, key: &str) -> String {
    format!("{user_id}{SEPARATOR}{key}")
}

impl Loader for StoredAnswers {
    type Rows = StoredAnswer;

    fn load(conn: &mut DbConnection, places: &[&str]) -> QueryResult<HashMap<String, StoredAnswer>> {
        let (users, keys): (Vec<&str>, Vec<&str>) =
            places.iter().filter_map(|place| place.rsplit_once(SEPARATOR)).unzip();
        let found: Vec<StoredAnswer> = match (dialect::postgres(conn), places) {
            (Some(pg), [_, _, ..]) => cached(
                // For each of them, so that no plan reads the whole table.
                sql_query(
                    "SELECT found.* FROM unnest($1, $2) AS wish (user_id, idempotency_key) CROSS JOIN LATERAL (
                         SELECT * FROM stored_answers WHERE stored_answers.user_id = wish.user_id
                         AND stored_answers.idempotency_key = wish.idempotency_key LIMIT 1
                     ) AS found",
                )
                .bind::<Array<Text>, _>(users)
                .bind::<Array<Text>, _>(keys),
            )
            .load(pg)?,
            _ => {
                let mut found = Vec::new();
                for (user, key) in users.into_iter().zip(keys) {
                    let row = StoredAnswer::query().filter(stored_answers::user_id.eq(user));
                    found.extend(row.filter(stored_answers::idempotency_key.eq(key)).first(conn).optional()?);
                }
                found
            }
        };
        Ok(found.into_iter().map(|answer| (place(&answer.user_id, &answer.idempotency_key), answer)).collect())
    }
}

impl Step for StoredAnswer {
    type Wish = Self;
    type Outcome = ();

    fn take(conn: &mut DbConnection, answers: &[Self]) -> QueryResult<Vec<()>> {
        let pg = match (dialect::postgres(conn), answers) {
            (Some(pg), [_, _, ..]) => pg,
            _ => return answers.iter().map(|answer| answer.insert(conn)).collect(),
        };
        #[derive(QueryableByName)]
        struct Inserted {
            #[diesel(sql_type = Text)]
            _key: String,
        }
        // Calls of a group delete no user.
        let inserted: Vec<Inserted> = cached(
            sql_query(
                "INSERT INTO stored_answers (user_id, idempotency_key, fingerprint, output, created_at)
                 SELECT * FROM unnest($1, $2, $3, $4, $5) RETURNING idempotency_key AS _key",
            )
            .bind::<Array<Text>, _>(answers.iter().map(|answer| answer.user_id.as_str()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(answers.iter().map(|answer| answer.idempotency_key.as_str()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(answers.iter().map(|answer| answer.fingerprint.as_str()).collect::<Vec<_>>())
            .bind::<Array<Nullable<Text>>, _>(answers.iter().map(|answer| answer.output.as_deref()).collect::<Vec<_>>())
            .bind::<Array<sql_types::Timestamp>, _>(answers.iter().map(|answer| answer.created_at).collect::<Vec<_>>()),
        )
        .load(pg)?;
        Ok(inserted.iter().map(|_| ()).collect())
    }
}

impl StoredAnswer {
    /// Inserts the answer, unless its caller was deleted by this very call.
    ///
    /// # Errors
    /// The database's.
    pub fn insert(&self, conn: &mut DbConnection) -> QueryResult<()> {
        let row = (
            users::id,
            self.idempotency_key.as_str().into_sql::<Text>(),
            self.fingerprint.as_str().into_sql::<Text>(),
            self.output.as_deref().into_sql::<Nullable<Text>>(),
            self.created_at.into_sql::<sql_types::Timestamp>(),
        );
        let columns = (
            stored_answers::user_id,
            stored_answers::idempotency_key,
            stored_answers::fingerprint,
            stored_answers::output,
            stored_answers::created_at,
        );
        let of_user = users::table.find(&self.user_id).select(row);
        native!(conn, |conn| of_user.insert_into(stored_answers::table).into_columns(columns).execute(conn)).map(drop)
    }

    /// Adds the output of the call that arrived at `created_at` and was still running. False when it has one, or has lost its key.
    ///
    /// # Errors
    /// The database's.
    pub fn complete(
        conn: &mut DbConnection,
        (user_id, key): (&str, &str),
        created_at: Timestamp,
        output: &str,
    ) -> QueryResult<bool> {
        let row = stored_answers::table.find((user_id, key)).filter(stored_answers::output.is_null());
        let row = row.filter(stored_answers::created_at.eq(created_at));
        Ok(update(row, stored_answers::output.eq(output)).execute(conn)? == 1)
    }

    /// Deletes the row of a call that has no output and arrived at a time or earlier. False when there is none.
    ///
    /// # Errors
    /// The database's.
    pub fn release(conn: &mut DbConnection, user_id: &str, key: &str, until: Timestamp) -> QueryResult<bool> {
        let row = stored_answers::table.find((user_id, key)).filter(stored_answers::output.is_null());
        Ok(diesel::delete(row.filter(stored_answers::created_at.le(until))).execute(conn)? == 1)
    }

    /// Deletes this answer, so that its key can be used again.
    ///
    /// # Errors
    /// The database's.
    pub fn forget(&self, conn: &mut DbConnection) -> QueryResult<bool> {
        let row = stored_answers::table.find((&self.user_id, &self.idempotency_key));
        Ok(diesel::delete(row).execute(conn)? == 1)
    }

    /// Deletes all answers of a user, and returns how many.
    ///
    /// # Errors
    /// The database's.
    pub fn forget_all(conn: &mut DbConnection, user_id: &str) -> QueryResult<usize> {
        diesel::delete(stored_answers::table.filter(stored_answers::user_id.eq(user_id))).execute(conn)
    }

    /// Deletes about `limit` of the oldest answers to calls that arrived before a time, and returns how many. Fewer mean that none
    /// are left.
    ///
    /// # Errors
    /// The database's.
    pub fn purge(conn: &mut DbConnection, before: Timestamp, limit: i64) -> QueryResult<usize> {
        let old = stored_answers::table.filter(stored_answers::created_at.lt(before));
        let times = old.select(stored_answers::created_at).order(stored_answers::created_at);
        let last: Option<Timestamp> = times.offset(limit.saturating_sub(1)).first(conn).optional()?;
        match last {
            Some(last) => {
                diesel::delete(stored_answers::table.filter(stored_answers::created_at.le(last))).execute(conn)
            }
            None => diesel::delete(old).execute(conn),
        }
    }
}
