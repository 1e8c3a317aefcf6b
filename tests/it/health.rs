//! `admin.health`: how a server is doing.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use clusterdesk::kernel::{Audited, Call, Router};
use procedures::{Access, NoInput};
use serde_json::{Value, json};

use crate::support::{Backend, Builder, TestApp, assert_moment, both_databases, eventually};

async fn health(app: &TestApp) -> Value {
    app.user("root").call("admin.health", Value::Null).await
}

/// What a check has found: whether it is well, and the text.
fn finding(health: &Value, check: &str) -> (bool, String) {
    let found = health["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check} in {health}"));
    (found["ok"].as_bool().unwrap(), found["detail"].as_str().unwrap().to_owned())
}

/// Gives the data folder the mode that the server would give it, and the file, which tests copy, this one.
fn close(app: &TestApp, mode: u32) {
    fs::set_permissions(app.database.folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    if let Some(path) = app.database.address().sqlite_path() {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

both_databases! {
    async fn a_healthy_server_says_so(app: TestApp) {
        app.admin();
        close(&app, 0o600);
        let found = health(&app).await;
        let is_sqlite = app.backend() == Backend::Sqlite;
        assert_eq!(found["database"]["kind"], if is_sqlite { "SQLite" } else { "PostgreSQL" });
        assert_eq!(found["database"]["fileBytes"].is_u64(), is_sqlite);
        assert_eq!((&found["queue"], &found["replica"], &found["backups"]), (&json!({"reads": 0, "writes": 0}), &Value::Null, &Value::Null));
        assert_eq!(found["billing"], json!({"configured": false, "suspended": false, "failedEvents": 0}));
        assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
        let problems: Vec<_> = found["findings"].as_array().unwrap().iter().filter(|finding| finding["ok"] == false).collect();
        assert_eq!(problems, Vec::<&Value>::new());
        assert_eq!(finding(&found, "database"), (true, "it answers".to_owned()));
        assert_eq!(finding(&found, "writes"), (true, "the database accepts them".to_owned()));
        assert!(finding(&found, "migrations").1.starts_with("at 20"));
        assert_eq!(finding(&found, "token keys"), (true, "1 loaded".to_owned()));
        assert_eq!(finding(&found, "billing"), (true, "not configured".to_owned()));
        assert!(finding(&found, "data folder").0 && finding(&found, "clock").0);
    }

    async fn problems_are_found_and_no_place_is_told(app: TestApp) {
        app.admin();
        close(&app, 0o640);
        app.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')");
        let folder = app.database.folder.path();
        fs::write(folder.join("admin-token"), "").unwrap();
        fs::set_permissions(folder.join("admin-token"), fs::Permissions::from_mode(0o644)).unwrap();
        let found = health(&app).await;
        assert_eq!(finding(&found, "migrations"), (false, "the database is newer than this binary: 20990101000000".to_owned()));
        assert_eq!(finding(&found, "admin token"), (false, "the admin token has mode 0644; chmod 0600 it".to_owned()));
        if app.backend() == Backend::Sqlite {
            assert_eq!(finding(&found, "database file"), (false, "the database file has mode 0640; chmod 0600 it".to_owned()));
        }
        assert!(!found.to_string().contains(folder.to_str().unwrap()));
    }

    async fn the_last_purge_the_last_seal_and_failed_events_are_told(builder: Builder) {
        let hour = Duration::from_secs(3600);
        let mut app = builder.limits(move |limits| (limits.purge_interval, limits.seal_interval) = (hour, hour)).start().await;
        let admin = app.admin();
        let jobs = json!({"purgedAt": null, "archivedAt": null, "sealedThrough": null, "sealIsDue": false});
        assert_eq!(health(&app).await["jobs"], jobs);
        app.member("user_1");
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "ADMIN"})).await;
        assert_eq!(health(&app).await["jobs"]["sealIsDue"], true);
        app.execute(
            "INSERT INTO stripe_events (id, kind, created_at, received_at, attempts, error, payload)
             VALUES ('evt_1', 'x', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 1, 'x', '{}')"
        );
        assert_eq!(health(&app).await["billing"]["failedEvents"], 1);
        let entry = admin.call("admin.auditLog", json!({})).await["items"][0].clone();
        app.stop();
        app.stopped().await;
        let soon = Duration::from_millis(20);
        let often = app.beside().limits(move |limits| (limits.purge_interval, limits.seal_interval) = (soon, soon)).start().await;
        eventually(async || {
            let jobs = health(&often).await["jobs"].take();
            jobs["purgedAt"].is_string() && jobs["sealedThrough"] == entry["createdAt"] && jobs["sealIsDue"] == false
        }).await;
    }
}

