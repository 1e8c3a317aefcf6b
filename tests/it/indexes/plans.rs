//! The query plans of the statements of some work.

use std::sync::{Arc, Mutex};

use clusterdesk::{
    db::{DbConnection, transaction},
    error::Error,
};
use diesel::{
    RunQueryDsl,
    connection::{Connection, InstrumentationEvent},
    dsl::sql,
    sql_types::{Integer, Text},
};

use crate::support::{Backend, Sql};

/// A statement with its bind values, and its query plan.
pub struct Planned {
    pub statement: String,
    pub plan: Vec<String>,
}

/// Runs `work`, rolls it back, and returns the query plan of each of its statements.
pub fn plans_on(conn: &mut DbConnection, work: impl FnOnce(&mut DbConnection)) -> Vec<Planned> {
    let backend = conn.backend();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let statements = Arc::clone(&seen);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            statements.lock().unwrap().push(query.to_string());
        }
    });
    let undone = transaction::write(conn, |conn| {
        work(conn);
        Err::<(), _>(Error::Timeout)
    });
    assert!(matches!(undone, Err(Error::Timeout)), "{undone:?}");
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let planned = seen.into_iter().filter_map(|statement| {
        let (text, binds) = statement.split_once("-- binds: ").unwrap_or((&statement, "[]"));
        let verb = text.split_whitespace().next().unwrap_or_default();
        if !["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].contains(&verb) {
            return None;
        }
        let plan = match backend {
            // With SQLITE_ENABLE_QPSG the plan does not depend on the bind values.
            Backend::Sqlite => {
                let explain = sql::<(Integer, Integer, Integer, Text)>(&format!("EXPLAIN QUERY PLAN {text}"));
                let rows: Vec<(i32, i32, i32, String)> = explain.load(conn).unwrap();
                rows.into_iter().map(|(.., detail)| detail).collect()
            }
            // The plan that our sessions use whatever the values are.
            Backend::Postgres => {
                let values = literals(binds);
                let kinds = values.iter().map(|value| kind(value)).collect();
                let listed =
                    |items: Vec<&str>| if items.is_empty() { String::new() } else { format!("({})", items.join(", ")) };
                conn.run(&format!("PREPARE planned{} AS {text}", listed(kinds)));
                let values = listed(values.iter().map(String::as_str).collect());
                let plan = conn.texts(&format!("EXPLAIN EXECUTE planned{values}"));
                conn.run("DEALLOCATE planned");
                plan
            }
        };
        Some(Planned { plan, statement })
    });
    planned.collect()
}

/// The type of an array in SQL. PostgreSQL finds other types by itself.
fn kind(literal: &str) -> &str {
    match literal.strip_prefix("ARRAY[") {
        Some(items) if items.starts_with("TIMESTAMP") => "timestamp[]",
        Some(items) if items.starts_with(|first: char| first.is_ascii_digit()) => "bigint[]",
        Some(_) => "text[]",
        None => "unknown",
    }
}

/// Replaces the placeholders of a statement by its bind values, which come as Diesel prints them for debugging.
pub fn with_values(text: &str, binds: &str) -> String {
    let mut text = text.to_owned();
    for (number, value) in literals(binds).into_iter().enumerate().rev() {
        text = text.replace(&format!("${}", number + 1), &value);
    }
    text
}

/// `["a", 1, Some(Free), Timestamp(2026-01-01T00:00:00), ["b"]]` as SQL.
fn literals(binds: &str) -> Vec<String> {
    let (mut literals, mut depth, mut quoted, mut word) = (Vec::new(), 0, false, String::new());
    for c in binds.trim()[1..].chars() {
        match c {
            '"' => quoted = !quoted,
            '[' | '(' if !quoted => depth += 1,
            ']' | ')' if !quoted && depth > 0 => depth -= 1,
            ']' if word.is_empty() => {}
            ',' | ']' if !quoted && depth == 0 => literals.push(literal(&std::mem::take(&mut word))),
            _ => {}
        }
        word.push(c);
    }
    literals
}

fn literal(bind: &str) -> String {
    let bind = bind.trim_start_matches([',', ' ']);
    let within = |prefix: &str| bind.strip_prefix(prefix).map(|rest| &rest[..rest.len() - 1]);
    if let Some(time) = within("Timestamp(") {
        return format!("TIMESTAMP '{time}'");
    }
    if let Some(inner) = within("Some(").or_else(|| within("\"")) {
        return if bind.starts_with("Some") { literal(inner) } else { format!("'{}'", inner.replace(r"\\", r"\")) };
    }
    if let Some(items) = within("[") {
        return format!("ARRAY[{}]", literals(&format!("[{items}]")).join(", "));
    }
    match bind {
        "None" => "NULL".to_owned(),
        "true" | "false" => bind.to_owned(),
        number if number.parse::<i64>().is_ok() => number.to_owned(),
        variant => format!("'{}'", variant.to_uppercase()),
    }
}
