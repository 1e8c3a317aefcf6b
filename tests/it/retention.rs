//! What servers remove by themselves.

use std::time::Duration;

use clusterdesk::config::Limits;
use serde_json::{Value, json};

use crate::support::{
    Builder, Process, Sql, TestApp, Watcher, both_databases, eventually, hours_ago, hours_ahead, literal,
};

/// Short intervals.
fn often(limits: &mut Limits) {
    limits.purge_interval = Duration::from_millis(20);
    limits.archive_interval = Duration::from_millis(20);
    limits.seal_interval = Duration::from_millis(20);
}

/// Rows that are 91 days old, and one audit entry of today; all at once, so that no server removes some before others are there.
fn populate(app: &TestApp) {
    let (old, now) = (literal(hours_ago(91 * 24)), literal(hours_ago(0)));
    let entry = |at: &str| {
        format!(
            "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id, client_address)
             VALUES ({at}, 'bob', 'p', 'e', 'i', '{{}}', 'r', '::1');"
        )
    };
    app.execute(&format!(
        "BEGIN;
         {events}
         INSERT INTO users (id, created_at, updated_at, deleted_at) VALUES ('ann', {old}, {old}, {old});
         INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, status, created_at, updated_at, deleted_at)
             VALUES ('a', 'eu', 'ann', 'PRO', 'DELETED', {old}, {old}, {old});
         INSERT INTO stripe_events (id, kind, created_at, received_at, processed_at, attempts, payload)
             VALUES ('evt_1', 'x', {old}, {old}, {old}, 1, '{{}}');
         {entries}
         COMMIT;",
        events = crate::commands::old_events(3, 91 * 24),
        entries = [entry(&old), entry(&old), entry(&now)].concat(),
    ));
}

/// `procedure count` of the entries that servers wrote.
fn removals(app: &TestApp) -> Vec<String> {
    app.lines(
        "SELECT procedure || ' ' || count(*) AS line FROM audit_log WHERE actor_id = 'server' AND door = 'server'
         GROUP BY procedure ORDER BY procedure",
    )
}

