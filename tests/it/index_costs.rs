//! What each composite index saves on PostgreSQL, as docs/PERFORMANCE.md lists it.

use std::fmt::Write;

use clusterdesk::db::DbConnection;

use crate::{
    indexes::{Planned, cases, with_values},
    queries::{PAGE, shown},
    support::{Backend, Sql, big, generated_part},
};

/// Indexes with several columns that serve no constraint.
const COMPOSITE: &str = "SELECT indexrelid::regclass::text FROM pg_index
    WHERE indnkeyatts > 1 AND NOT indisprimary AND indexrelid NOT IN (SELECT conindid FROM pg_constraint)
        AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    ORDER BY 1";

fn reads(statement: &str) -> bool {
    ["SELECT", "WITH"].iter().any(|verb| statement.starts_with(verb))
}

/// A statement with its values.
fn whole(Planned { statement, .. }: &Planned) -> String {
    let (text, values) = statement.split_once("-- binds: ").unwrap_or((statement, "[]"));
    with_values(text, values)
}

/// The blocks of 8 KiB that a statement reads, in memory or not.
fn blocks(conn: &mut DbConnection, statement: &str) -> u64 {
    let plan = conn.texts(&format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {statement}"));
    let line = plan.iter().find_map(|line| line.trim().strip_prefix("Buffers: ")).unwrap();
    let read = |word: &str| word.strip_prefix("hit=").or_else(|| word.strip_prefix("read="))?.parse::<u64>().ok();
    line.split(' ').filter_map(read).sum()
}

/// The numbers depend on the version of PostgreSQL, so they are measured only while the list is not complete. Empty it and
/// run with `RENEW=1` to measure again.
#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn generated_list_of_indexes_is_complete() {
    let mut conn = big(Backend::Postgres).connect();
    let names = conn.texts(COMPOSITE);
    let page = std::fs::read_to_string(format!("{}/{PAGE}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (_, rest) = page.split_once("<!-- generated: indexes -->").unwrap();
    let (list, _) = rest.split_once("<!-- end of indexes -->").unwrap();
    let listed: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    if listed == names {
        return;
    }
    let planned: Vec<Planned> = cases().into_iter().flat_map(|case| case.plans(Backend::Postgres)).collect();
    let mut list = "| index | serves, for example | blocks read with it | without |\n|---|---|---|---|\n".to_owned();
    for name in &names {
        let uses = |planned: &&Planned| planned.plan.iter().any(|line| line.contains(&format!(" {name} ")));
        let served = planned.iter().filter(|planned| reads(&planned.statement)).find(uses);
        let Some(served) = served else {
            writeln!(list, "| `{name}` | no query: a rule of the database, or changes | | |").unwrap();
            continue;
        };
        let statement = whole(served);
        // The second time everything is in memory, and no hint has to be written.
        blocks(&mut conn, &statement);
        let with = blocks(&mut conn, &statement);
        conn.run(&format!("BEGIN; DROP INDEX {name}"));
        let without = blocks(&mut conn, &statement);
        conn.run("ROLLBACK");
        let text = served.statement.split("-- binds: ").next().unwrap();
        writeln!(list, "| `{name}` | `{}` | {with} | {without} |", shown(text).replace('|', "\\|")).unwrap();
    }
    generated_part(PAGE, "indexes", &list);
}
