//! An import that is killed, and one beside a running server.

use std::process::{Child, Stdio};

use clusterdesk::db::DbConnection;
use diesel::connection::SimpleConnection;

use serde_json::{Value, json};

use super::{Importer, OldServer, broken::broken};
use crate::support::{Backend, Builder, Process, Sql, all, eventually};

/// Whether somebody waits for the lock of the test.
fn is_waiting(conn: &mut DbConnection) -> bool {
    conn.number(r#"SELECT count(*) FROM pg_locks WHERE relation = '"StripeWebhookEvent"'::regclass AND NOT granted"#)
        > 0
}

/// An import that has written all users, customers and clusters, and waits for the events.
struct HalfWay {
    child: Child,
    blocker: DbConnection,
}

impl HalfWay {
    async fn reached(old: &OldServer, url: &str) -> Self {
        let (mut observer, mut blocker) = (old.database.connect(), old.database.connect());
        blocker.batch_execute(r#"BEGIN; LOCK TABLE "StripeWebhookEvent" IN ACCESS EXCLUSIVE MODE"#).unwrap();
        let arguments = ["import", "--from", &old.url(), "--on-conflict", "repair"];
        let mut command = Process::command(old.database.folder.path(), &arguments, &[("DATABASE_URL", url)]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually(async || is_waiting(&mut observer)).await;
        Self { child, blocker }
    }

    /// Kills the import.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets the import go on until its end.
    fn finish(mut self) {
        self.blocker.batch_execute("ROLLBACK").unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

#[tokio::test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn an_import_that_is_killed_leaves_nothing_and_can_be_repeated() {
    for (importer, undisturbed) in broken().into_iter().zip(broken()) {
        HalfWay::reached(&importer.old, &importer.new.0.url).await.kill();
        for table in
            ["users", "customers", "k8s_cluster_configs", "stripe_subscriptions", "cluster_events", "audit_log"]
        {
            assert_eq!(importer.new.connect().number(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
        }
        let report = importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!(report, undisturbed.report(&["--on-conflict", "repair"], 0));
        for query in [
            "SELECT id || coalesce(email, '-') || coalesce(name, '-') FROM users ORDER BY id",
            "SELECT id || auth_user_id || plan || moment(created_at) FROM customers ORDER BY id",
            "SELECT id || name || auth_user_id || plan || status FROM k8s_cluster_configs ORDER BY id",
            "SELECT id || kind FROM stripe_events ORDER BY id",
        ] {
            assert_eq!(importer.new_rows(query), undisturbed.new_rows(query), "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_running_server_goes_on_reading_and_its_writes_wait() {
    for Importer { old, new } in broken() {
        new.ok(&["migrate", "up"]);
        let app = Builder::with_database(new.0).start().await;
        let (ann, good) = (app.user("ann"), app.user("good"));
        ann.call("user.me", Value::Null).await;
        let import = HalfWay::reached(&old, &app.database.url).await;
        assert_eq!(ann.call("k8s.list", Value::Null).await, json!([]));
        let cluster = json!({"name": "mine", "location": "eu"});
        if app.backend() == Backend::Sqlite {
            ann.fail("SERVICE_UNAVAILABLE", "k8s.create", cluster.clone()).await;
            let ready = ann.http.get(format!("{}health/ready", app.url)).send().await.unwrap();
            assert_eq!(ready.status(), 503);
            import.finish();
            ann.call("k8s.create", cluster).await;
        } else {
            let mut observer = app.connect();
            let creation = tokio::spawn(async move { ann.call("k8s.create", cluster).await });
            let waiting =
                "SELECT count(*) FROM pg_locks WHERE relation = 'k8s_cluster_configs'::regclass AND NOT granted";
            eventually(async || observer.number(waiting) > 0).await;
            import.finish();
            creation.await.unwrap();
        }
        assert_eq!(all(&good.call("k8s.list", Value::Null).await, "id"), [3, 9]);
    }
}
