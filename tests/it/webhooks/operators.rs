use serde_json::{Value, json};

use super::{record, running};
use crate::support::{Builder, Process, Subscription, TestApp, all, both_databases, event, hours_ago, literal, now};

/// A server with a failed event and a processed one.
async fn with_failure(builder: Builder) -> TestApp {
    let app = builder.with_stripe().start().await;
    app.user("user_1").call("user.me", Value::Null).await;
    let unknown = Subscription { price: "price_new", ..running("user_1") }.object();
    assert_eq!(app.anonymous().tell(&event("evt_bad", "customer.subscription.created", now(), unknown)).await, 500);
    assert_eq!(app.anonymous().tell(&event("evt_good", "product.created", now(), json!({}))).await, 200);
    app
}

both_databases! {
    async fn an_admin_lists_failed_events_and_replays_them(builder: Builder) {
        let app = with_failure(builder).await;
        let admin = app.admin();
        let everything = admin.call("admin.webhookEvents", json!({})).await;
        assert_eq!(everything["items"].as_array().unwrap().len(), 2);
        let failed = admin.call("admin.webhookEvents", json!({"failed": true})).await;
        assert_eq!(all(&failed["items"], "id"), ["evt_bad"]);
        assert_eq!((&failed["items"][0]["attempts"], &failed["items"][0]["processedAt"]), (&json!(1), &Value::Null));
        let first = admin.call("admin.webhookEvents", json!({"limit": 1})).await;
        let rest = admin.call("admin.webhookEvents", json!({"cursor": first["nextCursor"]})).await;
        assert_eq!(rest["items"].as_array().unwrap().len(), 1);

        let again = admin.call("admin.replayWebhook", json!({"eventId": "evt_bad"})).await;
        assert_eq!((&again["success"], again["error"].as_str().unwrap().contains("price_new")), (&json!(false), true));
        assert_eq!(app.count("stripe_events WHERE attempts = 2"), 1);
        let configured = app.beside().with_stripe().flag("stripe-pro-yearly-price-id", "price_new").start().await;
        let root = configured.user("root");
        let again = root.call("admin.replayWebhook", json!({"eventId": "evt_bad"})).await;
        assert_eq!(again, json!({"success": true, "error": null}));
        assert_eq!(record(&app.user("user_1")).await[0], "PRO");
        assert_eq!(app.count("audit_log WHERE procedure = 'admin.replayWebhook' AND entity_id = 'evt_bad'"), 2);
        root.call("admin.replayWebhook", json!({"eventId": "evt_bad"})).await;
        assert_eq!(app.count("audit_log WHERE procedure = 'admin.replayWebhook'"), 2, "the event had been processed");
        root.fail("NOT_FOUND", "admin.replayWebhook", json!({"eventId": "evt_none"})).await;
        app.user("user_1").fail("FORBIDDEN", "admin.webhookEvents", json!({})).await;
    }

    async fn the_command_line_lists_replays_and_purges(builder: Builder) {
        let app = with_failure(builder).await;
        let run = |arguments: &[&str]| {
            let prices = [("DATABASE_URL", app.database.url.as_str()), ("STRIPE_PRO_YEARLY_PRICE_ID", "price_new")];
            let output = Process::run(app.database.folder.path(), &[&["webhooks"], arguments].concat(), &prices);
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        let (_, list) = run(&["list", "--failed"]);
        assert!(list.contains("evt_bad") && list.contains("price_new") && !list.contains("evt_good"), "{list}");
        assert_eq!(run(&["list"]).1.lines().count(), 3, "a heading and two events");
        let (tried, text) = run(&["replay", "--dry-run", "--json"]);
        assert_eq!((tried, text.as_str()), (true, "[\n{\"id\":\"evt_bad\",\"outcome\":\"processed\",\"reason\":null}\n]\n"));
        assert_eq!(run(&["replay", "--dry-run"]), (true, "nothing is changed:\nevt_bad: processed\n".to_owned()));
        assert_eq!(app.count("audit_log WHERE procedure = 'webhooks.replay'"), 0);
        assert_eq!(run(&["replay"]), (true, "evt_bad: processed\n".to_owned()));
        assert_eq!(run(&["replay"]), (true, "no event has failed\n".to_owned()));
        assert_eq!(run(&["list", "--failed"]).1.split_whitespace().next(), Some("RECEIVED"), "a list without events");
        assert_eq!(run(&["replay", "evt_bad"]), (true, "evt_bad: had been processed before\n".to_owned()));
        // The others are replayed all the same.
        let both = "evt_none: FAILED: No such event.\nevt_bad: had been processed before\n";
        assert_eq!(run(&["replay", "evt_none", "evt_bad"]), (false, both.to_owned()));
        let rows: Value = serde_json::from_str(&run(&["replay", "--json", "evt_none", "evt_bad"]).1).unwrap();
        assert_eq!((&rows[0]["outcome"], &rows[1]["outcome"]), (&json!("failed"), &json!("duplicate")));
        assert_eq!(record(&app.user("user_1")).await[0], "PRO");
        assert_eq!(app.count("audit_log WHERE actor_id = 'cli' AND procedure = 'webhooks.replay'"), 1);
        assert_eq!(run(&["purge"]), (true, "removed 0 events\n".to_owned()));
        app.execute(&format!("UPDATE stripe_events SET processed_at = {}", literal(hours_ago(91 * 24))));
        assert_eq!(run(&["purge", "--retention-webhooks", "92d"]), (true, "removed 0 events\n".to_owned()));
        assert_eq!(run(&["purge"]), (true, "removed 2 events\n".to_owned()));
        let entries = "SELECT entity_id || ' ' || detail AS line FROM audit_log WHERE actor_id = 'cli' AND procedure = 'purge.webhooks'";
        let entries = app.lines(entries);
        assert!(entries.len() == 1 && entries[0].starts_with("webhooks ") && entries[0].contains("\"count\":2"), "{entries:?}");
    }

    async fn many_events_are_replayed_and_purged_with_lines_about_the_progress(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let at = literal(hours_ago(24 * 100));
        let row = |number: u32| {
            let payload = json!({"id": format!("evt_{number}"), "type": "x", "created": 1, "data": {"object": {}}});
            format!("('evt_{number}', 'x', {at}, {at}, 1, 'x', '{payload}')")
        };
        let rows: Vec<String> = (0..250).map(row).collect();
        let rows = rows.join(", ");
        app.execute(&format!(
            "INSERT INTO stripe_events (id, kind, created_at, received_at, attempts, error, payload) VALUES {rows}"
        ));
        let run = |command: &str| {
            let settings = [("DATABASE_URL", app.database.url.as_str())];
            let output = Process::run(app.database.folder.path(), &["webhooks", command], &settings);
            assert!(output.status.success(), "{output:?}");
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap())
        };
        let [output, errors] = run("replay");
        let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with("events: ")).collect();
        assert_eq!((output.lines().count(), lines.len(), lines.last()), (250, 10, Some(&"events: 250 of 250")), "{errors}");
        app.execute(&format!("UPDATE stripe_events SET processed_at = {at}"));
        assert_eq!(run("purge"), ["removed 250 events\n", "events removed: 250 of 250\n"]);
    }

    async fn the_server_purges_old_events_except_failed_ones(builder: Builder) {
        let app = with_failure(builder).await;
        let old = literal(hours_ago(91 * 24));
        app.execute(&format!("UPDATE stripe_events SET processed_at = {old} WHERE id = 'evt_good'"));
        app.execute(&format!("UPDATE stripe_events SET received_at = {old}, created_at = {old}"));
        let often = |limits: &mut clusterdesk::config::Limits| limits.purge_interval = std::time::Duration::from_millis(20);
        let later = app.beside().limits(often).start().await;
        crate::support::eventually(async || later.count("stripe_events") == 1).await;
        assert_eq!(app.lines("SELECT id AS line FROM stripe_events"), ["evt_bad"]);
    }
}

both_databases! {
    async fn events_are_counted_by_their_outcome(builder: Builder) {
        let app = with_failure(builder).await;
        let client = app.anonymous();
        let metrics = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
        for line in ["{outcome=\"processed\"} 1", "{outcome=\"failed\"} 1"] {
            assert!(metrics.contains(&format!("clusterdesk_stripe_events_total{line}")), "{metrics}");
        }
    }
}
