//! What callers see after an import.

use serde_json::{Value, json};

use super::{Importer, Operator, broken::broken};
use crate::support::{Builder, TestApp, TestDatabase, all};

/// A server on the new database.
async fn serve(importer: Importer) -> TestApp {
    Builder::with_database(importer.new.0).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn the_numbers_of_admins_and_users_are_right() {
    for importer in broken() {
        importer.report(&["--on-conflict", "repair"], 0);
        let app = serve(importer).await;
        let stats = app.admin().call("admin.getStats", Value::Null).await;
        // The admin who asks is a seventh live user; the import is the only audited change.
        assert_eq!(stats, json!({"totalUsers": 7, "totalClusters": 5, "activeSubscriptions": 2, "recentActivity": 1}));
        let good = app.user("good");
        assert_eq!(good.call("k8s.count", Value::Null).await, json!({"active": 2, "deleted": 2}));
        assert_eq!(all(&good.call("k8s.list", Value::Null).await, "id"), [3, 9]);
        good.call("k8s.delete", json!({"id": 3})).await;
        good.call("k8s.restore", json!({"id": 1})).await;
        assert_eq!(good.call("k8s.get", json!({"id": 1})).await["status"], "STOPPED", "it has run");
        let created = app.user("ghost").call("user.me", Value::Null).await;
        assert_eq!((&created["id"], &created["createdAt"]), (&json!("ghost"), &json!("2024-01-01T00:00:00.000Z")));
        app.user("gone").fail("UNAUTHORIZED", "user.me", Value::Null).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_running_server_shows_what_was_imported() {
    for Importer { old, new } in broken() {
        new.ok(&["migrate", "up"]);
        let backend = new.0.backend;
        let app = Builder::with_database(new.0).start().await;
        // This call creates the user before the import does.
        let good = app.user("good");
        assert_eq!(good.call("k8s.list", Value::Null).await, json!([]));
        let database = TestDatabase { backend, url: app.database.url.clone(), folder: tempfile::tempdir().unwrap() };
        let importer = Importer { old, new: Operator(database) };
        importer.report(&["--on-conflict", "repair"], 0);
        assert_eq!(all(&good.call("k8s.list", Value::Null).await, "id"), [3, 9]);
        let refused =
            good.fail("CONFLICT", "k8s.create", json!({"name": "new", "location": "eu", "plan": "PRO"})).await;
        assert_eq!(refused.conflicting_id(), 9);
    }
}
