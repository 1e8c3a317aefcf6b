//! Made-up API tokens: a call is counted before it reaches a queue of the database, and its input is not read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clusterdesk::{
    auth::{Authenticator, Credential, PlainToken},
    db::Timestamp,
    kernel::{Client as Caller, Context},
    models::{
        api_token::{ApiToken, Scope},
        user::Role,
    },
    routers,
    server::kernel,
};
use diesel::connection::SimpleConnection;
use futures_util::{FutureExt, future::join_all};
use procedures::{CallOptions, Code, Input, Parsed, Service};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    rate_limits::{call, header, limited, outcome, request},
    support::{Backend, Builder, Client, TestApp, both_databases, claims, hs256},
};

/// The outcomes of one call each with `calls` made-up tokens, all at the same time, sorted.
async fn flood(app: &TestApp, method: &str, calls: usize) -> Vec<String> {
    let guess = async |_| call(&app.with_token(PlainToken::generate().expose()), method).await;
    let mut outcomes = join_all((0..calls).map(guess)).await;
    outcomes.sort();
    outcomes
}

/// `first` times one outcome, then `then` times another.
fn expected(first: (&str, usize), then: (&str, usize)) -> Vec<String> {
    [vec![first.0.to_owned(); first.1], vec![then.0.to_owned(); then.1]].concat()
}

