//! `/health/ready` while commits wait.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::{WAITING, on, ready};
use crate::support::{PATIENCE, Postgres, Sql, eventually};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn one_readiness_probe_at_a_time_waits_for_the_database() {
    let postgres = Postgres::primary();
    let app = on(&postgres, 30).await;
    postgres.require_absent_standby();
    eventually(async || ready(&app).await.0 == 503).await;
    let waiting = format!("SELECT count(*) {WAITING}");
    eventually(async || app.connect().number(&waiting) == 0).await;
    let asked = join_all((0..20).map(|_| ready(&app)));
    let watched = async {
        let mut most = 0;
        while most == 0 || app.connect().number(&waiting) > 0 {
            most = most.max(app.connect().number(&waiting));
            // Lets the requests be sent.
            sleep(Duration::from_millis(5)).await;
        }
        most
    };
    let (answers, most) = timeout(PATIENCE, async { tokio::join!(asked, watched) }).await.unwrap();
    assert!(answers.iter().all(|answer| answer.0 == 503), "{answers:?}");
    assert_eq!(most, 1);
    postgres.require_no_standby();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_readiness_probe_outlives_its_request_and_a_success_is_shared() {
    let postgres = Postgres::primary();
    let app = Arc::new(on(&postgres, 30).await);
    // The last commit on each connection of the server.
    let commits =
        "SELECT coalesce(max(query_start)::text, '') FROM pg_stat_activity WHERE datname = 'app' AND query = 'COMMIT'";
    // Two requests within a second share one probe.
    let shared = async || {
        let first = (ready(&app).await.0, app.connect().texts(commits));
        let second = (ready(&app).await.0, app.connect().texts(commits));
        (first.0, second.0) == (200, 200) && first.1 == second.1
    };
    eventually(shared).await;

    postgres.require_absent_standby();
    eventually(async || ready(&app).await.0 == 503).await;
    let waiting = format!("SELECT count(*) {WAITING}");
    eventually(async || app.connect().number(&waiting) == 0).await;
    let ask = || {
        let app = Arc::clone(&app);
        tokio::spawn(async move { ready(&app).await.0 })
    };
    let first = ask();
    eventually(async || app.connect().number(&waiting) == 1).await;
    first.abort();
    let second = ask();
    while !second.is_finished() {
        assert!(app.connect().number(&waiting) <= 1);
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(second.await.unwrap(), 503);
    postgres.require_no_standby();
}
