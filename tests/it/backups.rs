//! The backups that the server makes by itself.

use std::fs;

use crate::support::{Backend, Process, Signal, Sql, TestDatabase, eventually};

/// The value of a metric; -1 while it is not shown.
async fn metric(server: &Process, name: &str) -> i64 {
    let page = reqwest::get(format!("{}metrics", server.url)).await.unwrap().text().await.unwrap();
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(-1)
}

const MADE: &str = "clusterdesk_backups_total{outcome=\"ok\"}";
const FAILED: &str = "clusterdesk_backups_total{outcome=\"failed\"}";
const AGE: &str = "clusterdesk_backup_age_seconds";

/// The names in `data/backups`, sorted.
fn names(database: &TestDatabase) -> Vec<String> {
    let entries = fs::read_dir(database.folder.path().join("data/backups")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// The line of `clusterdesk doctor` about backups.
fn doctor(database: &TestDatabase, settings: &[(&str, &str)]) -> String {
    let output = Process::run(database.folder.path(), &["doctor"], settings).stdout;
    let text = String::from_utf8(output).unwrap();
    text.lines().find(|line| line.starts_with("backups: ")).unwrap().to_owned()
}

#[tokio::test]
async fn the_newest_backups_are_kept_and_nothing_else_is_touched() {
    let database = Backend::Sqlite.database();
    let settings = [("DATABASE_URL", database.url.as_str()), ("BACKUP_EVERY", "1s"), ("BACKUP_KEEP", "2")];
    assert!(doctor(&database, &settings).contains(": ok (none yet"));
    let folder = database.folder.path().join("data/backups");
    fs::create_dir_all(&folder).unwrap();
    assert!(doctor(&database, &settings).contains("PROBLEM: there is none in ./data/backups"));
    let others = ["clusterdesk-latest.db", "clusterdesk.db", "notes.txt"];
    others.iter().for_each(|name| fs::write(folder.join(name), "mine").unwrap());
    // Left by a server that was killed.
    fs::write(folder.join("clusterdesk-20260101T000000Z.db.partial"), "half").unwrap();
    let mut server = Process::serve(database.folder.path(), &settings);
    eventually(async || metric(&server, MADE).await >= 5).await;
    assert!((0..60).contains(&metric(&server, AGE).await));
    assert!(doctor(&database, &settings).contains(": ok (the newest in "));
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let (kept, backups): (Vec<_>, Vec<_>) =
        names(&database).into_iter().partition(|name| others.contains(&name.as_str()));
    assert_eq!(kept, others);
    // One may have been made, and its surplus not removed, when the server was stopped.
    let whole: Vec<_> = backups.iter().filter(|name| name.ends_with("Z.db")).collect();
    assert!((2..=3).contains(&whole.len()), "{backups:?}");
    assert!(!backups.contains(&"clusterdesk-20260101T000000Z.db.partial".to_owned()));
    let newest = folder.join(whole.last().unwrap());
    let url = format!("sqlite:{}", newest.display());
    let newest = TestDatabase { backend: Backend::Sqlite, url, folder: tempfile::tempdir().unwrap() };
    assert_eq!(newest.connect().number("SELECT count(*) FROM users"), 1, "the first admin");
}

#[tokio::test]
async fn a_restart_makes_no_backup_before_it_is_due() {
    let database = Backend::Sqlite.database();
    let settings = [("DATABASE_URL", database.url.as_str()), ("BACKUP_EVERY", "1h")];
    let server = Process::serve(database.folder.path(), &settings);
    eventually(async || metric(&server, MADE).await == 1).await;
    drop(server);
    let first = names(&database);
    let mut server = Process::serve(database.folder.path(), &settings);
    // The first look at the metrics is after the schedule was made.
    eventually(async || metric(&server, AGE).await >= 1).await;
    assert_eq!(metric(&server, MADE).await, 0);
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    assert_eq!(names(&database), first);
}

#[tokio::test]
async fn a_backup_that_fails_is_counted_and_logged_and_reported() {
    let database = Backend::Sqlite.database();
    let settings = [("DATABASE_URL", database.url.as_str()), ("BACKUP_EVERY", "1s")];
    fs::create_dir_all(database.folder.path().join("data")).unwrap();
    let in_the_way = database.folder.path().join("data/backups");
    fs::write(&in_the_way, "a file").unwrap();
    let mut server = Process::serve(database.folder.path(), &settings);
    eventually(async || metric(&server, FAILED).await >= 2).await;
    assert_eq!(metric(&server, MADE).await, 0);
    assert!(doctor(&database, &settings).contains("PROBLEM: could not read ./data/backups"));
    fs::remove_file(in_the_way).unwrap();
    eventually(async || metric(&server, MADE).await >= 1).await;
    server.signal(Signal::TERM);
    server.wait();
    assert!(server.log().contains("could not back the database up"), "{}", server.log());
}

#[tokio::test]
async fn an_old_backup_is_a_problem_and_without_the_setting_there_is_none() {
    let database = Backend::Sqlite.database();
    let folder = database.folder.path().join("data/backups");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("clusterdesk-20260101T000000Z.db"), "old").unwrap();
    let settings = [("DATABASE_URL", database.url.as_str()), ("BACKUP_EVERY", "1h")];
    assert!(doctor(&database, &settings).contains("minutes old, although BACKUP_EVERY is shorter"));
    assert!(doctor(&database, &settings[..1]).contains(": ok (none by the server: BACKUP_EVERY is not set)"));
    let server = Process::serve(database.folder.path(), &settings[..1]);
    let page = reqwest::get(format!("{}metrics", server.url)).await.unwrap().text().await.unwrap();
    assert!(!page.contains("clusterdesk_backup"), "{page}");
}