/// Whether the calls that keep the database threads busy may end.
static MAY_END: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
/// Writes that have begun.
static WRITING: AtomicUsize = AtomicUsize::new(0);

fn wait() {
    let (may_end, told) = &MAY_END;
    drop(told.wait_while(may_end.lock().unwrap(), |may_end| !*may_end).unwrap());
}

fn read(_: &mut Call<'_>, _: NoInput) -> clusterdesk::error::Result<bool> {
    wait();
    Ok(true)
}

fn write(_: &mut Call<'_>, _: NoInput) -> clusterdesk::error::Result<Audited<bool>> {
    WRITING.fetch_add(1, Ordering::Relaxed);
    wait();
    Ok(Audited::unchanged(true))
}

/// The queue as the metrics tell it.
async fn queued(app: &TestApp) -> Value {
    let client = app.anonymous();
    let page = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    let value = |name: &str| {
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        value.parse::<u64>().unwrap()
    };
    json!({"reads": value("clusterdesk_queued_reads"), "writes": value("clusterdesk_queued_writes")})
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_a_database_thread_are_told() {
    let probes = Router::new("probe").mutation("write", Access::User, "Waits.", write);
    let probes = probes.query("read", Access::User, "Waits.", read).browses();
    let app = Builder::new(Backend::Sqlite).router(probes).start().await;
    app.admin();
    let call = |procedure: &'static str| {
        let user = app.user("root");
        tokio::spawn(async move { user.call(procedure, Value::Null).await })
    };
    let mut calls = vec![call("probe.write")];
    eventually(async || WRITING.load(Ordering::Relaxed) == 1).await;
    calls.extend(["probe.write", "probe.write"].into_iter().chain(["probe.read"; 9]).map(call));
    // Two threads run queries that browse. The metrics themselves wait for one of them too.
    let are_queued = |queue: &Value| queue["reads"].as_u64() >= Some(7) && queue["writes"] == 2;
    eventually(async || are_queued(&queued(&app).await)).await;
    let told = health(&app).await["queue"].take();
    assert!(are_queued(&told), "{told}");
    *MAY_END.0.lock().unwrap() = true;
    MAY_END.1.notify_all();
    for call in calls {
        assert_eq!(call.await.unwrap(), true);
    }
    eventually(async || health(&app).await["queue"] == json!({"reads": 0, "writes": 0})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_backup_is_told() {
    let app = Builder::new(Backend::Sqlite).flag("backup-every", "1h").start().await;
    app.admin();
    eventually(async || {
        let found = health(&app).await;
        let made = found["backups"]["newestAt"].is_string();
        if made {
            assert_moment(&found["backups"]["newestAt"]);
            assert_eq!(found["backups"]["everySeconds"], 3600);
            assert_eq!(
                finding(&found, "backups"),
                (true, "the newest in the folder of backups is 0 minutes old".to_owned())
            );
        }
        made
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_replica_that_does_not_answer_is_a_problem() {
    let away = "postgres://127.0.0.1:1/x?sslmode=disable";
    let app = Builder::new(Backend::Postgres).flag("database-replica-url", away).start().await;
    app.admin();
    let found = health(&app).await;
    assert_eq!(found["replica"], "unavailable");
    assert_eq!(finding(&found, "replica"), (false, "it does not answer; the primary database does".to_owned()));
    assert!(finding(&found, "database").0);
}
