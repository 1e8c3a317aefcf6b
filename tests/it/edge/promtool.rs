//! promtool, when it is installed: Prometheus' own checks of the alert rules, and of the names and forms of the metrics.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::json;

use crate::support::{Backend, Builder};

const RULES: &str = "docs/examples/monitoring/alerts.yml";

/// Runs promtool with this input.
fn promtool(arguments: &[&str], input: &str) -> Output {
    let program: Option<&str> = option_env!("PROMTOOL");
    let mut command = Command::new(Path::new(program.expect("promtool is not installed")));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// OpenMetrics as Prometheus' older text format, which alone promtool reads: metrics are described by the names of their
/// samples, `info` is a gauge, and there are no exemplars.
fn in_older_format(page: &str) -> String {
    let suffix = |name: &str| {
        let kind = page.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} ")));
        kind.map_or("", |kind| match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        })
    };
    let mut text = String::new();
    for line in page.lines() {
        let line = match line.split(' ').collect::<Vec<_>>()[..] {
            ["#", word @ ("TYPE" | "HELP"), name, ..] => {
                let rest = line.splitn(4, ' ').last().unwrap();
                let rest = if word == "TYPE" && rest == "info" { "gauge" } else { rest };
                format!("# {word} {name}{} {rest}", suffix(name))
            }
            _ => line.split(" # {").next().unwrap().to_owned(),
        };
        text += &(line + "\n");
    }
    text
}

async fn check_metrics(backend: Backend) {
    // Nobody listens there, but the counters exist.
    let app = Builder::new(backend).flag("otel-exporter-otlp-endpoint", "http://127.0.0.1:9").start().await;
    let user = app.member("user_1");
    user.create("web", "FREE").await;
    user.fail("NOT_FOUND", "k8s.get", json!({"id": 99})).await;
    let page = reqwest::get(format!("{}metrics", app.url)).await.unwrap().text().await.unwrap();
    let output = promtool(&["check", "metrics"], &in_older_format(&page));
    assert!(output.status.success(), "{}\n{page}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[cfg_attr(not(installed = "promtool"), ignore = "needs promtool")]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    check_metrics(Backend::Sqlite).await;
}

#[tokio::test]
#[cfg_attr(not(all(installed = "promtool", installed = "postgresql")), ignore = "needs promtool and PostgreSQL")]
async fn promtool_finds_nothing_wrong_with_the_metrics_on_postgres() {
    check_metrics(Backend::Postgres).await;
}

#[test]
#[cfg_attr(not(installed = "promtool"), ignore = "needs promtool")]
fn promtool_finds_nothing_wrong_with_the_rules() {
    let output = promtool(&["check", "rules", RULES], "");
    assert!(output.status.success(), "{output:?}");
}
