//! Subscriptions that find little in a long log, and users with many of them.

use std::time::Duration;

use clusterdesk::models::{
    api_token::Scope,
    cluster_event::{ClusterEvent, ClusterEventFilter},
    event_log::{EventLog, LogPage},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Backend, Builder, Client, Live, Raw, Socket, Sql, TestApp, Transport, Watcher, both_databases, eventually,
};

/// Events that one look reads at most.
const WINDOW: usize = 4000;

/// Inserts so many events of changes to one cluster of `ann`, which is running on the plan FREE.
fn insert_events(app: &TestApp, count: usize) {
    let numbers = match app.backend() {
        Backend::Sqlite => format!(
            "WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < {count})
            SELECT n FROM counter"
        ),
        Backend::Postgres => format!("SELECT n FROM generate_series(1, {count}) AS n"),
    };
    let at = "'2026-01-01 10:00:00'";
    let at = if app.backend() == Backend::Postgres { format!("TIMESTAMP {at}") } else { at.to_owned() };
    app.connect().run(&format!(
        "INSERT INTO cluster_events (created_at, kind, cluster_id, name, location, auth_user_id, plan, network, status,
            cluster_created_at, cluster_updated_at)
        SELECT {at}, 'updated', 1, 'web', 'eu', 'ann', 'FREE', 'Default', 'RUNNING', {at}, {at} FROM ({numbers}) AS numbers;
        INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
        SELECT {at}, 'sql', 'test.insert', 'test', n, '{{}}', 'r' FROM ({numbers}) AS numbers"
    ));
}

