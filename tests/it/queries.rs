//! The statements of every procedure and the indexes that serve them, as docs/PERFORMANCE.md lists them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use clusterdesk::db::DbConnection;
use diesel::{
    RunQueryDsl,
    dsl::sql,
    sql_types::{Integer, Text},
};
use procedures::{Kind, Procedure};
use serde_json::Value;

use crate::{
    statements::{clusters, input, populate},
    support::{
        Backend, Builder, PRO, Process, SECRET, SECRET_KEY, Sql, StripeStandIn, big, catalogue, claims, eventually,
        generated_part, hs256,
    },
};

pub const PAGE: &str = "docs/PERFORMANCE.md";

/// The statements of each procedure, in their order.
type Statements = BTreeMap<&'static str, Vec<String>>;

fn is_called(procedure: &Procedure) -> bool {
    procedure.kind != Kind::Subscription
}

/// Calls every procedure once in a server that logs its statements.
async fn statements(backend: Backend) -> Statements {
    let stripe = StripeStandIn::start().await;
    let app = Builder::new(backend).start().await;
    let registry = catalogue();
    let names: Vec<&'static str> =
        registry.procedures().filter(|procedure| is_called(procedure)).map(|procedure| procedure.name).collect();
    populate(&app, 2, &names);
    let clusters = clusters(&app);
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATABASE_URL", app.database.url.as_str()),
        ("JWT_SECRET", SECRET),
        ("RUST_LOG", "info,clusterdesk::db::instrument=trace"),
        ("STRIPE_SECRET_KEY", SECRET_KEY),
        ("STRIPE_API_BASE", &stripe.url),
        ("STRIPE_PRO_MONTHLY_PRICE_ID", PRO),
        ("APP_URL", "https://app.example.com"),
    ];
    let process = Process::serve(folder.path(), &settings);
    let mut seen = Statements::new();
    let mut read = 0;
    // The first call comes twice, because the statements of the start are before it.
    for name in names.first().into_iter().chain(&names).copied() {
        let (live, deleted) = clusters[name];
        process.client(&hs256(&claims(name))).call(name, input(name, live, deleted)).await;
        // The line of the call follows those of its statements.
        let done = |line: &str| line.contains("\"message\":\"done\"") && line.contains(&format!("\"{name}\""));
        eventually(async || process.log()[read..].lines().any(done)).await;
        let log = process.log();
        seen.insert(name, log[read..].lines().filter_map(statement).collect());
        read = log.len();
    }
    seen
}

/// The statement of a line of the log, without transactions and settings.
fn statement(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let text = line.get("sql")?.as_str()?;
    let verb = text.split_whitespace().next()?;
    // The first statement of a connection asks for its process.
    let is_ours =
        ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&verb) && !text.contains("pg_backend_pid()");
    is_ours.then(|| text.to_owned())
}

/// The indexes that a statement uses on the big database, whatever its values are. A whole table is `all of NAME`.
fn indexes(conn: &mut DbConnection, statement: &str) -> String {
    let (plan, markers): (Vec<String>, &[&str]) = match conn.backend() {
        Backend::Sqlite => {
            let explain = sql::<(Integer, Integer, Integer, Text)>(&format!("EXPLAIN QUERY PLAN {statement}"));
            let rows: Vec<(i32, i32, i32, String)> = explain.load(conn).unwrap();
            (rows.into_iter().map(|(.., detail)| detail).collect(), &["USING INDEX ", "USING COVERING INDEX ", "SCAN "])
        }
        Backend::Postgres => {
            let values = (1..).take_while(|number| statement.contains(&format!("${number}"))).count();
            let values = if values == 0 { String::new() } else { format!("({})", vec!["NULL"; values].join(", ")) };
            conn.run(&format!("PREPARE audited AS {statement}"));
            let plan = conn.texts(&format!("EXPLAIN EXECUTE audited{values}"));
            conn.run("DEALLOCATE audited");
            (plan, &["Scan using ", "Scan Backward using ", "Bitmap Index Scan on ", "Seq Scan on "])
        }
    };
    let mut used = BTreeSet::new();
    for line in &plan {
        if line.contains("INTEGER PRIMARY KEY") {
            used.insert("primary key".to_owned());
        }
        for marker in markers {
            let Some((_, rest)) = line.split_once(marker) else { continue };
            let name = rest.split([' ', '(']).next().unwrap();
            let whole = ["SCAN ", "Seq Scan on "].contains(marker);
            // `SCAN table USING INDEX name` reads an index from its start.
            if name != "CONSTANT" && (!whole || !line.contains("USING")) {
                used.insert(if whole { format!("all of {name}") } else { name.to_owned() });
            }
        }
    }
    used.into_iter().collect::<Vec<_>>().join(", ")
}

