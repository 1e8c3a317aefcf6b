//! `k8s.watch` and `admin.watchAudit`: who gets which events; no event is lost, duplicated or sent too early.

mod audit;
mod ends;
mod events;
mod lag;
mod order;
mod purged;
mod resume;
mod scope;
mod servers;
mod sockets;

use serde_json::{Value, json};

use crate::support::TestApp;

/// The ids of all events so far, as in the messages to a watcher.
fn all_ids(app: &TestApp) -> Vec<String> {
    app.lines("SELECT id || '' AS line FROM cluster_events ORDER BY id")
}

/// The id of an event as a number.
fn id(event: &Value) -> i64 {
    event["id"].as_str().unwrap().parse().unwrap()
}

/// Creates and deletes `count` clusters of a user in one transaction, which makes two events for each. As they are deleted,
/// the limit of one cluster per plan does not apply.
fn create_and_delete(app: &TestApp, owner: &str, count: usize) {
    let at = "'2026-01-01 10:00:00'";
    let one = |number: usize| {
        format!(
            "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, network, status, created_at, updated_at)
             VALUES ('cluster-{number}', 'eu', '{owner}', 'FREE', 'Default', 'PENDING', {at}, {at});
             UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = {at} WHERE name = 'cluster-{number}';"
        )
    };
    let statements: String = (0..count).map(one).collect();
    app.execute(&format!("BEGIN; {statements} COMMIT;"));
}

/// The input of `k8s.create`.
fn cluster(name: &str) -> Value {
    json!({"name": name, "location": "eu"})
}
