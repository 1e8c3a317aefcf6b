//! Statements that take long are in the log, with their call and without their values.

use serde_json::{Value, json};

use crate::support::{Backend, Process, Signal, Sql, eventually};

#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_statement_names_its_procedure_and_no_value() {
    let database = Backend::Postgres.empty_database();
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &[("DATABASE_URL", &database.url), ("LOG_FORMAT", "json")]);
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let admin = server.client(token.trim());
    let created = admin.call("k8s.create", json!({"name": "a-secret-name", "location": "eu"})).await;
    let mut holder = database.connect();
    holder.run("BEGIN; LOCK TABLE k8s_cluster_configs IN ACCESS EXCLUSIVE MODE");
    let update = json!({"id": created["id"], "name": "another-secret"});
    let calls = tokio::spawn(async move {
        tokio::join!(admin.call("k8s.list", Value::Null), admin.call("k8s.update", update));
    });
    let slow = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
        AND clock_timestamp() - query_start > interval '0.3 s'";
    // PostgreSQL shows a transaction the same activity until it ends.
    let mut observer = database.connect();
    eventually(async || observer.number(slow) == 2).await;
    holder.run("ROLLBACK");
    calls.await.unwrap();
    server.signal(Signal::TERM);
    server.wait();
    let log = server.log();
    for procedure in ["k8s.list", "k8s.update"] {
        let line = log.lines().find(|line| line.contains("slow statement") && line.contains(procedure));
        let line = line.unwrap_or_else(|| panic!("{procedure} is missing in {log}"));
        assert!(line.contains("request_id") && line.contains("k8s_cluster_configs"), "{line}");
    }
    assert!(!log.contains("secret"), "{log}");
}
