//! The numbers of clusters over time, before and after the server has added the changes up.

use std::time::Duration;

use clusterdesk::{
    db::{DbConnection, migrations::Migrations, transaction},
    models::cluster_series,
};
use serde_json::{Value, json};

use crate::support::{Backend, Builder, Client, On, Sql, TestApp, TestDatabase, both_databases, eventually};

const KINDS: [(&str, &str); 3] =
    [("clustersByPlan", "plan"), ("clustersByStatus", "status"), ("clustersByLocation", "location")];

/// The charts of January 2026.
async fn charts(admin: &Client) -> Vec<Value> {
    let mut charts = Vec::new();
    for (metric, _) in KINDS {
        let input = json!({"metric": metric, "from": "2026-01-01T00:00:00.000Z", "to": "2026-02-01T00:00:00.000Z"});
        charts.push(admin.call("admin.series", input).await["lines"].clone());
    }
    charts
}

/// Adds at most so many noted changes up.
fn fold(conn: &mut DbConnection, limit: usize) -> usize {
    transaction::write(conn, |conn| Ok(cluster_series::fold(conn, limit)?)).unwrap()
}

/// Rows of users `u0`, `u1`, … and of a cluster of each in a location of its own.
fn clusters(count: usize, location: &str) -> String {
    let users: Vec<String> = (0..count).map(|n| format!("('{location}{n}', '2026-01-01', '2026-01-01')")).collect();
    let clusters: Vec<String> = (0..count)
        .map(|n| {
            format!("('a', '{location}{n}', '{location}{n}', 'FREE', '2026-01-{0:02}', '2026-01-{0:02}')", n % 28 + 1)
        })
        .collect();
    format!(
        "INSERT INTO users (id, created_at, updated_at) VALUES {};
         INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, created_at, updated_at) VALUES {}",
        users.join(", "),
        clusters.join(", ")
    )
}

/// `label day change` of what has changed on each day, and of all days together.
fn sums(conn: &mut DbConnection, kind: &str, is_folded: bool) -> Vec<String> {
    let noted = format!("SELECT {kind} AS label, day, change FROM cluster_days WHERE day < '9999-01-01'");
    let rows = match is_folded {
        true => format!("{noted} UNION ALL SELECT label, day, change FROM cluster_series WHERE kind = '{kind}'"),
        false => noted,
    };
    let days =
        format!("SELECT label, CAST(day AS TEXT) AS day, sum(change) AS change FROM ({rows}) AS rows GROUP BY 1, 2");
    let now = match is_folded {
        true => format!("SELECT label, 'now', sum(change) FROM ({rows}) AS rows GROUP BY 1"),
        false => format!("SELECT {kind}, 'now', sum(change) FROM cluster_days WHERE day > '9999-01-01' GROUP BY 1"),
    };
    conn.texts(&format!(
        "SELECT label || ' ' || day || ' ' || change FROM ({days} UNION ALL {now}) AS sums WHERE change <> 0 ORDER BY 1"
    ))
}

fn down_to(migrations: &mut Migrations, name: &str) {
    while migrations.status().unwrap().iter().any(|step| step.applied && step.name.ends_with(name)) {
        migrations.down(1).unwrap();
    }
}

/// With statistics of a small table, which PostgreSQL's plan is then made for.
#[tokio::test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn no_more_changes_are_added_up_at_a_time_than_asked_for() {
    let app = TestApp::on(Backend::Postgres).await;
    let mut conn = app.connect();
    app.execute(&clusters(1, "eu"));
    app.execute("ANALYZE cluster_days");
    assert_eq!(fold(&mut conn, 10), 1);
    app.execute(&clusters(300, "us"));
    assert_eq!(fold(&mut conn, 10), 10);
}

