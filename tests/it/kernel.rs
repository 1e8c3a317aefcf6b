//! Guarantees that the kernel gives for every procedure, tested with procedures that the tests register.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use clusterdesk::{
    db::DbConnection,
    error::{Error, Result},
    kernel::{AsyncCall, Audited, Call, Reply, Router},
};
use diesel::connection::SimpleConnection;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use procedures::{Access, NoInput};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{Backend, Builder, Client, Failure, Socket, TestApp, all, both_databases};

const INTERNAL_ERROR: &str = "Something went wrong on our side.";

#[derive(Deserialize, JsonSchema)]
struct Text {
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Size {
    size: usize,
}

fn probe() -> Router {
    Router::new("probe")
        .query("panic", Access::User, "Panics.", |_: &mut Call<'_>, _: NoInput| -> Result<()> {
            panic!("inner workings")
        })
        .query("badSql", Access::User, "Runs invalid SQL.", |call: &mut Call<'_>, _: NoInput| {
            Ok(call.conn.batch_execute("SELECT inner_workings FROM nowhere")?)
        })
        .query("large", Access::User, "Returns a text of this size.", |_: &mut Call<'_>, input: Size| {
            Ok("x".repeat(input.size))
        })
        .mutation(
            "renameAndPanic",
            Access::User,
            "Renames the caller and panics.",
            |call: &mut Call<'_>, input: Text| -> Result<Audited<()>> {
                rename(call, &input.text)?;
                panic!("inner workings")
            },
        )
        .mutation("rename", Access::User, "Renames the caller.", |call: &mut Call<'_>, input: Text| {
            rename(call, &input.text)
        })
        .async_mutation("panicLater", Access::User, "Panics on the runtime.", panic_later)
        .async_mutation("never", Access::User, "Never answers.", never)
        .async_mutation("meet", Access::User, "Waits for another call.", meet)
        .async_mutation("renameLater", Access::User, "Renames the caller after reading the name.", rename_later)
        .async_mutation("renameAndFail", Access::User, "Renames the caller and fails.", rename_and_fail)
}

fn rename(call: &mut Call<'_>, name: &str) -> Result<Audited<()>> {
    let caller = call.caller()?;
    caller.set_name(call.conn, name, call.now)?;
    Ok(Audited::changed((), "user", &caller.id, json!({"name": name})))
}

fn panic_later(_: AsyncCall, _: NoInput) -> Reply<()> {
    async {
        tokio::task::yield_now().await;
        panic!("inner workings")
    }
    .boxed()
}

fn never(_: AsyncCall, _: NoInput) -> Reply<()> {
    std::future::pending().boxed()
}

/// Returns the name after two calls with the same key have arrived. The input is `KEY NAME`.
fn meet(_: AsyncCall, input: Text) -> Reply<String> {
    static BARRIERS: LazyLock<Mutex<HashMap<String, Arc<Barrier>>>> = LazyLock::new(Mutex::default);
    let (key, name) = input.text.split_once(' ').unwrap();
    let barrier = BARRIERS.lock().unwrap().entry(key.to_owned()).or_insert_with(|| Arc::new(Barrier::new(2))).clone();
    let name = name.to_owned();
    async move {
        barrier.wait().await;
        Ok(name)
    }
    .boxed()
}

/// Reads the caller's name, yields, and appends the input to the name.
fn rename_later(call: AsyncCall, input: Text) -> Reply<()> {
    async move {
        let old = call.read(|call| Ok(call.caller()?.name.clone().unwrap_or_default())).await?;
        tokio::task::yield_now().await;
        let name = format!("{old} {}", input.text);
        call.write(move |call| rename(call, &name)).await
    }
    .boxed()
}

fn rename_and_fail(call: AsyncCall, input: Text) -> Reply<()> {
    async move {
        call.write(move |call| {
            rename(call, &input.text)?;
            Err(Error::PreconditionFailed("Not today.".to_owned()))
        })
        .await
    }
    .boxed()
}

/// A user named Ada.
async fn named_user(app: &TestApp) -> Client {
    let user = app.member("user_1");
    user.call("user.updateName", json!({"name": "Ada"})).await;
    user
}

