//! Audit events: every entry once, in an order in which nothing appears late.

use std::{
    thread,
    time::{Duration, Instant},
};

use clusterdesk::{
    db::{Database, DbConnection, Options, Timestamp},
    models::{
        audit::{Door, NewAuditEntry},
        audit_event::AuditEvent,
        event_log::EventLog,
    },
};
use diesel::{Connection, QueryResult};

use crate::support::{Backend, Sql, TestDatabase, both_databases};

/// Reached only when a test fails.
const TIMEOUT: Duration = Duration::from_secs(120);

fn record(conn: &mut DbConnection, entity_id: &str) -> QueryResult<()> {
    let entry = NewAuditEntry {
        created_at: Timestamp::now(),
        actor_id: "ann".to_owned(),
        procedure: "k8s.create",
        entity: "cluster",
        entity_id: entity_id.to_owned(),
        detail: "{}".to_owned(),
        request_id: "r".to_owned(),
        client_address: None,
        token_id: None,
        door: Door::Cli,
    };
    entry.insert(conn)
}

/// The entity ids of the events after `last`, which moves to the newest of them.
fn read(conn: &mut DbConnection, last: &mut i64, limit: i64) -> Vec<String> {
    let events = AuditEvent::after(conn, *last, limit).unwrap();
    for event in &events {
        assert!(event.id > *last && event.id >= event.entry.id, "{event:?} after {last}");
        *last = event.id;
    }
    events.into_iter().map(|event| event.entry.entity_id).collect()
}

