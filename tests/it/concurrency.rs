//! Concurrent calls: the rules hold under any interleaving, and every answer agrees with the database.

use clusterdesk::models::user::Role;
use diesel::connection::SimpleConnection;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::spawn;

use crate::support::{
    Backend, Builder, Client, Failure, Gate, Socket, TestApp, TestDatabase, both_databases, claims, hs256, probes,
};

type Outcome = Result<Value, Failure>;

const ROUNDS: usize = 15;

fn code(outcome: &Outcome) -> &str {
    outcome.as_ref().map_or_else(Failure::code, |_| "OK")
}

fn cluster(name: &str) -> Value {
    json!({"name": name, "location": "eu"})
}

/// Asserts that no two live clusters share owner and plan and that every live cluster has a live owner.
fn assert_rules(app: &TestApp) {
    let orphans = "k8s_cluster_configs AS cluster LEFT JOIN users ON users.id = cluster.auth_user_id AND \
                   users.deleted_at IS NULL WHERE cluster.deleted_at IS NULL AND users.id IS NULL";
    assert_eq!(app.count(orphans), 0);
    let twins = "(SELECT 1 AS one FROM k8s_cluster_configs WHERE deleted_at IS NULL GROUP BY auth_user_id, plan \
                 HAVING count(*) > 1) AS twins";
    assert_eq!(app.count(twins), 0);
}

/// Asserts exactly one success. Every other outcome must be a CONFLICT with this id.
fn assert_one_winner(outcomes: &[Outcome], id: i64) {
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for failure in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!((failure.code(), failure.conflicting_id()), ("CONFLICT", id));
    }
}

/// A second server on the same database.
async fn second_server(app: &TestApp) -> TestApp {
    let database = TestDatabase { backend: app.backend(), url: app.database.url.clone(), folder: tempdir().unwrap() };
    Builder::with_database(database).start().await
}

/// Runs four creates concurrently with `end`, a procedure that deletes the user, and checks the rows that are left.
async fn create_while_ending(app: &TestApp, end: &str) {
    let mut ended_first = 0;
    for round in 0..ROUNDS {
        let id = format!("user_{round}");
        let user = app.member(&id);
        let creates = join_all((0..4).map(|_| user.try_call("k8s.create", cluster("web"))));
        let (created, ended) = join(creates, user.try_call(end, Value::Null)).await;
        assert_eq!(code(&ended), "OK", "{ended:?}");
        let mut successes = 0;
        for outcome in &created {
            assert!(["OK", "CONFLICT", "UNAUTHORIZED"].contains(&code(outcome)), "{outcome:?}");
            successes += i64::from(outcome.is_ok());
        }
        ended_first += i64::from(successes == 0);
        assert!(successes <= 1);
        let rows = app.count("k8s_cluster_configs WHERE status = 'DELETED'");
        assert_eq!(rows, i64::try_from(round).unwrap() + 1 - ended_first);
    }
    assert_rules(app);
    assert_eq!(app.count("k8s_cluster_configs WHERE deleted_at IS NULL"), 0);
}

async fn set_role(caller: &Client, id: &str, role: &str) -> Outcome {
    caller.try_call("admin.setRole", json!({"userId": id, "role": role})).await
}

