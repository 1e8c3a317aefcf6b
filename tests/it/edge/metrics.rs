//! `/metrics`: what it says, its form (OpenMetrics 1.0), and an address of its own.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use super::raw;
use crate::support::{
    Backend, Builder, Gate, Process, Signal, Sql, TestApp, Watcher, both_databases, eventually, probes,
};

/// What operators get to begin with.
const EXAMPLES: [&str; 2] = ["docs/examples/monitoring/alerts.yml", "docs/examples/monitoring/dashboard.json"];

async fn page(url: &str) -> String {
    let response = reqwest::get(format!("{url}metrics")).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.text().await.unwrap()
}

/// The value of a sample.
fn value(page: &str, sample: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{sample} ")));
    line.unwrap_or_else(|| panic!("{sample} is missing in\n{page}")).split(' ').next().unwrap().parse().unwrap()
}

/// The names of all labels on a page.
fn labels(page: &str) -> BTreeSet<&str> {
    let samples = page.lines().filter_map(|line| line.split_once('{')?.1.split_once('}')).map(|(labels, _)| labels);
    samples.flat_map(|labels| labels.split(',')).filter_map(|label| Some(label.split_once('=')?.0)).collect()
}

/// The expressions of the dashboard, each of a panel with a title.
fn panels() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(EXAMPLES[1]).unwrap()).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().unwrap();
        assert!(panel["title"].is_string() && !targets.is_empty(), "{panel}");
        expressions.extend(targets.iter().map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    assert!(expressions.len() > 15, "{expressions:?}");
    expressions
}

/// The labels that an expression groups by or chooses.
fn grouped_by(expression: &str) -> impl Iterator<Item = &str> {
    let groups = expression.split(" by (").skip(1).filter_map(|rest| rest.split(')').next());
    let chosen = expression.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let chosen = chosen.flat_map(|matchers| matchers.split(',')).filter_map(|matcher| matcher.split(['=', '!']).next());
    groups.flat_map(|names| names.split(',')).chain(chosen).map(str::trim)
}

both_databases! {
    async fn database_threads_are_counted_by_lane(app: TestApp) {
        let user = app.user("user_1");
        user.create("web", "FREE").await;
        user.call("k8s.list", json!({})).await;
        app.admin().call("admin.listUsers", json!({})).await;
        let page = page(&app.url).await;
        let writes = if app.backend() == Backend::Sqlite { "writes" } else { "write_groups" };
        for lane in ["reads", "browsing", writes] {
            for metric in ["job_wait_seconds_count", "statement_seconds_count", "database_connections"] {
                let sample = format!("clusterdesk_{metric}{{lane=\"{lane}\"}}");
                assert!(value(&page, &sample) >= 1.0, "{sample} in\n{page}");
            }
        }
        assert!(value(&page, &format!("clusterdesk_group_jobs_count{{lane=\"{writes}\"}}")) >= 1.0);
        let kind = if app.backend() == Backend::Sqlite { "SQLite" } else { "PostgreSQL" };
        let version = env!("CARGO_PKG_VERSION");
        value(&page, &format!("clusterdesk_build_info{{version=\"{version}\",database=\"{kind}\"}}"));
        for (metric, suffix) in [("clusterdesk_sqlite_file_bytes", ""), ("clusterdesk_sqlite_log_bytes", "-wal")] {
            match app.database.address().sqlite_path() {
                Some(path) => {
                    let file = std::fs::metadata(format!("{}{suffix}", path.display())).unwrap().len();
                    assert!(file > 0 && value(&page, metric) == f64::from(u32::try_from(file).unwrap()), "{metric}, {file}");
                }
                None => assert!(!page.contains(metric)),
            }
        }
    }

    async fn the_lag_of_events_is_measured_while_somebody_watches(app: TestApp) {
        app.provision("ann", Role::User);
        let mut watcher = Watcher::open(&app.user("ann"), json!({})).await;
        app.user("ann").create("web", "FREE").await;
        assert_eq!(watcher.told(1).await, ["created web"]);
        assert!(value(&page(&app.url).await, "clusterdesk_event_lag_seconds_count") >= 1.0);
    }

    async fn events_of_stripe_that_wait_are_counted(app: TestApp) {
        let waiting = async || value(&page(&app.url).await, "clusterdesk_stripe_events_waiting");
        assert_eq!(waiting().await, 0.0);
        let statements = async || value(&page(&app.url).await, "clusterdesk_statement_seconds_count{lane=\"reads\"}");
        let before = statements().await;
        for _ in 0..50 {
            statements().await;
        }
        assert!(statements().await - before < 20.0, "each page asks the database");
        app.connect().run(
            "INSERT INTO stripe_events (id, kind, created_at, received_at, attempts, error, payload)
             VALUES ('evt_1', 'invoice.paid', '2026-01-01', '2026-01-01', 1, 'no such user', '{}')",
        );
        eventually(async || waiting().await == 1.0).await;
    }

    async fn alerts_and_the_dashboard_use_metrics_that_exist(app: TestApp) {
        // Not in this process: the counters of the log belong to a process.
        let folder = tempfile::tempdir().unwrap();
        let backups = (app.backend() == Backend::Sqlite).then_some(("BACKUP_EVERY", "1h"));
        let settings: Vec<_> = std::iter::once(("DATABASE_URL", app.database.url.as_str())).chain(backups).collect();
        let server = Process::serve(folder.path(), &settings);
        server.client("cd_none").fail("UNAUTHORIZED", "hello.hello", json!({"text": "you"})).await;
        let page = page(&server.url).await;
        let samples: BTreeSet<&str> = page
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(['{', ' ']).next().unwrap())
            .chain(page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()))
            .collect();
        let labels = labels(&page);
        for expression in panels() {
            for label in grouped_by(&expression) {
                let is_known = labels.contains(label) || ["job", "instance"].contains(&label);
                assert!(is_known, "{expression}: no metric has the label {label} in\n{page}");
            }
        }
        for file in EXAMPLES {
            let text = std::fs::read_to_string(file).unwrap();
            let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
            let used: BTreeSet<&str> =
                words.filter(|word| word.starts_with("clusterdesk_") || word.starts_with("process_")).collect();
            assert!(used.len() > 5, "{file}");
            for metric in used {
                let base = metric.trim_end_matches("_total");
                let of_sqlite = ["clusterdesk_sqlite_", "clusterdesk_backup"];
                let is_of_sqlite =
                    of_sqlite.iter().any(|prefix| metric.starts_with(prefix)) && app.backend() == Backend::Postgres;
                // This server has no replica; tests of replicas read these.
                let is_of_replica = metric.starts_with("clusterdesk_replica_");
                // A counter with labels has no sample before it counts.
                let exists = samples.contains(metric) || samples.contains(base);
                assert!(exists || is_of_sqlite || is_of_replica, "{file} uses {metric}, which is not in\n{page}");
            }
        }
    }
}