/// SQL statements that the calls of a procedure have run.
async fn statements(app: &TestApp, procedure: &str) -> u64 {
    let client = app.anonymous();
    let text = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    let prefix = format!("clusterdesk_statements_total{{procedure=\"{procedure}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(prefix.as_str())).map_or(0, |count| count.parse().unwrap())
}

both_databases! {
    async fn a_flood_of_made_up_tokens_looks_up_no_more_than_the_limit(builder: Builder) {
        let app = limited(builder, 10, 5).start().await;
        for (method, limit) in [("user.me", 10), ("user.updateName", 5)] {
            let outcomes = flood(&app, method, 100).await;
            assert_eq!(outcomes, expected(("TOO_MANY_REQUESTS", 100 - limit), ("UNAUTHORIZED", limit)));
            assert_eq!(statements(&app, method).await, limit as u64, "one look-up for each counted call");
        }
        // A JWT at the same address is not affected. A valid token is, as long as it is not known.
        assert_eq!(call(&app.user("user_1"), "user.updateName").await, "OK");
        assert_eq!(call(&app.scripted("user_2", Scope::Write), "k8s.watch").await, "TOO_MANY_REQUESTS");
    }

    async fn calls_without_a_token_do_not_keep_valid_tokens_from_being_looked_up(builder: Builder) {
        let app = limited(builder, 3, 0).start().await;
        let (anonymous, script) = (app.anonymous(), app.scripted("user_1", Scope::Read));
        for expected in ["UNAUTHORIZED", "UNAUTHORIZED", "UNAUTHORIZED", "TOO_MANY_REQUESTS"] {
            assert_eq!(call(&anonymous, "user.me").await, expected);
        }
        assert_eq!(call(&script, "user.me").await, "OK");
        // Made-up tokens count against the address too, and none is looked up beyond the limit.
        let before = statements(&app, "user.me").await;
        assert_eq!(flood(&app, "user.me", 5).await, ["TOO_MANY_REQUESTS"; 5]);
        assert_eq!(statements(&app, "user.me").await - before, 3);
        let other = limited(Builder::new(app.backend()), 3, 0).start().await;
        let outcomes = flood(&other, "user.me", 3).await;
        assert_eq!(outcomes, ["UNAUTHORIZED"; 3]);
        assert_eq!(call(&other.anonymous(), "user.me").await, "TOO_MANY_REQUESTS");
    }

    async fn a_look_up_that_fails_counts_against_nobody(builder: Builder) {
        let app = limited(builder, 2, 0).limits(|limits| limits.call_timeout = Duration::from_secs(2)).start().await;
        let script = app.scripted("user_1", Scope::Read);
        let backend = app.backend();
        let mut blocker = app.connect();
        if backend == Backend::Postgres {
            blocker.batch_execute("BEGIN; LOCK TABLE api_tokens IN ACCESS EXCLUSIVE MODE").unwrap();
        } else {
            blocker.batch_execute("ALTER TABLE api_tokens RENAME TO away").unwrap();
        }
        for _ in 0..3 {
            let failed = if backend == Backend::Postgres { "TIMEOUT" } else { "INTERNAL_SERVER_ERROR" };
            assert_eq!(call(&script, "user.me").await, failed);
        }
        blocker.batch_execute(match backend {
            Backend::Postgres => "ROLLBACK",
            Backend::Sqlite => "ALTER TABLE away RENAME TO api_tokens",
        }).unwrap();
        assert_eq!(call(&script, "user.me").await, "OK");
        assert_eq!(flood(&app, "user.me", 3).await, expected(("TOO_MANY_REQUESTS", 1), ("UNAUTHORIZED", 2)));
    }

    async fn a_token_that_expires_counts_against_the_address_once_it_was_refused(builder: Builder) {
        let app = limited(builder, 3, 0).start().await;
        let script = app.scripted("user_1", Scope::Read);
        assert_eq!(call(&script, "user.me").await, "OK");
        app.connect().batch_execute("UPDATE api_tokens SET expires_at = '2026-01-01 10:00:00'").unwrap();
        for expected in ["UNAUTHORIZED", "UNAUTHORIZED", "UNAUTHORIZED", "UNAUTHORIZED", "TOO_MANY_REQUESTS"] {
            assert_eq!(call(&script, "user.me").await, expected);
        }
        // The first call and the first refusal were the user's.
        assert_eq!(call(&app.user("user_1"), "user.me").await, "OK");
        assert_eq!(call(&app.user("user_1"), "user.me").await, "TOO_MANY_REQUESTS");
    }

    async fn messages_with_a_revoked_token_count_against_the_address_once_it_was_refused(builder: Builder) {
        let app = limited(builder, 4, 0).start().await;
        app.provision("user_1", Role::User);
        let (token, id) = app.api_token("user_1", Scope::Read);
        let script = app.with_token(token);
        let message = async || {
            let response = script.send("{").await;
            let remaining = header(&response, "x-ratelimit-remaining");
            (outcome(&serde_json::from_str(&response.text().await.unwrap()).unwrap()), remaining)
        };
        assert_eq!(call(&script, "user.me").await, "OK");
        assert_eq!(message().await, ("PARSE_ERROR".to_owned(), 2), "the user's");
        ApiToken::revoke(&mut app.connect(), id, Timestamp::now()).unwrap();
        assert_eq!(call(&script, "user.me").await, "UNAUTHORIZED");
        for remaining in [3, 2, 1, 0] {
            assert_eq!(message().await, ("PARSE_ERROR".to_owned(), remaining), "the address's");
        }
        assert_eq!(message().await, ("TOO_MANY_REQUESTS".to_owned(), 0));
        assert_eq!(call(&app.user("user_1"), "user.me").await, "OK");
    }

    async fn a_client_is_introduced_by_one_look_up_of_its_token(app: TestApp) {
        let beside = limited(app.beside(), 2, 0);
        let (_drain, draining) = watch::channel(false);
        let kernel = kernel(&beside.settings(), &beside.limits, routers::all(), draining).unwrap();
        app.provision("user_1", Role::User);
        let (token, _) = app.api_token("user_1", Scope::Read);
        let authenticator = Authenticator::new(&beside.settings().jwt).unwrap();
        let client = async |token: Option<&str>| {
            Caller { credential: authenticator.authenticate(token).await, ..Caller::default() }
        };
        let made_up = async || client(Some(PlainToken::generate().expose())).await;
        let introduce = async |client: &Caller| kernel.introduce(client).await.map_err(|error| error.code());
        for unneeded in [None, Some("nonsense"), Some(hs256(&claims("user_1")).as_str())] {
            assert_eq!(introduce(&client(unneeded).await).await, Ok(()));
        }
        let script = client(Some(&token)).await;
        assert!(!kernel.knows(&script));
        assert_eq!(introduce(&made_up().await).await, Err(Code::Unauthorized));
        // Whoever hangs up has guessed too, mostly during the look-up.
        let _hung_up = introduce(&made_up().await).now_or_never();
        assert_eq!(introduce(&made_up().await).await, Err(Code::TooManyRequests));
        assert_eq!(introduce(&script).await, Err(Code::TooManyRequests));
        let elsewhere = Caller { address: "192.0.2.1".parse().ok(), ..script };
        for _ in 0..5 {
            assert_eq!(introduce(&elsewhere).await, Ok(()));
        }
        assert!(kernel.knows(&elsewhere));
    }

    async fn without_the_database_no_client_is_introduced(app: TestApp) {
        let beside = limited(app.beside(), 2, 0);
        let (_drain, draining) = watch::channel(false);
        let kernel = kernel(&beside.settings(), &beside.limits, routers::all(), draining).unwrap();
        let credential = Credential::ApiToken(PlainToken::generate().hash());
        let stranger = Caller { credential, ..Caller::default() };
        app.database.take_away();
        for _ in 0..5 {
            let refused = kernel.introduce(&stranger).await.map_err(|error| error.code());
            assert_eq!(refused, Err(Code::ServiceUnavailable));
        }
        app.database.bring_back();
    }

    async fn a_flood_of_made_up_tokens_takes_no_place_in_the_queue_of_writes(builder: Builder) {
        // One place may be taken by the renewal of the planner's statistics.
        let app = limited(builder, 0, 5).limits(|limits| limits.queued_jobs = 2).start().await;
        let (one, two) = (app.member("user_1"), app.member("user_2"));
        let mut held = app.connect();
        held.batch_execute(match app.backend() {
            Backend::Sqlite => "BEGIN IMMEDIATE",
            Backend::Postgres => "BEGIN; LOCK TABLE users IN EXCLUSIVE MODE",
        }).unwrap();
        let writes = async {
            let (flood, first) = tokio::join!(flood(&app, "user.updateName", 50), async {
                call(&one, "user.updateName").await
            });
            (flood, first)
        };
        let second = async {
            // The flood is answered although no write can be.
            let outcomes = flood(&app, "user.updateName", 50).await;
            assert!(outcomes.iter().all(|code| code == "TOO_MANY_REQUESTS" || code == "UNAUTHORIZED"), "{outcomes:?}");
            drop(held);
            call(&two, "user.updateName").await
        };
        let ((mut outcomes, first), second) = tokio::join!(writes, second);
        outcomes.retain(|code| code != "TOO_MANY_REQUESTS" && code != "UNAUTHORIZED");
        assert_eq!((outcomes, first.as_str(), second.as_str()), (vec![], "OK", "OK"));
    }

    async fn any_number_of_valid_tokens_may_call_from_one_address(builder: Builder) {
        let app = limited(builder, 3, 2).start().await;
        let clients: Vec<Client> = (0..50).map(|n| app.scripted(&format!("user_{n}"), Scope::Write)).collect();
        for method in ["user.me", "user.updateName"] {
            let outcomes = join_all(clients.iter().map(|client| call(client, method))).await;
            assert_eq!(outcomes, vec!["OK"; 50]);
        }
        // Each is counted as its user, and none as the address.
        assert_eq!(call(&app.user("user_7"), "user.updateName").await, "OK");
        assert_eq!(call(&clients[7], "user.updateName").await, "TOO_MANY_REQUESTS");
        let outcomes = flood(&app, "user.me", 5).await;
        assert_eq!(outcomes, expected(("TOO_MANY_REQUESTS", 2), ("UNAUTHORIZED", 3)));
    }

    async fn a_revoked_token_counts_against_the_address_once_it_was_refused(builder: Builder) {
        let app = limited(builder, 3, 0).start().await;
        app.provision("user_1", Role::User);
        let (token, id) = app.api_token("user_1", Scope::Read);
        let script = app.with_token(token);
        let mut answers = Vec::new();
        for number in 0..6 {
            if number == 1 {
                ApiToken::revoke(&mut app.connect(), id, Timestamp::now()).unwrap();
            }
            let response = script.send(request("user.me").to_string()).await;
            let remaining = header(&response, "x-ratelimit-remaining");
            let answer = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            answers.push((outcome(&answer), remaining));
        }
        let expected = [("OK", 2), ("UNAUTHORIZED", 1), ("UNAUTHORIZED", 2), ("UNAUTHORIZED", 1), ("UNAUTHORIZED", 0),
            ("TOO_MANY_REQUESTS", 0)];
        assert_eq!(answers, expected.map(|(code, remaining)| (code.to_owned(), remaining)));
        assert_eq!(call(&app.user("user_1"), "user.me").await, "OK");
    }

    async fn the_input_of_a_refused_call_is_not_read(builder: Builder) {
        let builder = limited(builder, 2, 2);
        let settings = builder.settings();
        let (_drain, draining) = watch::channel(false);
        let kernel = kernel(&settings, &builder.limits, routers::all(), draining).unwrap();
        let authenticator = Authenticator::new(&settings.jwt).unwrap();
        let made_up = PlainToken::generate().expose().to_owned();
        let user = hs256(&claims("user_1"));
        for (address, token, method, outcomes) in [
            ("192.0.2.1", None, "user.me", ["UNAUTHORIZED", "UNAUTHORIZED", "TOO_MANY_REQUESTS"]),
            ("192.0.2.2", Some("nonsense"), "user.me", ["UNAUTHORIZED", "UNAUTHORIZED", "TOO_MANY_REQUESTS"]),
            ("192.0.2.3", Some(made_up.as_str()), "user.me", ["UNAUTHORIZED", "UNAUTHORIZED", "TOO_MANY_REQUESTS"]),
            ("192.0.2.4", Some(made_up.as_str()), "user.updateName", ["UNAUTHORIZED", "UNAUTHORIZED", "TOO_MANY_REQUESTS"]),
            ("192.0.2.5", Some(user.as_str()), "user.me", ["BAD_REQUEST", "BAD_REQUEST", "TOO_MANY_REQUESTS"]),
            ("192.0.2.6", None, "rpc.discover", ["BAD_REQUEST", "BAD_REQUEST", "TOO_MANY_REQUESTS"]),
        ] {
            for expected in outcomes {
                let credential: Credential = authenticator.authenticate(token).await;
                let context = Arc::new(Context::new(Caller { address: address.parse().ok(), credential, ..Caller::default() }));
                let is_read = AtomicBool::new(false);
                let input = Input::deferred(|| {
                    is_read.store(true, Ordering::Relaxed);
                    Parsed { value: Some(json!({"extra": true})), issues: Vec::new() }
                });
                let error = kernel.call(&context, method, input, CallOptions::default()).await.result.unwrap_err();
                assert_eq!(error.code.as_str(), expected, "{address}");
                assert_eq!(is_read.into_inner(), expected == "BAD_REQUEST", "{address}: {expected}");
            }
        }
    }
}