both_databases! {
    async fn one_of_64_concurrent_creates_wins_and_the_others_get_its_id(app: TestApp) {
        let user = app.user("user_1");
        let calls = (0..64).map(|number| {
            let user = user.clone();
            tokio::spawn(async move { user.try_call("k8s.create", cluster(&format!("web-{number}"))).await })
        });
        let outcomes: Vec<Outcome> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        let list = user.call("k8s.list", Value::Null).await;
        assert_one_winner(&outcomes, list[0]["id"].as_i64().unwrap());
        let winner = outcomes.iter().flatten().next().unwrap();
        assert_eq!((&winner["id"], &winner["clusterName"]), (&list[0]["id"], &list[0]["name"]));
        assert_eq!((app.count("k8s_cluster_configs"), app.count("audit_log")), (1, 1));
    }

    async fn one_concurrent_create_wins_on_one_websocket_and_in_one_batch(app: TestApp) {
        let mut socket = Socket::open(&app.user("socket")).await;
        for id in 0..64 {
            let request = json!({"jsonrpc": "2.0", "id": id, "method": "k8s.create", "params": cluster("web")});
            socket.send(request.to_string()).await;
        }
        let mut answers = Vec::new();
        while answers.len() < 64 {
            answers.push(socket.receive().await.unwrap());
        }
        let request = |id| json!({"jsonrpc": "2.0", "id": id, "method": "k8s.create", "params": cluster("web")});
        let batch: Vec<Value> = (0..50).map(request).collect();
        let batch = app.user("batch").message(json!(batch)).await;
        for answers in [answers, batch.as_array().unwrap().clone()] {
            let won: Vec<_> = answers.iter().filter_map(|answer| answer.get("result")).collect();
            let lost: Vec<_> = answers.iter().filter_map(|answer| answer.get("error")).collect();
            assert_eq!((won.len(), lost.len()), (1, answers.len() - 1));
            assert!(lost.iter().all(|error| error["data"]["conflictingId"] == won[0]["id"]));
        }
    }

    async fn one_concurrent_create_wins_across_two_servers(app: TestApp) {
        let other = second_server(&app).await;
        let callers = [app.member("user_1"), other.user("user_1")];
        let calls = (0..32).map(|number| callers[number % 2].try_call("k8s.create", cluster("web")));
        let outcomes = join_all(calls).await;
        let list = callers[0].call("k8s.list", Value::Null).await;
        assert_one_winner(&outcomes, list[0]["id"].as_i64().unwrap());
    }

    async fn concurrent_restore_and_create_do_not_both_succeed(app: TestApp) {
        let user = app.user("user_1");
        let mut old = user.create_deleted("web", "FREE").await;
        for _ in 0..ROUNDS {
            let restore = user.try_call("k8s.restore", json!({"id": old}));
            let (restored, created) = join(restore, user.try_call("k8s.create", cluster("new"))).await;
            let live = user.call("k8s.list", Value::Null).await[0]["id"].as_i64().unwrap();
            assert_eq!(restored.is_ok(), live == old);
            assert_one_winner(&[restored, created], live);
            user.call("k8s.delete", json!({"id": live})).await;
            old = live;
        }
        assert_rules(&app);
    }

    async fn concurrent_restores_onto_one_plan_do_not_both_succeed(app: TestApp) {
        let user = app.user("user_1");
        let old = [user.create_deleted("one", "FREE").await, user.create_deleted("two", "FREE").await];
        for _ in 0..ROUNDS {
            let outcomes = join_all(old.map(|id| user.try_call("k8s.restore", json!({"id": id})))).await;
            let live = user.call("k8s.list", Value::Null).await[0]["id"].as_i64().unwrap();
            assert_one_winner(&outcomes, live);
            user.call("k8s.delete", json!({"id": live})).await;
        }
    }

    async fn concurrent_update_and_delete_are_serialized(app: TestApp) {
        let user = app.user("user_1");
        for _ in 0..ROUNDS {
            let id = user.create("before", "FREE").await;
            let update = user.try_call("k8s.update", json!({"id": id, "name": "after"}));
            let (updated, deleted) = join(update, user.try_call("k8s.delete", json!({"id": id}))).await;
            assert_eq!(code(&deleted), "OK");
            assert!(["OK", "NOT_FOUND"].contains(&code(&updated)), "{updated:?}");
            let name = app.lines(&format!("SELECT name AS line FROM k8s_cluster_configs WHERE id = {id}"));
            assert_eq!(name, [if updated.is_ok() { "after" } else { "before" }]);
            let log = format!("SELECT procedure AS line FROM audit_log WHERE entity_id = '{id}' ORDER BY id");
            let update: &[&str] = if updated.is_ok() { &["k8s.update"] } else { &[] };
            assert_eq!(app.lines(&log), [&["k8s.create"], update, &["k8s.delete"]].concat());
        }
    }

    async fn one_of_many_concurrent_deletes_wins(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        let outcomes = join_all((0..16).map(|_| user.try_call("k8s.delete", json!({"id": id})))).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(outcomes.iter().filter(|outcome| code(outcome) == "NOT_FOUND").count(), 15);
        assert_eq!(app.count("audit_log WHERE procedure = 'k8s.delete'"), 1);
    }

    async fn concurrent_delete_and_create_leave_at_most_one_live_cluster(app: TestApp) {
        let user = app.user("user_1");
        let mut id = user.create("web", "FREE").await;
        for _ in 0..ROUNDS {
            let delete = user.try_call("k8s.delete", json!({"id": id}));
            let (deleted, created) = join(delete, user.try_call("k8s.create", cluster("new"))).await;
            assert_eq!(code(&deleted), "OK");
            id = match created {
                Ok(created) => created["id"].as_i64().unwrap(),
                Err(failure) => {
                    assert_eq!((failure.code(), failure.conflicting_id()), ("CONFLICT", id));
                    user.create("new", "FREE").await
                }
            };
        }
        assert_rules(&app);
    }

    async fn no_cluster_outlives_a_concurrent_hard_delete_of_its_owner(app: TestApp) {
        create_while_ending(&app, "user.delete").await;
    }

    async fn no_cluster_outlives_a_concurrent_soft_delete_of_its_owner(app: TestApp) {
        create_while_ending(&app, "user.softDelete").await;
    }

    async fn one_of_several_concurrent_account_deletions_wins(app: TestApp) {
        let admin = app.admin();
        for round in 0..ROUNDS {
            let id = format!("user_{round}");
            let user = app.member(&id);
            let named = json!({"userId": id});
            let own = join(user.try_call("user.delete", Value::Null), user.try_call("user.softDelete", Value::Null));
            let ((hard, soft), forced) = join(own, admin.try_call("user.delete", named)).await;
            let outcomes = [hard, soft, forced];
            let codes: Vec<&str> = outcomes.iter().map(code).collect();
            // After a soft deletion an admin can erase the user.
            let wins = if codes[1..] == ["OK", "OK"] { 2 } else { 1 };
            assert_eq!(codes.iter().filter(|code| **code == "OK").count(), wins, "{codes:?}");
            assert!(codes.iter().all(|code| ["OK", "UNAUTHORIZED", "NOT_FOUND"].contains(code)), "{codes:?}");
            let entries = app.count(&format!("audit_log WHERE entity_id = '{id}'"));
            assert_eq!(usize::try_from(entries), Ok(wins));
        }
    }

    async fn admins_who_demote_each_other_concurrently_leave_one_admin(app: TestApp) {
        let (one, two) = (app.admin(), app.user("two"));
        app.provision("two", Role::Admin);
        for _ in 0..4 {
            let (first, second) = join(set_role(&one, "two", "USER"), set_role(&two, "root", "USER")).await;
            let codes = [code(&first), code(&second)];
            assert!(codes == ["OK", "FORBIDDEN"] || codes == ["FORBIDDEN", "OK"], "{codes:?}");
            assert_eq!(app.count("users WHERE role = 'ADMIN'"), 1);
            app.execute("UPDATE users SET role = 'ADMIN'");
        }
    }

    async fn admins_who_demote_themselves_concurrently_leave_one_admin(app: TestApp) {
        let (one, two) = (app.admin(), app.user("two"));
        app.provision("two", Role::Admin);
        for _ in 0..ROUNDS {
            let (first, second) = join(set_role(&one, "root", "USER"), set_role(&two, "two", "USER")).await;
            let mut codes = [code(&first), code(&second)];
            codes.sort_unstable();
            assert_eq!(codes, ["OK", "PRECONDITION_FAILED"]);
            assert_eq!(app.count("users WHERE role = 'ADMIN'"), 1);
            app.execute("UPDATE users SET role = 'ADMIN'");
        }
        let (left, demoted) = join(one.try_call("user.softDelete", Value::Null), set_role(&two, "two", "USER")).await;
        assert_eq!([&left, &demoted].into_iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(app.count("users WHERE role = 'ADMIN' AND deleted_at IS NULL"), 1);
    }

    async fn summary_is_read_from_one_snapshot(app: TestApp) {
        let user = app.rich("user_1");
        user.create("web-0", "FREE").await;
        app.execute("UPDATE customers SET name = 'web-0'");
        for round in 1..=ROUNDS {
            let mut connection = app.connect();
            let change = tokio::task::spawn_blocking(move || {
                for step in 0..20 {
                    let name = format!("web-{round}-{step}");
                    let customer = format!("UPDATE customers SET name = '{name}'");
                    let cluster = format!("UPDATE k8s_cluster_configs SET name = '{name}'");
                    connection.batch_execute(&format!("BEGIN; {customer}; {cluster}; COMMIT")).unwrap();
                }
            });
            let summaries = join_all((0..8).map(|_| user.call("user.summary", Value::Null)));
            let (summaries, changed) = join(summaries, change).await;
            changed.unwrap();
            for summary in summaries {
                assert_eq!(summary["customer"]["name"], summary["clusters"][0]["name"]);
            }
        }
    }

    async fn concurrent_first_calls_create_one_user_row(app: TestApp) {
        let user = app.user("user_1");
        let outcomes = join_all((0..32).map(|_| user.call("user.me", Value::Null))).await;
        assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(app.count("users"), 1);
    }

    async fn concurrent_first_calls_with_a_taken_email_create_one_user_row(app: TestApp) {
        app.provision("other", Role::User);
        app.execute("UPDATE users SET email = 'taken@example.com'");
        for round in 0..ROUNDS {
            let mut claims = claims(&format!("user_{round}"));
            claims["email"] = json!("taken@example.com");
            let user = app.with_token(hs256(&claims));
            for me in join_all((0..8).map(|_| user.call("user.me", Value::Null))).await {
                assert_eq!(me["email"], Value::Null);
            }
        }
        assert_eq!(app.count("users"), i64::try_from(ROUNDS).unwrap() + 1);
    }

    async fn concurrent_first_calls_of_a_mutation_apply_it_once(app: TestApp) {
        let user = app.user("user_1");
        let outcomes = join_all((0..16).map(|_| user.try_call("k8s.create", cluster("web")))).await;
        let list = user.call("k8s.list", Value::Null).await;
        assert_one_winner(&outcomes, list[0]["id"].as_i64().unwrap());
    }

    async fn one_of_two_concurrent_customer_creates_wins(app: TestApp) {
        for round in 0..ROUNDS {
            let user = app.member(&format!("user_{round}"));
            let outcomes = join_all((0..2).map(|_| user.try_call("customer.create", Value::Null))).await;
            let id = user.call("customer.get", Value::Null).await["id"].as_i64().unwrap();
            assert_one_winner(&outcomes, id);
        }
    }

    async fn queries_that_browse_delay_no_others(builder: Builder) {
        browse_beside_others(builder).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn queries_that_browse_delay_no_others_when_a_replica_leaves_them_to_the_primary() {
    let away = "postgres:///none?host=/nonexistent&user=postgres";
    browse_beside_others(Builder::new(Backend::Postgres).flag("database-replica-url", away)).await;
}

async fn browse_beside_others(builder: Builder) {
    let app = builder.router(probes()).start().await;
    let (user, gate) = (app.member("user_1"), Gate::new());
    // More than there are threads for reads.
    let browsing: Vec<_> = (0..8)
        .map(|_| {
            let (user, input) = (user.clone(), json!({"gate": gate.name}));
            spawn(async move { user.try_call("probe.browse", input).await })
        })
        .collect();
    gate.arrivals(2).await;
    assert_eq!(user.call("user.me", Value::Null).await["id"], "user_1");
    assert_eq!(gate.waiting(), 0);
    gate.open(8);
    for call in browsing {
        assert!(call.await.unwrap().is_ok());
    }
}