/// The names of all users, and the procedures in the audit log.
fn changes(app: &TestApp) -> (Vec<String>, Vec<String>) {
    let names = app.lines("SELECT coalesce(name, '-') AS line FROM users ORDER BY id");
    (names, app.lines("SELECT procedure AS line FROM audit_log ORDER BY id"))
}

/// What [`changes`] returns for a single user.
fn expected(name: &str, procedures: &[&str]) -> (Vec<String>, Vec<String>) {
    (vec![name.to_owned()], procedures.iter().map(|name| (*name).to_owned()).collect())
}

/// Blocks the server's writes with a transaction on another connection, until that connection is dropped.
fn hold_writes(app: &TestApp) -> DbConnection {
    let mut connection = app.connect();
    let lock = match app.backend() {
        Backend::Sqlite => "BEGIN IMMEDIATE",
        Backend::Postgres => "BEGIN; LOCK TABLE users IN EXCLUSIVE MODE",
    };
    connection.batch_execute(lock).unwrap();
    connection
}

both_databases! {
    async fn a_panic_is_answered_as_an_internal_error_with_the_id_of_its_call(builder: Builder) {
        let app = builder.router(probe()).start().await;
        let user = named_user(&app).await;
        let call = |(id, name)| json!({"jsonrpc": "2.0", "id": id, "method": name, "params": {"text": "Eve"}});
        let names = ["probe.renameAndPanic", "hello.hello", "probe.renameAndPanic"];
        let mut batch: Vec<Value> = names.iter().enumerate().map(call).collect();
        batch.push(json!({"jsonrpc": "2.0", "id": "p", "method": "probe.panic"}));
        batch.push(json!({"jsonrpc": "2.0", "id": "q", "method": "probe.panicLater"}));
        let answers = user.message(json!(batch)).await;
        assert_eq!(all(&answers, "id"), [&json!(0), &json!(1), &json!(2), &json!("p"), &json!("q")]);
        for at in [0, 2, 3, 4] {
            let failure = Failure(answers[at]["error"].clone());
            assert_eq!((failure.code(), failure.message()), ("INTERNAL_SERVER_ERROR", INTERNAL_ERROR));
        }
        assert_eq!(answers[1]["result"]["greeting"], "hello Eve");
        assert!(!answers.to_string().contains("inner workings"));
    }

    async fn a_panic_rolls_back_the_call_and_leaves_the_server_running(builder: Builder) {
        let app = builder.router(probe()).start().await;
        let user = named_user(&app).await;
        for _ in 0..8 {
            user.fail("INTERNAL_SERVER_ERROR", "probe.renameAndPanic", json!({"text": "Eve"})).await;
            user.fail("INTERNAL_SERVER_ERROR", "probe.panic", Value::Null).await;
            user.fail("INTERNAL_SERVER_ERROR", "probe.panicLater", Value::Null).await;
        }
        assert_eq!(changes(&app), expected("Ada", &["user.updateName"]));
        let mut socket = Socket::open(&user).await;
        assert_eq!(socket.call("probe.panic", json!({})).await["error"]["message"], INTERNAL_ERROR);
        assert_eq!(socket.call("probe.panicLater", json!({})).await["id"], 1);
        user.call("probe.rename", json!({"text": "Grace"})).await;
        assert_eq!(changes(&app), expected("Grace", &["user.updateName", "probe.rename"]));
    }

    async fn a_database_error_reveals_no_detail_to_the_caller(builder: Builder) {
        let app = builder.router(probe()).start().await;
        let failure = app.user("user_1").fail("INTERNAL_SERVER_ERROR", "probe.badSql", Value::Null).await.anonymous();
        let data = json!({"code": "INTERNAL_SERVER_ERROR", "httpStatus": 500, "path": "probe.badSql"});
        assert_eq!(failure, json!({"code": -32603, "message": INTERNAL_ERROR, "data": data}));
    }

    async fn a_response_over_the_size_limit_is_payload_too_large(builder: Builder) {
        let app = builder.limits(|limits| limits.wire.response_bytes = 2000).router(probe()).start().await;
        let user = app.user("user_1");
        assert_eq!(user.call("probe.large", json!({"size": 1900})).await.as_str().map(str::len), Some(1900));
        let failure = user.fail("PAYLOAD_TOO_LARGE", "probe.large", json!({"size": 2000})).await;
        assert_eq!((&failure.0["code"], &failure.0["data"]["path"]), (&json!(-32013), &json!("probe.large")));
        assert!(failure.0["data"]["requestId"].is_string());
    }

    async fn an_asynchronous_mutation_can_read_wait_and_write(builder: Builder) {
        let app = builder.router(probe()).start().await;
        let user = named_user(&app).await;
        assert_eq!(user.call("probe.renameLater", json!({"text": "Lovelace"})).await, Value::Null);
        assert_eq!(changes(&app), expected("Ada Lovelace", &["user.updateName", "probe.renameLater"]));
        let failure = user.fail("PRECONDITION_FAILED", "probe.renameAndFail", json!({"text": "Eve"})).await;
        assert_eq!(failure.message(), "Not today.");
        assert_eq!(changes(&app), expected("Ada Lovelace", &["user.updateName", "probe.renameLater"]));
        app.anonymous().fail("UNAUTHORIZED", "probe.renameLater", json!({"text": "Eve"})).await;
        user.fail("BAD_REQUEST", "probe.renameLater", Value::Null).await;
    }

    async fn an_asynchronous_call_that_never_returns_times_out(builder: Builder) {
        let app = builder.limits(|limits| limits.call_timeout = Duration::from_millis(500)).router(probe());
        let app = app.start().await;
        let failure = app.member("user_1").fail("TIMEOUT", "probe.never", Value::Null).await;
        assert_eq!((&failure.0["code"], &failure.0["data"]["httpStatus"]), (&json!(-32008), &json!(408)));
    }

    async fn a_write_that_waits_too_long_for_the_database_is_rolled_back(builder: Builder) {
        let app = builder.limits(|limits| limits.call_timeout = Duration::from_millis(500));
        let app = app.router(probe()).start().await;
        let user = app.member("user_1");
        let rename = || user.try_call("probe.rename", json!({"text": "Eve"}));
        let held = hold_writes(&app);
        // More calls than database threads: some block a thread, the others wait in the queue.
        let mut calls: FuturesUnordered<_> = (0..70).map(|_| rename()).collect();
        let first = calls.next().await.unwrap().unwrap_err();
        assert_eq!((first.code(), first.message()), ("TIMEOUT", "The call took too long and was cancelled."));
        // This call starts last: once it has timed out, all the others have too.
        assert_eq!(rename().await.unwrap_err().code(), "TIMEOUT");
        drop(held);
        while let Some(outcome) = calls.next().await {
            // SERVICE_UNAVAILABLE if SQLite's busy timeout ended first.
            let code = outcome.unwrap_err().code().to_owned();
            assert!(["TIMEOUT", "SERVICE_UNAVAILABLE"].contains(&code.as_str()), "{code}");
        }
        assert_eq!(changes(&app), expected("Name of user_1", &[]));
    }

    async fn a_full_queue_refuses_calls_at_once(builder: Builder) {
        let app = builder.limits(|limits| limits.queued_jobs = 1).router(probe()).start().await;
        let user = app.member("user_1");
        let held = hold_writes(&app);
        let calls = (0..70).map(|n| user.try_call("probe.rename", json!({"text": n.to_string()})));
        let mut calls: FuturesUnordered<_> = calls.collect();
        let refused = calls.next().await.unwrap().unwrap_err();
        let retry = &refused.0["data"]["retryAfterMs"];
        assert_eq!((refused.code(), retry), ("SERVICE_UNAVAILABLE", &json!(1000)));
        assert_eq!(refused.message(), "The server is busy. Try again.");
        // Reads have their own queue.
        assert_eq!(user.call("hello.hello", json!({"text": "you"})).await["greeting"], "hello you");
        drop(held);
        let mut done = 0;
        while let Some(outcome) = calls.next().await {
            done += i64::from(outcome.is_ok());
        }
        assert!(done >= 1);
        assert_eq!(app.count("audit_log"), done);
    }

    async fn the_calls_of_a_batch_run_concurrently_and_are_answered_in_order(builder: Builder) {
        let app = builder.router(probe()).start().await;
        let key = app.url.clone();
        let meet = |id, name| {
            json!({"jsonrpc": "2.0", "id": id, "method": "probe.meet", "params": {"text": format!("{key} {name}")}})
        };
        let greet = json!({"jsonrpc": "2.0", "id": 2, "method": "hello.hello", "params": {"text": "you"}});
        let answers = app.member("user_1").message(json!([meet(1, "one"), greet, meet(3, "three")])).await;
        assert_eq!(all(&answers, "id"), [1, 2, 3]);
        assert_eq!([&answers[0]["result"], &answers[2]["result"]], ["one", "three"]);
    }

    async fn each_entry_of_a_batch_is_authorized_separately(app: TestApp) {
        let request = |id: u8, method: &str| json!({"jsonrpc": "2.0", "id": id, "method": method});
        let names = ["admin.getStats", "user.me", "k8s.get", "no.such"];
        let batch = json!([request(1, names[0]), request(2, names[1]), request(3, names[2]), request(4, names[3])]);
        for (caller, codes) in [
            (app.user("user_1"), ["FORBIDDEN", "OK", "BAD_REQUEST", "NOT_FOUND"]),
            (app.admin(), ["OK", "OK", "BAD_REQUEST", "NOT_FOUND"]),
            (app.anonymous(), ["UNAUTHORIZED", "UNAUTHORIZED", "UNAUTHORIZED", "NOT_FOUND"]),
        ] {
            let answers = caller.message(batch.clone()).await;
            for (answer, code) in answers.as_array().unwrap().iter().zip(codes) {
                assert_eq!(answer["error"]["data"]["code"].as_str().unwrap_or("OK"), code, "{answer}");
            }
            let single = caller.message(json!([request(1, "admin.getStats")])).await;
            assert_eq!(single[0]["error"]["data"]["code"].as_str().unwrap_or("OK"), codes[0]);
        }
    }

    async fn each_entry_of_a_batch_counts_against_the_limit(builder: Builder) {
        let app = builder.flag("rate-limit-write-max-requests", "2").start().await;
        let user = app.member("user_1");
        let request = |id| json!({"jsonrpc": "2.0", "id": id, "method": "user.updateName", "params": {"name": "Ada"}});
        let answers = user.message(json!([request(1), request(2), request(3), request(4)])).await;
        let refused = answers.as_array().unwrap().iter().filter_map(|answer| answer.get("error"));
        let refused: Vec<Failure> = refused.map(|error| Failure(error.clone())).collect();
        assert_eq!(refused.len(), 2);
        for failure in refused {
            assert_eq!((failure.code(), &failure.0["code"]), ("TOO_MANY_REQUESTS", &json!(-32029)));
            assert!(failure.0["data"]["retryAfterMs"].as_u64() > Some(0));
        }
        assert_eq!(app.count("audit_log"), 2);
        let alone = user.message(json!([request(5)])).await;
        assert_eq!(alone[0]["error"]["data"]["code"], "TOO_MANY_REQUESTS");
    }

    async fn two_procedures_with_one_name_stop_the_start_up(builder: Builder) {
        let twice = |name| Router::new("twin").query(name, Access::User, "A duplicate.", |_: &mut Call<'_>, _: NoInput| Ok(()));
        for (router, sentence) in [
            (twice("one").old_name("k8s.list"), "both k8s.list and twin.one answer to the name k8s.list"),
            (twice("one").old_name("k8s.getClusters"), "both k8s.list and twin.one answer to the name k8s.getClusters"),
            (twice("one").query("one", Access::User, "A duplicate.", |_: &mut Call<'_>, _: NoInput| Ok(())),
             "both twin.one and twin.one answer to the name twin.one"),
        ] {
            let mut routers = clusterdesk::routers::all();
            routers.push(router);
            let limits = builder.limits.clone();
            let bound = clusterdesk::server::Server::bind(&builder.settings(), limits, routers).await;
            assert_eq!(bound.err().unwrap().to_string(), sentence);
        }
    }
}