/// SQL statements that a procedure has run so far.
async fn statements(app: &TestApp, procedure: &str) -> usize {
    let text = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
    let prefix = format!("clusterdesk_statements_total{{procedure=\"{procedure}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(prefix.as_str())).map_or(0, |count| count.parse().unwrap())
}

/// Resumes a subscription at the start of the log, and asserts what it is told and how many statements it runs to catch
/// up.
async fn expect_statements(
    app: &TestApp,
    watch: &'static str,
    client: &Client,
    filter: &Value,
    expected: usize,
    told: &[&str],
) {
    let before = statements(app, watch).await;
    let mut input = filter.clone();
    input["lastEventId"] = json!("0");
    let mut watcher = Watcher::open_named(watch, client, input).await;
    let looked = || async { statements(app, watch).await - before };
    eventually(async || looked().await >= expected).await;
    assert_eq!(watcher.told(told.len()).await, told, "{filter}");
    drop(watcher.socket.call("rpc.ping", json!({})).await);
    assert_eq!(looked().await, expected, "{watch} {filter}");
}

/// The code of the refusal, if a subscription is refused.
async fn refusal(transport: Transport, client: &Client) -> Option<String> {
    let refused = Live::try_open(transport, "k8s.watch", client, json!({})).await.err()?;
    assert_eq!(refused.0["data"]["retryAfterMs"], 1000, "{refused:?}");
    Some(refused.code().to_owned())
}

both_databases! {
    async fn each_look_reads_a_limited_part_of_the_log(app: TestApp) {
        const EVENTS: usize = 5 * WINDOW;
        insert_events(&app, EVENTS);
        let (ann, admin) = (app.member("ann"), app.admin());
        // The caller, the newest id and the page in each look, and for a part of an owner's events where it ends.
        for (watch, client, filter, each) in [
            ("k8s.watch", &admin, json!({"status": "PENDING"}), 3),
            ("k8s.watch", &admin, json!({"plan": "BUSINESS", "clusterId": 1}), 3),
            ("k8s.watch", &ann, json!({"clusterId": 2}), 4),
            ("k8s.watch", &admin, json!({"userId": "ann", "status": "PENDING"}), 4),
            ("admin.watchAudit", &admin, json!({"actorId": "root"}), 3),
        ] {
            expect_statements(&app, watch, client, &filter, 2 + each * (EVENTS / WINDOW), &[]).await;
        }
    }

    async fn the_events_of_others_do_not_delay_those_of_an_owner(app: TestApp) {
        let (bob, admin) = (app.member("bob"), app.admin());
        let id = bob.create("first", "FREE").await;
        insert_events(&app, 5 * WINDOW);
        bob.call("k8s.delete", json!({"id": id})).await;
        insert_events(&app, 5 * WINDOW);
        for (client, filter, look) in [
            (&bob, json!({}), 3),
            (&bob, json!({"plan": "FREE"}), 4),
            (&admin, json!({"userId": "bob", "clusterId": id}), 4),
            (&admin, json!({"userId": "nobody"}), 3),
            (&admin, json!({"userId": "nobody", "clusterId": 1}), 4),
        ] {
            let own: &[&str] = if filter["userId"] == "nobody" { &[] } else { &["created first", "deleted first"] };
            expect_statements(&app, "k8s.watch", client, &filter, 2 + look, own).await;
        }
    }

    async fn parts_of_the_log_overlap_nowhere_and_leave_nothing_out(app: TestApp) {
        insert_events(&app, 20);
        app.member("bob").create("web", "FREE").await;
        insert_events(&app, 20);
        let owners = [None, Some("ann"), Some("bob"), Some("nobody")];
        for (owner, cluster_id) in owners.iter().flat_map(|owner| [None, Some(1), Some(9)].map(|id| (owner, id))) {
            let owner = owner.map(str::to_owned);
            let filter = ClusterEventFilter { owner, cluster_id, ..ClusterEventFilter::default() };
            let conn = &mut app.connect();
            let all = ClusterEvent::after(conn, 0, 100).unwrap();
            let expected: Vec<i64> = all.iter().filter(|event| filter.matches(event)).map(EventLog::id).collect();
            let newest = ClusterEvent::extent(conn).unwrap().newest;
            for (limit, window) in [(1, 1), (1, 7), (3, 7), (7, 7), (100, 1), (100, 100)] {
                let (mut found, mut after) = (Vec::new(), 0);
                while after < newest {
                    let page = LogPage { after, until: newest, limit, window };
                    let part = ClusterEvent::page(conn, &filter, page).unwrap();
                    assert!(part.through > after, "{filter:?} {page:?}");
                    after = part.through;
                    found.extend(part.events.iter().map(EventLog::id));
                }
                assert_eq!(found, expected, "{filter:?}, {limit} of {window}");
            }
        }
    }

    async fn subscriptions_far_behind_leave_the_database_to_the_calls(builder: Builder) {
        let app = builder.limits(|limits| limits.queued_jobs = 4).start().await;
        insert_events(&app, 10 * WINDOW);
        let admin = app.admin();
        let mut watching = Vec::new();
        for _ in 0..48 {
            let input = json!({"lastEventId": "0", "status": "STOPPED"});
            watching.push(Watcher::open(&admin, input).await);
            // With more than two threads at work and four jobs waiting this would be SERVICE_UNAVAILABLE.
            admin.call("user.me", Value::Null).await;
        }
        admin.call("admin.getStats", Value::Null).await;
    }

    async fn filters_select_missed_events_as_they_select_new_ones(app: TestApp) {
        let (ann, bob, admin) = (app.rich("ann"), app.member("bob"), app.admin());
        let filters = [
            json!({}), json!({"userId": "ann"}), json!({"plan": "PRO"}), json!({"status": "CREATING"}), json!({"clusterId": 1}),
            json!({"userId": "bob", "plan": "FREE"}), json!({"userId": "bob", "clusterId": 1}),
        ];
        let mut live = Vec::new();
        for filter in &filters {
            live.push(Watcher::open(&admin, filter.clone()).await);
        }
        let web = ann.create("web", "FREE").await;
        ann.create("db", "PRO").await;
        bob.create("bobs", "FREE").await;
        admin.call("k8s.setStatus", json!({"id": web, "status": "CREATING"})).await;
        let told = [
            vec!["created web", "created db", "created bobs", "statusChanged web"], vec!["created web", "created db", "statusChanged web"],
            vec!["created db"], vec!["statusChanged web"], vec!["created web", "statusChanged web"], vec!["created bobs"], vec![],
        ];
        for ((filter, watcher), expected) in filters.iter().zip(&mut live).zip(told) {
            assert_eq!(watcher.told(expected.len()).await, expected, "{filter}");
            let mut input = filter.clone();
            input["lastEventId"] = json!("0");
            assert_eq!(Watcher::open(&admin, input).await.told(expected.len()).await, expected, "{filter}");
        }
    }

    async fn a_user_has_a_limited_number_of_subscriptions_on_all_connections(builder: Builder) {
        let app = builder.limits(|limits| limits.user_subscriptions = 3).start().await;
        let script = app.scripted("ann", Scope::Read);
        for ann in [app.user("ann"), app.admin()] {
            let mut open = join_all(Transport::ALL.map(|transport| Live::open(transport, "k8s.watch", &ann, json!({})))).await;
            for transport in Transport::ALL {
                assert_eq!(refusal(transport, &ann).await.as_deref(), Some("TOO_MANY_REQUESTS"), "{transport:?}");
                assert_eq!(refusal(transport, &app.user("bob")).await, None);
            }
            for transport in Transport::ALL {
                // Each that ends makes room for one.
                drop(open.remove(0));
                eventually(async || match Live::try_open(transport, "k8s.watch", &ann, json!({})).await {
                    Ok(live) => { open.push(live); true }
                    Err(_full) => false,
                }).await;
                assert_eq!(refusal(transport, &ann).await.as_deref(), Some("TOO_MANY_REQUESTS"));
            }
            if ann.token == app.user("ann").token {
                assert_eq!(refusal(Transport::JsonRpc, &script).await.as_deref(), Some("TOO_MANY_REQUESTS"));
            }
        }
    }
}

/// The value of a metric without labels, or with these.
async fn metric(app: &TestApp, name: &str) -> usize {
    let text = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |count| count.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_does_not_read_is_closed() {
    let app =
        Builder::new(Backend::Sqlite).limits(|limits| limits.wire.write_timeout = Duration::from_millis(300)).start();
    let app = app.await;
    let ann = app.member("ann");
    // More than the kernel takes for a connection.
    insert_events(&app, 30_000);
    let mut stream = Raw::open(&app.url).await;
    let path = "/trpc-plain/k8s.watch?input=%7B%22lastEventId%22%3A%220%22%7D";
    let bearer = format!("authorization: Bearer {}", ann.token.clone().unwrap());
    stream.send(format!("GET {path} HTTP/1.1\r\nhost: h\r\naccept: text/event-stream\r\n{bearer}\r\n\r\n")).await;
    let mut jsonrpc = Socket::open(&ann).await;
    let subscribe = json!({"jsonrpc": "2.0", "id": 1, "method": "k8s.watch", "params": {"lastEventId": "0"}});
    jsonrpc.send(subscribe.to_string()).await;
    let mut trpc = Socket::open_at(&ann, "trpc-plain").await;
    let params = json!({"path": "k8s.watch", "input": {"lastEventId": "0"}});
    trpc.send(json!({"id": 1, "method": "subscription", "params": params}).to_string()).await;
    let watched = r#"clusterdesk_calls_total{code="OK",procedure="k8s.watch"} "#;
    eventually(async || metric(&app, watched).await == 3).await;
    // The one that asks.
    eventually(async || metric(&app, "clusterdesk_connections ").await == 1).await;
    eventually(async || metric(&app, "clusterdesk_subscriptions ").await == 0).await;
    drop((stream, jsonrpc, trpc));
}
