//! `admin.watchAudit`: every entry of the audit log once, in the order of the commits, for admins only.

use std::time::Duration;

use clusterdesk::models::{api_token::Scope, user::Role};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::servers::{NEVER, listeners, without_polling};
use crate::support::{Backend, Builder, Client, Live, Sql, TestApp, Transport, Watcher, both_databases, eventually};

const WATCH: &str = "admin.watchAudit";

/// The ids of all entries in the order of their commits.
fn committed(app: &TestApp) -> Vec<i64> {
    let ids = app.lines("SELECT audit_id || '' AS line FROM audit_events ORDER BY id");
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

/// The ids of the entries in events.
fn entries(events: &[Value]) -> Vec<i64> {
    assert!(events.iter().all(|event| event["type"] == "recorded"), "{events:?}");
    events.iter().map(|event| event["entry"]["id"].as_i64().unwrap()).collect()
}

/// The procedure and the id of the changed thing in each event.
fn changes(events: &[Value]) -> Vec<String> {
    let text = |event: &Value, member: &str| event["entry"][member].as_str().unwrap().to_owned();
    events.iter().map(|event| format!("{} {}", text(event, "procedure"), text(event, "entityId"))).collect()
}

/// Opens a subscription over each transport.
async fn over_each(client: &Client, input: Value) -> Vec<Live> {
    let mut opened = Vec::new();
    for transport in Transport::ALL {
        opened.push(Live::open(transport, WATCH, client, input.clone()).await);
    }
    opened
}

/// SQL that inserts an entry.
fn insert(entity_id: &str) -> String {
    format!(
        "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
        VALUES ('2026-01-01 10:00:00', 'sql', 'test.insert', 'test', '{entity_id}', '{{}}', 'r');"
    )
}

/// Inserts entries in one transaction.
fn insert_many(app: &TestApp, count: usize) {
    let statements: String = (0..count).map(|number| insert(&number.to_string())).collect();
    app.execute(&format!("BEGIN; {statements} COMMIT;"));
}

both_databases! {
    async fn each_change_arrives_once_and_in_commit_order_over_each_transport(app: TestApp) {
        let (ann, bob, admin) = (app.rich("ann"), app.member("bob"), app.admin());
        let mut watching = over_each(&admin, json!({})).await;
        let web = ann.create("web", "PRO").await;
        bob.call("user.updateName", json!({"name": "Bob"})).await;
        ann.call("k8s.update", json!({"id": web, "name": "db"})).await;
        // What fails leaves no entry.
        bob.fail("NOT_FOUND", "k8s.update", json!({"id": web, "name": "mine"})).await;
        bob.fail("PAYMENT_REQUIRED", "k8s.create", json!({"name": "web", "location": "eu", "plan": "PRO"})).await;
        bob.call("customer.create", json!({})).await;
        admin.call("k8s.setStatus", json!({"id": web, "status": "CREATING"})).await;
        admin.call("admin.setRole", json!({"userId": "bob", "role": "ADMIN"})).await;
        ann.call("k8s.delete", json!({"id": web})).await;
        admin.call("user.softDelete", json!({"userId": "bob"})).await;
        let mut log = admin.call("admin.auditLog", json!({})).await["items"].as_array().unwrap().clone();
        log.reverse();
        assert_eq!(log.len(), 8);
        for live in &mut watching {
            let events = live.take(8).await;
            let delivered: Vec<Value> = events.iter().map(|event| event["entry"].clone()).collect();
            assert_eq!(delivered, log);
            let ids: Vec<i64> = events.iter().map(crate::watch::id).collect();
            assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        }
    }

    async fn the_entries_of_concurrent_writers_arrive_completely_and_in_order(app: TestApp) {
        const WRITERS: usize = 8;
        const ENTRIES: usize = 12;
        let users: Vec<Client> = (0..WRITERS).map(|number| app.member(&format!("user_{number}"))).collect();
        let mut watching = over_each(&app.admin(), json!({})).await;
        let write = async |user: &Client| {
            let id = user.create("web", "FREE").await;
            for round in 0..ENTRIES - 1 {
                match round % 3 {
                    0 => user.call("user.updateName", json!({"name": format!("Name {round}")})).await,
                    1 => user.call("k8s.delete", json!({"id": id})).await,
                    _ => user.call("k8s.restore", json!({"id": id})).await,
                };
            }
        };
        join_all(users.iter().map(write)).await;
        let expected = committed(&app);
        assert_eq!(expected.len(), WRITERS * ENTRIES);
        for live in &mut watching {
            assert_eq!(entries(&live.take(WRITERS * ENTRIES).await), expected);
        }
    }

    async fn filters_select_the_entries_that_match_all_of_them(app: TestApp) {
        let (ann, bob, admin) = (app.member("ann"), app.member("bob"), app.admin());
        let bobs = bob.create("web", "FREE").await;
        let anns = ann.create("web", "FREE").await;
        let (bobs, anns) = (bobs.to_string(), anns.to_string());
        let start = Watcher::open_named(WATCH, &admin, json!({})).await.ready;
        let all = json!({"actorId": "ann", "procedure": "k8s.update", "entity": "cluster", "entityId": anns});
        let cases = [
            (json!({"actorId": "ann"}), vec!["user.updateName ann", "k8s.setStatus CLUSTER", "k8s.update CLUSTER"]),
            (json!({"procedure": "k8s.update"}), vec!["k8s.update OTHER", "k8s.update CLUSTER"]),
            (json!({"entity": "cluster"}), vec!["k8s.update OTHER", "k8s.setStatus CLUSTER", "k8s.update CLUSTER"]),
            (json!({"entityId": anns}), vec!["k8s.setStatus CLUSTER", "k8s.update CLUSTER"]),
            (json!({"actorId": "ann", "entity": "cluster"}), vec!["k8s.setStatus CLUSTER", "k8s.update CLUSTER"]),
            (all, vec!["k8s.update CLUSTER"]),
        ];
        let mut watching = Vec::new();
        for (filter, expected) in &cases {
            for live in over_each(&admin, filter.clone()).await {
                watching.push((live, expected));
            }
        }
        ann.call("user.updateName", json!({"name": "Ann"})).await;
        bob.call("k8s.update", json!({"id": bobs.parse::<i64>().unwrap(), "name": "db"})).await;
        // Ann is the actor of this one as an admin.
        app.execute("UPDATE users SET role = 'ADMIN' WHERE id = 'ann'");
        ann.call("k8s.setStatus", json!({"id": anns.parse::<i64>().unwrap(), "status": "CREATING"})).await;
        bob.call("user.updateName", json!({"name": "Bob"})).await;
        // The last change matches every filter, so nothing unwanted was delivered before it.
        ann.call("k8s.update", json!({"id": anns.parse::<i64>().unwrap(), "name": "db"})).await;
        let named = |expected: &[&str]| -> Vec<String> {
            expected.iter().map(|change| change.replace("CLUSTER", &anns).replace("OTHER", &bobs)).collect()
        };
        for (live, expected) in &mut watching {
            assert_eq!(changes(&live.take(expected.len()).await), named(expected));
        }
        // The same filters apply to entries that were missed.
        for (filter, expected) in &cases {
            let mut input = filter.clone();
            input["lastEventId"] = json!(start);
            for mut live in over_each(&admin, input).await {
                assert_eq!(changes(&live.take(expected.len()).await), named(expected));
            }
        }
    }

    async fn a_subscription_resumes_after_an_event_or_after_an_entry(app: TestApp) {
        let (ann, admin) = (app.member("ann"), app.admin());
        // On PostgreSQL a rolled back entry uses up an id of the log, so ids of entries and of events differ.
        app.execute(&format!("BEGIN; {} ROLLBACK;", insert("undone")));
        let mut watcher = Watcher::open_named(WATCH, &admin, json!({})).await;
        ann.create("web", "FREE").await;
        let seen = watcher.next().await;
        drop(watcher);
        // More than one page.
        insert_many(&app, 300);
        ann.call("user.updateName", json!({"name": "Ann"})).await;
        let expected = committed(&app).split_off(1);
        assert_eq!(expected.len(), 301);
        let log = admin.call("admin.auditLog", json!({"procedure": "k8s.create"})).await;
        assert_eq!(log["items"], json!([seen["entry"]]));
        let mut resumed = over_each(&admin, json!({"lastEventId": seen["id"]})).await;
        resumed.extend(over_each(&admin, json!({"lastEventId": seen["entry"]["id"].to_string()})).await);
        for live in &mut resumed {
            assert_eq!(entries(&live.take(301).await), expected);
        }
        ann.call("user.updateName", json!({"name": "Ann again"})).await;
        for live in &mut resumed {
            assert_eq!(changes(&live.take(1).await), ["user.updateName ann"]);
        }
    }

    async fn an_id_that_no_event_has_is_refused(app: TestApp) {
        let admin = app.admin();
        insert_many(&app, 1);
        for position in ["x", "", "-1", "999", "9999999999999999999"] {
            for transport in Transport::ALL {
                let failure = match Live::try_open(transport, WATCH, &admin, json!({"lastEventId": position})).await {
                    Err(failure) => failure,
                    Ok(mut live) => live.end().await,
                };
                assert_eq!(failure.code(), "BAD_REQUEST", "{position} over {transport:?}");
            }
        }
    }

    async fn a_lagging_watcher_is_told_and_gets_every_entry_once(builder: Builder) {
        let app = builder.limits(|limits| limits.feed_events = 2).start().await;
        let admin = app.admin();
        let mut watching = over_each(&admin, json!({})).await;
        // In one transaction, so that the feed reads page after page without a pause.
        insert_many(&app, 600);
        let expected = committed(&app);
        for live in &mut watching {
            let (mut recorded, mut last, mut lags) = (Vec::new(), json!("0"), 0);
            while recorded.len() < 600 {
                let event = live.next().await;
                if event["type"] == "lagged" {
                    assert_eq!(event["id"], last, "the last event sent before");
                    lags += 1;
                } else {
                    last = event["id"].clone();
                    recorded.push(event);
                }
            }
            assert_eq!(entries(&recorded), expected);
            assert!(lags > 0, "600 events overflow a buffer of two");
        }
    }

    async fn only_admins_may_subscribe(app: TestApp) {
        let (ann, _admin) = (app.member("ann"), app.admin());
        let writer = app.with_token(app.api_token("root", Scope::Write).0);
        for transport in Transport::ALL {
            for (client, code) in [(&ann, "FORBIDDEN"), (&writer, "FORBIDDEN"), (&app.anonymous(), "UNAUTHORIZED")] {
                let refused = Live::try_open(transport, WATCH, client, json!({})).await;
                let failure = refused.err().unwrap_or_else(|| panic!("{transport:?} needs {code}"));
                assert_eq!((failure.code(), &failure.0["data"]["path"]), (code, &json!(WATCH)), "{transport:?}");
            }
            let with_token = app.with_token(app.api_token("root", Scope::Admin).0);
            Live::open(transport, WATCH, &with_token, json!({})).await;
        }
    }

    async fn losing_the_admin_role_ends_the_subscription_before_the_next_entry(app: TestApp) {
        let admin = app.admin();
        app.provision("boss", Role::Admin);
        let mut watching = over_each(&app.user("boss"), json!({})).await;
        let mut other = Live::open(Transport::JsonRpc, WATCH, &admin, json!({})).await;
        admin.call("admin.setRole", json!({"userId": "boss", "role": "USER"})).await;
        for live in &mut watching {
            let end = live.end().await;
            assert_eq!((end.code(), &end.0["data"]["path"]), ("FORBIDDEN", &json!(WATCH)));
        }
        assert_eq!(changes(&other.take(1).await), ["admin.setRole boss"]);
    }

    async fn losing_the_admin_role_ends_an_idle_subscription(builder: Builder) {
        let app = builder.limits(|limits| limits.recheck_interval = Duration::from_millis(50)).start().await;
        app.provision("boss", Role::Admin);
        // Nothing that happens matches the filter.
        let mut watching = over_each(&app.user("boss"), json!({"entityId": "nothing"})).await;
        app.execute("UPDATE users SET role = 'USER' WHERE id = 'boss'");
        for live in &mut watching {
            assert_eq!(live.end().await.code(), "FORBIDDEN");
        }
    }

    async fn a_change_through_one_server_reaches_the_watchers_of_another(app: TestApp) {
        let other = app.beside().start().await;
        let mut watching = over_each(&other.admin(), json!({})).await;
        app.member("ann").create("web", "FREE").await;
        for live in &mut watching {
            assert_eq!(changes(&live.take(1).await), ["k8s.create 1"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn two_servers_on_postgresql_deliver_all_entries_in_the_same_order_without_polling() {
    let app = without_polling().await;
    let other = app.beside().limits(|limits| limits.feed_interval = NEVER).start().await;
    let mut watching = over_each(&app.admin(), json!({})).await;
    watching.extend(over_each(&other.admin(), json!({})).await);
    // One listener for each server. Until it is ready, the read that follows its start may still be due.
    eventually(async || listeners(&app) == 2).await;
    let users: Vec<Client> = (0..4).map(|number| app.member(&format!("user_{number}"))).collect();
    let write = async |(number, user): (usize, &Client)| {
        let url = if number % 2 == 0 { &app.url } else { &other.url };
        let user = Client::new(url, user.token.clone());
        for name in ["a", "b", "c", "d", "e"] {
            user.call("user.updateName", json!({"name": name})).await;
        }
    };
    join_all(users.iter().enumerate().map(write)).await;
    let expected = committed(&app);
    assert_eq!(expected.len(), 20);
    for live in &mut watching {
        assert_eq!(entries(&live.take(20).await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn an_entry_with_a_small_id_that_is_committed_late_is_not_missed() {
    let app = Builder::new(Backend::Postgres).start().await;
    let admin = app.admin();
    // A user's first change of a day waits for another one that is not committed.
    app.execute(&insert("first"));
    let mut watching = over_each(&admin, json!({})).await;
    let mut slow = app.connect();
    slow.run(&format!("BEGIN; {}", insert("small id")));
    app.execute(&insert("great id"));
    for live in &mut watching {
        assert_eq!(changes(&live.take(1).await), ["test.insert great id"]);
    }
    slow.run("COMMIT");
    for live in &mut watching {
        assert_eq!(changes(&live.take(1).await), ["test.insert small id"]);
    }
    // Resumed after any entry of the log, a subscription delivers whatever was committed after that entry.
    let all = committed(&app);
    assert!(all[1] > all[2], "{all:?}");
    for (index, entry) in all.iter().enumerate() {
        for mut live in over_each(&admin, json!({"lastEventId": entry.to_string()})).await {
            app.execute(&insert("end"));
            let mut delivered = Vec::new();
            while delivered.last().is_none_or(|event: &Value| event["entry"]["entityId"] != "end") {
                delivered.push(live.next().await);
            }
            let delivered = entries(&delivered);
            assert!(all[index + 1..].iter().all(|later| delivered.contains(later)), "after {entry}: {delivered:?}");
        }
    }
}