#[tokio::test]
async fn calls_are_counted_without_unknown_names() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let user = app.user("user_1");
    user.call("k8s.list", json!({})).await;
    user.call("k8s.getClusters", json!({})).await;
    user.fail("NOT_FOUND", "k8s.get", json!({"id": 1})).await;
    for name in ["made.up", "made\"up", "unknown"] {
        user.fail("NOT_FOUND", name, json!({})).await;
    }
    let text = page(&app.url).await;
    for (sample, expected) in [
        ("clusterdesk_calls_total{code=\"OK\",procedure=\"k8s.list\"}", 2.0),
        ("clusterdesk_calls_total{code=\"NOT_FOUND\",procedure=\"k8s.get\"}", 1.0),
        ("clusterdesk_calls_total{code=\"NOT_FOUND\",procedure=\"unknown\"}", 3.0),
        ("clusterdesk_call_seconds_count{procedure=\"k8s.list\"}", 2.0),
        ("clusterdesk_queued_reads", 0.0),
        ("clusterdesk_stripe_suspended", 0.0),
    ] {
        assert_eq!(value(&text, sample), expected, "{sample}");
    }
    assert!(!text.contains("made"));
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[tokio::test]
async fn buckets_tell_fast_calls_from_slow_ones_and_these_from_given_up_ones() {
    let app = Builder::new(Backend::Sqlite).start().await;
    app.user("user_1").call("k8s.list", json!({})).await;
    let text = page(&app.url).await;
    let bound = |line: &str| {
        let labels = line.strip_prefix("clusterdesk_call_seconds_bucket{")?.split('}').next().unwrap();
        let is_list = labels.contains("procedure=\"k8s.list\"");
        is_list.then(|| labels.split("le=\"").nth(1).unwrap().split('"').next().unwrap().to_owned())
    };
    let mut bounds: Vec<String> = text.lines().filter_map(bound).collect();
    assert_eq!(bounds.pop().unwrap(), "+Inf");
    let bounds: Vec<f64> = bounds.iter().map(|bound| bound.parse().unwrap()).collect();
    assert!(bounds[0] <= 0.001 && *bounds.last().unwrap() > 30.0, "{bounds:?}");
    assert!(bounds.windows(2).all(|pair| pair[0] < pair[1] && pair[1] <= pair[0] * 4.0), "{bounds:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_process_is_described() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let text = page(&app.url).await;
    assert!(value(&text, "process_cpu_seconds_total") > 0.0);
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    assert!(value(&text, "process_open_fds") > 3.0);
    assert!(value(&text, "process_threads") >= 1.0);
}

#[tokio::test]
async fn a_call_that_took_long_is_named_in_its_bucket() {
    let app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    let (gate, client) = (Gate::new(), app.user("user_1"));
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "probe.wait", "params": {"gate": gate.name}});
    let slow = tokio::spawn(client.post().body(call.to_string()).send());
    gate.arrivals(1).await;
    let arrived = Instant::now();
    while arrived.elapsed() < Duration::from_millis(30) {
        client.call("hello.hello", json!({"text": "meanwhile"})).await;
    }
    gate.open(1);
    let answer = slow.await.unwrap().unwrap();
    let request_id = answer.headers()["x-request-id"].to_str().unwrap();
    let text = page(&app.url).await;
    let named: Vec<&str> = text.lines().filter(|line| line.contains(request_id)).collect();
    assert!(matches!(named[..], [line] if line.contains("procedure=\"probe.wait\"")), "{named:?}");
}

#[tokio::test]
async fn metrics_with_an_address_of_their_own_are_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[("METRICS_ADDR", "127.0.0.1:0")]);
    let own = server.banner.lines().find_map(|line| line.trim().strip_prefix("metrics")).unwrap().trim();
    let own = own.strip_suffix("metrics").unwrap();
    assert_ne!(own, server.url);
    assert!(page(own).await.contains("clusterdesk_connections"));
    assert_eq!(raw(&server.url, "GET /metrics HTTP/1.1\r\nhost: h", b"").await.status, 404);
    for (request, status) in
        [("POST /metrics", 405), ("GET /health/live", 404), ("POST /", 404), ("GET /metrics?x=1", 200)]
    {
        assert_eq!(raw(own, &format!("{request} HTTP/1.1\r\nhost: h"), b"").await.status, status, "{request}");
    }
    // It stops with the server.
    server.signal(Signal::TERM);
    eventually(async || reqwest::get(format!("{own}metrics")).await.is_err()).await;
}
