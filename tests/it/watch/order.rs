//! Concurrent writers: every watcher gets every event once, in the order of the commits.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{all_ids, id};
use crate::support::{Client, TestApp, Watcher, both_databases};

const WRITERS: usize = 16;
/// Events of each writer.
const EVENTS: usize = 21;

/// Makes the changes of one writer.
async fn write(user: &Client) {
    let id = user.create("web", "FREE").await;
    for _ in 0..(EVENTS - 1) / 4 {
        user.call("k8s.update", json!({"id": id, "location": "us"})).await;
        user.call("k8s.delete", json!({"id": id})).await;
        user.call("k8s.restore", json!({"id": id})).await;
        user.call("k8s.update", json!({"id": id, "location": "eu"})).await;
    }
}

/// The next `count` events.
async fn watch(mut watcher: Watcher, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(watcher.next().await);
    }
    events
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

both_databases! {
    async fn the_events_of_concurrent_writers_arrive_completely_and_in_order(app: TestApp) {
        let users: Vec<Client> = (0..WRITERS).map(|number| app.member(&format!("user_{number}"))).collect();
        let admin = app.admin();
        let mut watching = Vec::new();
        for _ in 0..3 {
            watching.push(tokio::spawn(watch(Watcher::open(&admin, json!({})).await, WRITERS * EVENTS)));
        }
        for user in &users {
            watching.push(tokio::spawn(watch(Watcher::open(user, json!({})).await, EVENTS)));
        }
        let writers = join_all(users.iter().map(write));
        // Some subscribe during the writes, from the first event on.
        let late = async {
            let mut late = Vec::new();
            for _ in 0..5 {
                late.push(tokio::spawn(watch(Watcher::open(&admin, json!({"lastEventId": "0"})).await, WRITERS * EVENTS)));
            }
            late
        };
        let (_, late) = tokio::join!(writers, late);
        let seen = join_all(watching.into_iter().chain(late)).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        let expected = all_ids(&app);
        assert_eq!(expected.len(), WRITERS * EVENTS);
        for events in &seen {
            assert!(events.windows(2).all(|pair| id(&pair[0]) < id(&pair[1])), "{:?}", ids(events));
            assert!(events.len() == EVENTS || ids(events) == expected);
        }
        // The events of a user arrive in the order of the calls.
        let cycle = ["updated", "deleted", "restored", "updated"];
        for (number, events) in seen[3..3 + WRITERS].iter().enumerate() {
            assert!(events.iter().all(|event| event["cluster"]["authUserId"] == format!("user_{number}")));
            let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
            let expected = std::iter::once("created").chain(cycle.into_iter().cycle()).take(EVENTS);
            assert_eq!(kinds, expected.collect::<Vec<_>>());
        }
    }
}
