//! Slow watchers: they are told that they lag, and still get every event.

use serde_json::json;

use super::{all_ids, cluster, create_and_delete};
use crate::support::{Builder, Watcher, both_databases};

both_databases! {
    async fn a_lagging_watcher_is_told_and_gets_every_event_once(builder: Builder) {
        let app = builder.limits(|limits| limits.feed_events = 2).start().await;
        app.member("ann");
        let admin = app.admin();
        let mut watchers = Vec::new();
        for _ in 0..3 {
            watchers.push(Watcher::open(&admin, json!({})).await);
        }
        // In one transaction, so that the feed reads page after page without a pause.
        create_and_delete(&app, "ann", 300);
        let expected = all_ids(&app);
        assert_eq!(expected.len(), 600);
        for watcher in &mut watchers {
            let (mut ids, mut lags) = (Vec::<String>::new(), 0);
            while ids.len() < expected.len() {
                let event = watcher.next().await;
                let id = event["id"].as_str().unwrap().to_owned();
                if event["type"] == "lagged" {
                    assert_eq!(id, ids.last().map_or("0", String::as_str), "the last event sent before");
                    lags += 1;
                } else {
                    ids.push(id);
                }
            }
            assert_eq!(ids, expected);
            assert!(lags > 0, "600 events overflow a buffer of two");
        }
        // Afterwards events arrive live again.
        admin.call("k8s.create", cluster("after")).await;
        for watcher in &mut watchers {
            let mut told = watcher.told(1).await.remove(0);
            while told == "lagged" {
                told = watcher.told(1).await.remove(0);
            }
            assert_eq!(told, "created after");
        }
    }
}
