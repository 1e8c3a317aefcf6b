//! Events that were purged: a watcher who would miss them is told so, and begins anew.

use serde_json::{Value, json};

use super::{all_ids, id};
use crate::{
    commands::old_events,
    support::{Client, Live, Process, TestApp, Transport, both_databases},
};

const WATCH: &str = "k8s.watch";

/// Purges what is older than a day, as an operator does while the server runs.
fn purge(app: &TestApp) {
    let settings = [("DATABASE_URL", app.database.url.as_str())];
    let output = Process::run(app.database.folder.path(), &["purge", "--older-than", "1d"], &settings);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The `error.data` of a subscription that resumes after an id.
async fn refusal(transport: Transport, client: &Client, position: &str) -> Value {
    let opened = Live::try_open(transport, WATCH, client, json!({"lastEventId": position})).await;
    let failure = match opened {
        Err(failure) => failure,
        Ok(mut live) => live.end().await,
    };
    failure.0["data"].clone()
}

both_databases! {
    async fn resuming_before_the_oldest_event_is_refused_with_the_position_after_which_events_are_kept(app: TestApp) {
        let ann = app.member("ann");
        app.execute(&old_events(3, 48));
        let web = ann.create("web", "FREE").await;
        let ids = all_ids(&app);
        purge(&app);
        assert_eq!(all_ids(&app), ids[3..]);
        for transport in Transport::ALL {
            for position in ["0", &ids[0], &ids[1]] {
                let data = refusal(transport, &ann, position).await;
                let expected = (&json!("PRECONDITION_FAILED"), &json!(412), &json!(ids[2]));
                assert_eq!((&data["code"], &data["httpStatus"], &data["purgedThrough"]), expected, "{transport:?}");
            }
            // Nothing is missing after the last event that was purged.
            let mut resumed = Live::open(transport, WATCH, &ann, json!({"lastEventId": ids[2]})).await;
            let created = resumed.next().await;
            assert_eq!((&created["type"], &created["cluster"]["id"]), (&json!("created"), &json!(web)), "{transport:?}");
            Live::open(transport, WATCH, &ann, json!({})).await;
        }
    }

    async fn a_log_without_events_goes_on_where_it_was(app: TestApp) {
        let ann = app.member("ann");
        app.execute(&old_events(3, 48));
        let ids = all_ids(&app);
        purge(&app);
        assert_eq!(all_ids(&app), [""; 0]);
        for transport in Transport::ALL {
            assert_eq!(refusal(transport, &ann, &ids[1]).await["code"], "PRECONDITION_FAILED");
            assert_eq!(refusal(transport, &ann, "999").await["code"], "BAD_REQUEST");
        }
        let mut resumed = Live::open(Transport::JsonRpc, WATCH, &ann, json!({"lastEventId": ids[2]})).await;
        let mut fresh = Live::open(Transport::JsonRpc, WATCH, &ann, json!({})).await;
        ann.create("web", "FREE").await;
        for live in [&mut resumed, &mut fresh] {
            let created = live.next().await;
            assert!(id(&created) > ids[2].parse().unwrap(), "ids are not used again: {created}");
        }
    }

    async fn watchers_who_have_seen_the_purged_events_do_not_notice(app: TestApp) {
        let ann = app.member("ann");
        let mut watching = Vec::new();
        for transport in Transport::ALL {
            watching.push(Live::open(transport, WATCH, &ann, json!({})).await);
        }
        app.execute(&old_events(3, 48));
        for live in &mut watching {
            live.take(3).await;
        }
        purge(&app);
        ann.create("web", "FREE").await;
        for live in &mut watching {
            assert_eq!(live.next().await["cluster"]["name"], "web");
        }
    }

    async fn only_purged_events_can_be_deleted(app: TestApp) {
        app.execute(&old_events(3, 48));
        let ids = all_ids(&app);
        let refused = |statement: &str| app.try_execute(statement).unwrap_err().to_string();
        assert!(refused("DELETE FROM cluster_events").contains("append-only"));
        app.execute(&format!("INSERT INTO log_starts (log, through) VALUES ('cluster_events', {})", ids[1]));
        assert!(refused("DELETE FROM cluster_events").contains("append-only"));
        assert!(refused(&format!("DELETE FROM cluster_events WHERE id = {}", ids[2])).contains("append-only"));
        for statement in ["UPDATE log_starts SET through = 0", "UPDATE log_starts SET log = 'x'", "DELETE FROM log_starts"] {
            assert!(refused(statement).contains("log_starts only rise"), "{statement}");
        }
        app.execute(&format!("DELETE FROM cluster_events WHERE id <= {}", ids[1]));
        assert_eq!(all_ids(&app), ids[2..]);
    }
}