both_databases! {
    async fn each_entry_becomes_one_event_in_order(database: TestDatabase) {
        let mut conn = database.connect();
        assert_eq!(AuditEvent::extent(&mut conn).unwrap().newest, 0);
        for number in 1..=5 {
            record(&mut conn, &number.to_string()).unwrap();
        }
        let mut last = 0;
        assert_eq!(read(&mut conn, &mut last, 2), ["1", "2"]);
        assert_eq!(read(&mut conn, &mut last, 10), ["3", "4", "5"]);
        assert_eq!(last, AuditEvent::extent(&mut conn).unwrap().newest);
        assert!(read(&mut conn, &mut last, 10).is_empty());
    }

    async fn a_rolled_back_entry_leaves_no_event(database: TestDatabase) {
        let mut conn = database.connect();
        let failed: QueryResult<()> = conn.transaction(|conn| {
            record(conn, "undone")?;
            Err(diesel::result::Error::RollbackTransaction)
        });
        assert!(failed.is_err());
        record(&mut conn, "kept").unwrap();
        assert_eq!(read(&mut conn, &mut 0, 10), ["kept"]);
    }

    async fn events_can_be_resumed_after_an_entry_id(database: TestDatabase) {
        let mut conn = database.connect();
        // Burns ids of the log on PostgreSQL.
        for _ in 0..3 {
            let failed: QueryResult<()> = conn.transaction(|conn| {
                record(conn, "undone")?;
                Err(diesel::result::Error::RollbackTransaction)
            });
            failed.unwrap_err();
        }
        for name in ["a", "b", "c"] {
            record(&mut conn, name).unwrap();
        }
        let entry = conn.number("SELECT id FROM audit_log WHERE entity_id = 'b'");
        assert_eq!(read(&mut conn, &mut entry.clone(), 10), ["c"]);
    }

    async fn an_entry_inserted_with_an_old_id_is_a_new_event(database: TestDatabase) {
        let mut conn = database.connect();
        let insert = |id: u32| format!(
            "INSERT INTO audit_log (id, created_at, actor_id, procedure, entity, entity_id, detail, request_id)
            VALUES ({id}, '2026-01-01 10:00:00', 'a', 'p', 'e', 'number {id}', '{{}}', 'r')"
        );
        conn.run(&insert(100));
        let mut last = 0;
        assert_eq!(read(&mut conn, &mut last, 10), ["number 100"]);
        conn.run(&insert(50));
        assert_eq!(read(&mut conn, &mut last, 10), ["number 50"]);
    }

    async fn events_cannot_be_changed_or_removed(database: TestDatabase) {
        let mut conn = database.connect();
        record(&mut conn, "a").unwrap();
        let mut attempts = vec!["UPDATE audit_events SET audit_id = 7", "DELETE FROM audit_events"];
        attempts.push(match database.backend {
            Backend::Sqlite => "REPLACE INTO audit_events SELECT * FROM audit_events",
            Backend::Postgres => "TRUNCATE audit_events",
        });
        for attempt in attempts {
            let refusal = conn.refusal(attempt).unwrap_or_default();
            assert!(refusal.contains("audit_events is append-only"), "{attempt}: {refusal}");
        }
        assert_eq!(read(&mut conn, &mut 0, 10), ["a"]);
    }

    async fn a_reader_sees_every_entry_of_concurrent_writers_once(database: TestDatabase) {
        const WRITERS: usize = 4;
        const ENTRIES: usize = 40;
        let writers: Vec<_> = (0..WRITERS).map(|writer| {
            let mut conn = database.connect();
            thread::spawn(move || {
                for number in 0..ENTRIES {
                    let written: QueryResult<()> = conn.transaction(|conn| {
                        record(conn, &format!("{writer}-{number}"))?;
                        // Other transactions overtake this one between its id and its commit.
                        thread::yield_now();
                        if number % 5 == 4 { Err(diesel::result::Error::RollbackTransaction) } else { Ok(()) }
                    });
                    assert_eq!(written.is_err(), number % 5 == 4, "{written:?}");
                }
            })
        }).collect();
        let (mut conn, mut last, mut seen) = (database.connect(), 0, Vec::new());
        let deadline = Instant::now() + TIMEOUT;
        while seen.len() < WRITERS * ENTRIES * 4 / 5 {
            seen.extend(read(&mut conn, &mut last, 7));
            assert!(Instant::now() < deadline, "only {} events", seen.len());
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert!(read(&mut conn, &mut last, 7).is_empty());
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), WRITERS * ENTRIES * 4 / 5);
    }

    async fn an_entry_wakes_whoever_waits_for_commits(database: TestDatabase) {
        let options = Options {
            url: database.address(),
            replica: None,
            staleness: TIMEOUT,
            listen: None,
            threads: 1,
            queued_jobs: 8,
            statement_timeout: TIMEOUT,
        };
        let db = Database::open(&options).unwrap();
        let mut commits = db.clone().commits();
        if database.backend == Backend::Postgres {
            // The listener wakes once after it has connected. What follows is a notification.
            commits.changed().await.unwrap();
            record(&mut database.connect(), "of another process").unwrap();
            tokio::time::timeout(TIMEOUT, commits.changed()).await.unwrap().unwrap();
        }
        commits.mark_unchanged();
        db.write(Instant::now() + TIMEOUT, |conn| Ok(record(conn, "of this process")?)).await.unwrap();
        tokio::time::timeout(TIMEOUT, commits.changed()).await.unwrap().unwrap();
    }
}

#[tokio::test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn an_entry_with_a_small_id_that_is_committed_late_is_the_later_event() {
    let database = Backend::Postgres.database();
    let (mut slow, mut fast, mut reader) = (database.connect(), database.connect(), database.connect());
    // A user's first change of a day waits for another one that is not committed.
    record(&mut fast, "first").unwrap();
    let mut last = 0;
    assert_eq!(read(&mut reader, &mut last, 10), ["first"]);
    slow.run("BEGIN");
    record(&mut slow, "small id").unwrap();
    record(&mut fast, "great id").unwrap();
    assert_eq!(read(&mut reader, &mut last, 10), ["great id"]);
    slow.run("COMMIT");
    assert_eq!(read(&mut reader, &mut last, 10), ["small id"]);
    record(&mut fast, "next").unwrap();
    assert_eq!(read(&mut reader, &mut last, 10), ["next"]);
}
