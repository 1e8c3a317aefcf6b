//! Every statement is prepared once per connection: no call waits for a statement to be parsed and planned again.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use clusterdesk::{
    db::{DbConnection, transaction},
    error::Error,
    models::api_token::{NewApiToken, Scope},
};
use diesel::connection::{Connection, InstrumentationEvent};

use crate::{
    indexes::{AtSize, audit_entry, cases},
    support::{big, both_databases, hours_ago},
};

/// What the connection was told to keep, and the statements that it ran without.
#[derive(Default)]
struct Seen {
    kept: HashSet<String>,
    prepared: usize,
    parsed_anew: Vec<String>,
}

/// What `cases` leaves out.
fn inserts(conn: &mut DbConnection) {
    let created_at = hours_ago(0);
    audit_entry(created_at).insert(conn).unwrap();
    let (hash, scope) = ("f".repeat(64), Scope::Read);
    let token =
        NewApiToken { user_id: "user_7", name: "x", hash: &hash, hint: "abc", scope, created_at, expires_at: None };
    token.insert(conn).unwrap();
}

/// The statements of a case, without those that are sent as plain text.
fn statement(event: &InstrumentationEvent<'_>) -> Option<String> {
    let InstrumentationEvent::FinishQuery { query, .. } = event else { return None };
    let text = query.to_string();
    let text = text.split("-- binds").next().unwrap().trim();
    let is_prepared = ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| text.starts_with(verb))
        && !text.starts_with("SELECT pg_advisory_xact_lock");
    // A list of values has a text for each length; only the page of users for admins has one.
    (is_prepared && !text.contains(" IN (")).then(|| text.to_owned())
}

/// Runs `work` and rolls it back.
fn run(conn: &mut DbConnection, work: &dyn Fn(&mut DbConnection)) {
    let undone = transaction::write(conn, |conn| {
        work(conn);
        Err::<(), _>(Error::Timeout)
    });
    assert!(matches!(undone, Err(Error::Timeout)), "{undone:?}");
}

both_databases! {
    async fn no_statement_is_prepared_for_a_second_time(at_size: AtSize) {
        let mut conn = big(at_size.0).connect();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let record = Arc::clone(&seen);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            let mut seen = record.lock().unwrap();
            if let InstrumentationEvent::CacheQuery { sql, .. } = &event {
                seen.prepared += 1;
                seen.kept.insert((*sql).trim().to_owned());
            } else if let Some(statement) = statement(&event)
                && !seen.kept.contains(&statement)
            {
                seen.parsed_anew.push(statement);
            }
        });
        let mut run_all = || {
            cases().iter().for_each(|case| run(&mut conn, &case.work));
            run(&mut conn, &inserts);
        };
        run_all();
        let first = seen.lock().unwrap().prepared;
        run_all();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.parsed_anew, Vec::<String>::new(), "not kept");
        assert!(first > 50 && seen.prepared == first, "{first} at first, then {}", seen.prepared);
    }
}