fn verify(app: &TestApp) -> (i32, Value) {
    let settings = [("DATABASE_URL", app.database.url.as_str())];
    let output = Process::run(app.database.folder.path(), &["audit", "verify", "--json"], &settings);
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

both_databases! {
    async fn nothing_but_webhooks_is_removed_unless_a_setting_says_so(builder: Builder) {
        let app = builder.limits(often).start().await;
        populate(&app);
        eventually(async || app.count("stripe_events") == 0).await;
        eventually(async || removals(&app) == ["purge.webhooks 1"]).await;
        let kept = ["users", "k8s_cluster_configs", "cluster_events", "audit_log WHERE actor_id = 'bob' AND client_address = '::1'"];
        assert_eq!(kept.map(|rows| app.count(rows)), [1, 1, 3, 3]);
    }

    async fn expired_sessions_links_and_attempts_to_sign_in_are_removed(builder: Builder) {
        let app = builder.limits(often).start().await;
        app.member("ann");
        let (over, ahead) = (literal(hours_ago(1)), literal(hours_ahead(1)));
        let hash = |digit: &str| format!("'{}'", digit.repeat(64));
        app.execute(&format!(
            "BEGIN;
             INSERT INTO sessions (user_id, hash, created_at, expires_at, last_used_at)
                 VALUES ('ann', {a}, {over}, {over}, {over}), ('ann', {b}, {over}, {ahead}, {over});
             INSERT INTO sign_in_links (user_id, hash, expires_at) VALUES ('ann', {a}, {over}), ('ann', {b}, {ahead});
             INSERT INTO used_sign_ins (hash, expires_at) VALUES ({a}, {over}), ({b}, {ahead});
             COMMIT;",
            a = hash("a"), b = hash("b"),
        ));
        for table in ["sessions", "sign_in_links", "used_sign_ins"] {
            eventually(async || app.count(table) == 1).await;
            assert_eq!(app.lines(&format!("SELECT hash AS line FROM {table}")), ["b".repeat(64)], "{table}");
        }
        assert_eq!(removals(&app), Vec::<String>::new());
    }

    async fn two_servers_remove_everything_once(builder: Builder) {
        let flagged = |builder: Builder| {
            let ages = ["clusters", "users", "events", "addresses"];
            ages.into_iter().fold(builder, |builder, kind| builder.flag(&format!("retention-{kind}"), "90d")).limits(often)
        };
        let app = flagged(builder).start().await;
        let _other = flagged(app.beside()).start().await;
        populate(&app);
        let expected = ["purge.addresses 1", "purge.clusters 1", "purge.events 1", "purge.users 1", "purge.webhooks 1"];
        eventually(async || removals(&app) == expected).await;
        let gone = ["users", "k8s_cluster_configs", "cluster_events", "stripe_events"];
        assert_eq!(gone.map(|rows| app.count(rows)), [0; 4]);
        assert_eq!(app.count("audit_log WHERE client_address IS NOT NULL"), 1);
    }

    async fn old_audit_entries_are_moved_to_a_file(builder: Builder) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let builder = builder.flag("retention-audit", "90d").flag("retention-audit-dir", &path).limits(often);
        let app = builder.start().await;
        populate(&app);
        eventually(async || removals(&app).contains(&"purge.audit 1".to_owned())).await;
        eventually(async || app.count("audit_log WHERE actor_id = 'bob'") == 1).await;
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(files[0].ends_with("audit-0-2.ndjson"), "{files:?}");
        assert_eq!(std::fs::read_to_string(&files[0]).unwrap().lines().count(), 2);
        // The server seals what is new.
        eventually(async || app.count("audit_events") == app.count("audit_seals WHERE id > 2")).await;
        let (code, verdict) = verify(&app);
        assert_eq!((code, verdict["purgedThrough"].as_i64()), (0, Some(2)), "{verdict}");
        let admin = app.admin();
        let resumed = Watcher::try_open_named("admin.watchAudit", &admin, json!({"lastEventId": "1"})).await;
        let failure = resumed.err().expect("entries are missing");
        assert_eq!((failure.code(), &failure.0["data"]["purgedThrough"]), ("PRECONDITION_FAILED", &json!("2")));
        let mut resumed = Watcher::try_open_named("admin.watchAudit", &admin, json!({"lastEventId": "2"})).await.unwrap();
        assert_eq!(resumed.next().await["entry"]["actorId"], "bob");
    }

    async fn one_of_two_servers_moves_old_audit_entries_to_a_file(builder: Builder) {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        // A job that is done at long intervals, as every day.
        let daily = |limits: &mut Limits| {
            often(limits);
            limits.archive_interval = Duration::from_secs(3600);
        };
        let app = builder.start().await;
        populate(&app);
        let moving = folders.each_ref().map(|folder| {
            let builder = app.beside().flag("retention-audit", "90d").limits(daily);
            builder.flag("retention-audit-dir", folder.path().to_str().unwrap()).start()
        });
        let _servers = futures_util::future::join_all(moving).await;
        eventually(async || app.count("audit_log WHERE actor_id = 'bob'") == 1).await;
        eventually(async || removals(&app).contains(&"purge.audit 1".to_owned())).await;
        let files = folders.map(|folder| std::fs::read_dir(folder.path()).unwrap().count());
        assert_eq!(files.iter().sum::<usize>(), 1, "{files:?}");
        eventually(async || app.count("audit_events") == app.count("audit_seals WHERE id > 2")).await;
        assert_eq!(verify(&app).0, 0);
    }

    async fn the_entries_of_concurrent_calls_through_two_servers_are_one_chain(builder: Builder) {
        let app = builder.limits(often).start().await;
        let other = app.beside().limits(often).start().await;
        let users: Vec<_> = (0..8).map(|number| app.member(&format!("user_{number}"))).collect();
        let write = async |(number, user): (usize, &crate::support::Client)| {
            let url = if number % 2 == 0 { &app.url } else { &other.url };
            let user = crate::support::Client::new(url, user.token.clone());
            for _ in 0..20 {
                user.call("user.updateName", json!({"name": "Ada"})).await;
            }
        };
        futures_util::future::join_all(users.iter().enumerate().map(write)).await;
        eventually(async || app.count("audit_seals") == 160).await;
        let (code, verdict) = verify(&app);
        assert_eq!((code, &verdict["intact"], &verdict["unsealed"]), (0, &160.into(), &0.into()), "{verdict}");
        // Each entry was there before the next was sealed.
        let order = app.connect().texts("SELECT CAST(count(*) AS TEXT) FROM audit_seals LEFT JOIN audit_events USING (id) WHERE audit_id IS NULL");
        assert_eq!(order, ["0"]);
    }
}

#[test]
fn a_folder_for_old_audit_entries_must_exist() {
    let folder = tempfile::tempdir().unwrap();
    for (settings, message) in [
        (
            &[("RETENTION_AUDIT", "90d"), ("RETENTION_AUDIT_DIR", "missing")][..],
            "RETENTION_AUDIT_DIR: missing is not a folder",
        ),
        (&[("RETENTION_AUDIT", "90d")], "--retention-audit-dir"),
        (&[("RETENTION_USERS", "90")], "--retention-users"),
    ] {
        let output = Process::run(folder.path(), &["serve"], settings);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(message), "{errors}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is created");
    }
}