/// A statement as the page shows it: the same for both databases, without the columns that it returns.
pub fn shown(statement: &str) -> String {
    let mut text = statement.replace(['"', '`'], "");
    for number in (1..100).rev() {
        text = text.replace(&format!("${number}"), "?");
    }
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((before, rest)) = text.split_once(" IN (?, ") {
        let (_, after) = rest.split_once(')').unwrap();
        text = format!("{before} IN (?, …){after}");
    }
    match text.strip_prefix("SELECT ").and_then(|rest| rest.split_once(" FROM ")) {
        Some((columns, rest)) if columns.contains(',') && !columns.contains('(') => format!("SELECT … FROM {rest}"),
        _ => text,
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn generated_list_of_statements_is_up_to_date() {
    let (mut numbers, mut rows) = (BTreeMap::new(), Vec::<[String; 3]>::new());
    let mut calls = BTreeMap::<&str, [Vec<String>; 2]>::new();
    for (column, backend) in [Backend::Sqlite, Backend::Postgres].into_iter().enumerate() {
        let mut conn = big(backend).connect();
        for (name, statements) in statements(backend).await {
            for statement in statements {
                let text = shown(&statement);
                let number = *numbers.entry(text.clone()).or_insert_with(|| {
                    rows.push([text, String::new(), String::new()]);
                    rows.len()
                });
                let cell = &mut rows[number - 1][column + 1];
                if cell.is_empty() {
                    *cell = indexes(&mut conn, &statement);
                }
                calls.entry(name).or_default()[column].push(number.to_string());
            }
        }
    }
    let mut page = "| procedure | on SQLite | on PostgreSQL |\n|---|---|---|\n".to_owned();
    for (name, [sqlite, postgres]) in calls {
        writeln!(page, "| `{name}` | {} | {} |", sqlite.join(", "), postgres.join(", ")).unwrap();
    }
    page += "\n| | statement | indexes on SQLite | on PostgreSQL |\n|---|---|---|---|\n";
    for (at, [text, sqlite, postgres]) in rows.iter().enumerate() {
        writeln!(page, "| {} | `{}` | {sqlite} | {postgres} |", at + 1, text.replace('|', "\\|")).unwrap();
    }
    // Which of two equally good indexes a planner chooses may vary.
    let without_indexes = |text: &str| -> Vec<String> {
        let is_statement = |line: &str| line.chars().nth(2).is_some_and(|c| c.is_ascii_digit());
        let cells = |line: &str| match is_statement(line) {
            true => line.rsplitn(3, " | ").last().unwrap_or_default().to_owned(),
            false => line.to_owned(),
        };
        text.lines().filter(|line| line.starts_with('|')).map(cells).collect()
    };
    let written = std::fs::read_to_string(format!("{}/{PAGE}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (_, rest) = written.split_once("<!-- generated: statements -->").unwrap();
    let (listed, _) = rest.split_once("<!-- end of statements -->").unwrap();
    if without_indexes(listed) != without_indexes(&page) || std::env::var("RENEW").is_ok() {
        generated_part(PAGE, "statements", &page);
    }
}
