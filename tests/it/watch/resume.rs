//! Resuming after an event: a watcher gets the missed events, and no event twice.

use serde_json::{Value, json};

use super::{all_ids, create_and_delete};
use crate::support::{Builder, TestApp, Watcher, both_databases};

/// The ids of the next events.
async fn ids(watcher: &mut Watcher, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(watcher.next().await["id"].as_str().unwrap().to_owned());
    }
    ids
}

both_databases! {
    async fn a_resumed_subscription_gets_exactly_the_missed_events(app: TestApp) {
        let (ann, bob, admin) = (app.member("ann"), app.member("bob"), app.admin());
        let mut watcher = Watcher::open(&admin, json!({})).await;
        ann.create("first", "FREE").await;
        let seen = watcher.next().await["id"].clone();
        drop(watcher);
        // More than one page of events.
        bob.create("between", "FREE").await;
        let between = ann.call("k8s.list", json!({})).await[0]["id"].clone();
        ann.call("k8s.delete", json!({"id": between})).await;
        create_and_delete(&app, "ann", 300);
        let mut watcher = Watcher::open(&admin, json!({"lastEventId": seen})).await;
        let expected = all_ids(&app).split_off(1);
        assert_eq!(expected.len(), 602);
        assert_eq!(ids(&mut watcher, 602).await, expected);
        let mut own = Watcher::open(&ann, json!({"lastEventId": seen})).await;
        assert_eq!(ids(&mut own, 601).await, expected[1..]);
        ann.create("after", "FREE").await;
        assert_eq!([watcher.told(1).await, own.told(1).await].concat(), ["created after"; 2]);
    }

    async fn a_subscription_can_resume_after_a_restart_of_the_server(app: TestApp) {
        let mut app = app;
        let ann = app.member("ann");
        let mut watcher = Watcher::open(&ann, json!({})).await;
        let id = ann.create("web", "FREE").await;
        let seen = watcher.next().await["id"].clone();
        ann.call("k8s.update", json!({"id": id, "name": "db"})).await;
        app.stop();
        app.stopped().await;
        let app = Builder::with_database(app.database).start().await;
        let ann = app.user("ann");
        ann.call("k8s.delete", json!({"id": id})).await;
        let mut watcher = Watcher::open(&ann, json!({"lastEventId": seen})).await;
        ann.call("k8s.restore", json!({"id": id})).await;
        assert_eq!(watcher.told(3).await, ["updated db", "deleted db", "restored db"]);
    }

    async fn a_subscription_can_resume_from_its_ready_event(app: TestApp) {
        let (ann, bob) = (app.member("ann"), app.member("bob"));
        bob.create("before", "FREE").await;
        let watcher = Watcher::open(&ann, json!({})).await;
        assert_eq!(watcher.ready, all_ids(&app).pop());
        ann.create("web", "FREE").await;
        let mut again = Watcher::open(&ann, json!({"lastEventId": watcher.ready})).await;
        assert_eq!(again.told(1).await, ["created web"]);
    }

    async fn resuming_from_zero_sends_every_event(app: TestApp) {
        let ann = app.member("ann");
        let mut early = Watcher::open(&ann, json!({"lastEventId": "0"})).await;
        ann.create("web", "FREE").await;
        let mut late = Watcher::open(&ann, json!({"lastEventId": "0"})).await;
        assert_eq!([early.told(1).await, late.told(1).await].concat(), ["created web"; 2]);
        // After the newest event, nothing was missed.
        let mut newest = Watcher::open(&ann, json!({"lastEventId": all_ids(&app)[0]})).await;
        ann.call("k8s.delete", json!({"id": 1})).await;
        assert_eq!(newest.told(1).await, ["deleted web"]);
    }

    async fn an_id_that_no_event_has_is_refused(app: TestApp) {
        let ann = app.member("ann");
        ann.create("web", "FREE").await;
        let newest: i64 = all_ids(&app)[0].parse().unwrap();
        let overflow = "9999999999999999999";
        for position in [json!("x"), json!("-1"), json!(""), json!("1.0"), json!(1), json!((newest + 1).to_string()), json!(overflow), json!("12345678901234567890")] {
            let failure = Watcher::try_open(&ann, json!({"lastEventId": position})).await.err();
            let failure = failure.unwrap_or_else(|| panic!("{position} was accepted"));
            assert_eq!((failure.code(), &failure.0["data"]["issues"][0]["path"]), ("BAD_REQUEST", &json!("lastEventId")));
        }
        Watcher::open(&ann, json!({"lastEventId": Value::Null})).await;
    }
}