both_databases! {
    async fn charts_are_the_same_however_many_changes_are_added_up(app: TestApp) {
        let (admin, mut conn) = (app.admin(), app.connect());
        app.execute(&clusters(6, "eu"));
        app.execute("UPDATE k8s_cluster_configs SET status = 'CREATING', updated_at = '2026-01-05' WHERE id < 4");
        app.execute("UPDATE k8s_cluster_configs SET location = 'us', updated_at = '2026-01-06' WHERE id = 5");
        app.execute("UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = '2026-01-07', updated_at = '2026-01-07' WHERE id = 2");
        let before = charts(&admin).await;
        assert_eq!(before[0][0]["values"].as_array().unwrap()[4..8], [5, 6, 5, 5].map(Value::from));
        assert!(before[2].to_string().contains("eu1"), "a location that has no clusters any more: {}", before[2]);
        while fold(&mut conn, 3) > 0 {
            assert_eq!(charts(&admin).await, before);
        }
        assert_eq!(app.count("cluster_days"), 0);
        // Changes of days that were added up before, and of others.
        app.execute("UPDATE k8s_cluster_configs SET status = 'RUNNING', has_run = true, updated_at = '2026-01-07' WHERE id = 1");
        app.execute(&clusters(3, "eu ").replace("2026-01-03", "2026-01-20"));
        let before = charts(&admin).await;
        assert_eq!(before[1].to_string().matches("RUNNING").count(), 1);
        assert_eq!(before[0][0]["values"].as_array().unwrap()[18..20], [7, 8].map(Value::from));
        assert!(fold(&mut conn, 100) > 0);
        assert_eq!(charts(&admin).await, before);
    }

    async fn the_server_adds_changes_up_by_itself(builder: Builder) {
        let app = builder.limits(|limits| limits.fold_interval = Duration::from_millis(20)).start().await;
        let (admin, user) = (app.admin(), app.rich("u1"));
        let id = user.create("web", "PRO").await;
        user.create("db", "FREE").await;
        eventually(async || app.count("cluster_days") == 0).await;
        user.call("k8s.delete", json!({"id": id})).await;
        eventually(async || app.count("cluster_days") == 0).await;
        let from = clusterdesk::db::Timestamp::now().minus(Duration::from_secs(1));
        let series = admin.call("admin.series", json!({"metric": "clustersByPlan", "from": from})).await;
        let lines = series["lines"].as_array().unwrap();
        assert_eq!(lines.len(), 1, "{series}");
        assert_eq!((&lines[0]["label"], lines[0]["values"].as_array().unwrap().last().unwrap()), (&json!("FREE"), &json!(1)));
    }

    async fn locations_beyond_those_with_the_most_clusters_are_one_line(app: TestApp) {
        let (admin, mut conn) = (app.admin(), app.connect());
        app.execute(&clusters(60, "rare "));
        app.execute("UPDATE k8s_cluster_configs SET location = 'common' WHERE id <= 5");
        for _ in 0..2 {
            let [plans, _, locations] = charts(&admin).await.try_into().unwrap();
            let lines = locations.as_array().unwrap();
            let last = |line: &Value| line["values"].as_array().unwrap().last().unwrap().as_i64().unwrap();
            assert_eq!(lines.len(), LINES + 1);
            assert_eq!(lines.iter().find(|line| line["label"] == "common").map(last), Some(5));
            let others = lines.iter().find(|line| line["label"] == "(others)").unwrap();
            assert_eq!(last(others), i64::try_from(60 - 5 - (LINES - 1)).unwrap());
            for (day, all) in plans[0]["values"].as_array().unwrap().iter().enumerate() {
                let sum: i64 = lines.iter().map(|line| line["values"][day].as_i64().unwrap()).sum();
                assert_eq!(json!(sum), *all, "day {day}");
            }
            assert!(fold(&mut conn, 1000) > 0 || app.count("cluster_days") == 0);
        }
    }

    async fn changes_are_added_up_while_others_are_made(database: TestDatabase) {
        database.connect().run(&clusters(8, "eu"));
        let is_done = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (is_done, mut conn) = (&is_done, database.connect());
                scope.spawn(move || {
                    for step in 0..50 {
                        let location = ["eu0", "eu1", "eu2"][(n + step) % 3];
                        transaction::write(&mut conn, |conn| {
                            let id = n + 1 + step % 2 * 4;
                            conn.run(&format!("UPDATE k8s_cluster_configs SET location = '{location}', updated_at = '2026-01-09' WHERE id = {id}"));
                            Ok(())
                        }).unwrap();
                    }
                    is_done.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
            let mut conn = database.connect();
            while is_done.load(std::sync::atomic::Ordering::SeqCst) < 4 {
                fold(&mut conn, 2);
            }
        });
        let mut conn = database.connect();
        while fold(&mut conn, 100) > 0 {}
        let counted = conn.texts("SELECT location || ' ' || count(*) FROM k8s_cluster_configs GROUP BY location ORDER BY 1");
        let totals = "SELECT label || ' ' || clusters FROM cluster_totals WHERE kind = 'location' AND clusters <> 0 ORDER BY 1";
        assert_eq!(conn.texts(totals), counted);
        let days = "SELECT label || ' ' || sum(change) FROM cluster_series WHERE kind = 'location' GROUP BY label HAVING sum(change) <> 0 ORDER BY 1";
        assert_eq!(conn.texts(days), counted);
    }

    async fn sums_of_locations_without_clusters_leave_when_no_chart_shows_them(app: TestApp) {
        let (admin, mut conn) = (app.admin(), app.connect());
        app.execute(&clusters(3, "eu"));
        app.execute("UPDATE k8s_cluster_configs SET location = 'us', updated_at = '2026-01-10' WHERE id = 1");
        app.execute("UPDATE k8s_cluster_configs SET location = 'us', updated_at = '2026-01-20' WHERE id = 2");
        while fold(&mut conn, 100) > 0 {}
        let before = serde_json::from_value(json!("2026-01-15T00:00:00.000Z")).unwrap();
        let mut forget = |limit| cluster_series::forget_locations(&mut conn, before, limit).unwrap();
        assert_eq!([forget(10), forget(10)], [1, 0]);
        assert_eq!(app.lines("SELECT label AS line FROM cluster_totals WHERE kind = 'location' ORDER BY label"), ["eu1", "eu2", "us"]);
        // In a chart of an earlier time it is one of the others, and it may come back.
        let chart = charts(&admin).await.remove(2);
        let others = chart.as_array().unwrap().iter().find(|line| line["label"] == "(others)").unwrap();
        assert_eq!(others["values"].as_array().unwrap().iter().filter(|value| **value == 1).count(), 9);
        app.execute("UPDATE k8s_cluster_configs SET location = 'eu0', updated_at = '2026-01-25' WHERE id = 3");
        while fold(&mut app.connect(), 100) > 0 {}
        assert_eq!(app.count("cluster_totals WHERE label = 'eu0' AND clusters = 1"), 1);
    }

    async fn the_former_schema_has_the_same_numbers(database: TestDatabase) {
        let mut conn = database.connect();
        conn.run(&clusters(6, "eu"));
        conn.run("UPDATE k8s_cluster_configs SET plan = 'PRO', status = 'CREATING', updated_at = '2026-01-05' WHERE id < 4");
        assert_eq!(fold(&mut conn, 7), 7);
        conn.run("UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = '2026-01-07', updated_at = '2026-01-07' WHERE id = 2");
        let all = |conn: &mut DbConnection, is_folded| KINDS.map(|(_, kind)| sums(conn, kind, is_folded));
        let before = all(&mut conn, true);
        assert!(before[0].contains(&"PRO now 2".to_owned()), "{before:?}");
        let mut migrations = Migrations::open(&database.address()).unwrap();
        down_to(&mut migrations, "cluster_series");
        // A server that is still running must not delete what nothing would add up.
        assert!(transaction::write(&mut conn, |conn| Ok(cluster_series::fold(conn, 10)?)).is_err());
        assert_eq!(all(&mut conn, false), before);
        conn.run("UPDATE k8s_cluster_configs SET status = 'RUNNING', has_run = true, updated_at = '2026-01-08' WHERE id = 1");
        let before = all(&mut conn, false);
        migrations.up(usize::MAX).unwrap();
        assert_eq!(all(&mut conn, true), before);
        while fold(&mut conn, 100) > 0 {}
        assert_eq!(all(&mut conn, true), before);
        if database.backend == Backend::Postgres {
            conn.run("TRUNCATE k8s_cluster_configs");
            assert_eq!(all(&mut conn, true), [const { Vec::<String>::new() }; 3]);
        }
    }
}

/// The locations with a line of their own.
const LINES: usize = 20;

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn changes_that_a_transaction_is_making_are_left_for_the_next_time() {
    let database = Backend::Postgres.database();
    let (mut writer, mut server) = (database.connect(), database.connect());
    writer.run(&clusters(2, "eu"));
    writer.run("BEGIN; UPDATE k8s_cluster_configs SET location = 'eu0', updated_at = '2026-01-02' WHERE id = 2");
    server.run("SET lock_timeout = '5s'");
    // One of the rows is locked, because it is changed again.
    assert_eq!(fold(&mut server, 100), 1);
    writer.run("COMMIT");
    assert_eq!(fold(&mut server, 100), 2);
    assert_eq!(
        sums(&mut server, "location", true),
        ["eu0 2026-01-01 00:00:00 1", "eu0 2026-01-02 00:00:00 1", "eu0 now 2"]
    );
}
