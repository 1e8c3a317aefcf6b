//! Four servers on a PostgreSQL with a synchronous standby, whose primary is killed under load.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{
    Backend, Client, Postgres, Process, SECRET, Sql, TestDatabase, Watcher, claims, eventually, hs256,
};

const SERVERS: usize = 4;
const WORKERS: usize = 4;

/// What the callers have seen.
#[derive(Default)]
struct Seen {
    /// Owners of clusters whose creation was acknowledged, by server.
    acknowledged: [Vec<String>; SERVERS],
    /// Codes of failed calls.
    failures: Vec<String>,
}

/// Creates clusters, each for a new user, until told to stop. Goes on after failures.
async fn create(url: String, server: usize, worker: usize, seen: Arc<Mutex<Seen>>, stop: Arc<AtomicBool>) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let owner = format!("user_{server}_{worker}_{number}");
        let client = Client::new(&url, Some(hs256(&claims(&owner))));
        match client.try_call("k8s.create", json!({"name": "a", "location": "eu"})).await {
            Ok(_) => seen.lock().unwrap().acknowledged[server].push(owner),
            Err(failure) => {
                seen.lock().unwrap().failures.push(failure.code().to_owned());
                // The load of callers who wait before they try again.
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn counts(seen: &Mutex<Seen>) -> [usize; SERVERS] {
    seen.lock().unwrap().acknowledged.each_ref().map(Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn no_acknowledged_write_is_lost_when_the_primary_is_killed_and_its_standby_promoted() {
    let primary = Postgres::primary();
    primary.create("app", "template0");
    let standby = primary.standby();
    primary.administer(&["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"]);
    let on = |postgres: &Postgres, database: &str| {
        let (url, folder) = (postgres.url(database), tempfile::tempdir().unwrap());
        TestDatabase { backend: Backend::Postgres, url, folder }.connect()
    };
    let is_synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    eventually(async || on(&primary, "postgres").number(is_synchronous) == 1).await;

    let hosts = [&primary, &standby].map(|postgres| postgres.folder().display().to_string()).join(",");
    let url = format!("postgres:///app?host={hosts}&user=postgres");
    let settings =
        [("DATABASE_URL", url.as_str()), ("DATABASE_THREADS", "1"), ("JWT_SECRET", SECRET), ("BOOTSTRAP_ADMIN", "off")];
    let folder = tempfile::tempdir().unwrap();
    let servers: Vec<Process> = (0..SERVERS).map(|_| Process::serve(folder.path(), &settings)).collect();
    let ann = servers[0].client(&hs256(&claims("ann")));
    let mut watcher = Watcher::open(&servers[3].client(&hs256(&claims("ann"))), Value::Null).await;

    let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
    let mut workers = Vec::new();
    for (server, process) in servers.iter().enumerate() {
        for worker in 0..WORKERS {
            let worker = create(process.url.clone(), server, worker, Arc::clone(&seen), Arc::clone(&stop));
            workers.push(tokio::spawn(worker));
        }
    }
    eventually(async || counts(&seen).iter().all(|count| *count >= 25)).await;

    primary.kill();
    let killed = Instant::now();
    let before = counts(&seen);
    standby.administer(&["SELECT pg_promote()"]);
    let promoted = killed.elapsed();
    // Each server by itself goes on with writes.
    eventually(async || counts(&seen).iter().zip(before).all(|(now, before)| *now > before)).await;
    let resumed = killed.elapsed();
    eventually(async || counts(&seen).iter().zip(before).all(|(now, before)| *now >= before + 25)).await;
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    // A watcher goes on as well, on its old socket.
    ann.call("k8s.create", json!({"name": "later", "location": "eu"})).await;
    assert_eq!(watcher.told(1).await, ["created later"]);

    let owners = on(&standby, "app").texts("SELECT auth_user_id FROM k8s_cluster_configs WHERE deleted_at IS NULL");
    let owners: std::collections::HashSet<String> = owners.into_iter().collect();
    let seen = seen.lock().unwrap();
    let lost: Vec<_> = seen.acknowledged.iter().flatten().filter(|owner| !owners.contains(*owner)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let unexpected: Vec<_> =
        seen.failures.iter().filter(|code| !["SERVICE_UNAVAILABLE", "TIMEOUT"].contains(&code.as_str())).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    println!(
        "{} writes acknowledged, {before:?} of them by each server before the primary was killed; promoted after {promoted:?}, \
         all {SERVERS} servers wrote again {:?} later; {} calls failed in between",
        owners.len(),
        resumed.saturating_sub(promoted),
        seen.failures.len(),
    );
}
